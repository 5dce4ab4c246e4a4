//! Splits a log that comes piece by piece, cut anywhere, into lines.

use std::borrow::Cow;

use memchr::memchr;

/// Assembles lines from pieces.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
}

impl Lines {
    /// Takes the next piece and passes on every line that ends in it. Bytes that are not UTF-8 become replacement characters, so
    /// the hash of such a record no longer fits.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        let mut bytes = bytes;
        while let Some((piece, after)) = memchr(b'\n', bytes).and_then(|end| bytes.split_at_checked(end)) {
            if self.rest.is_empty() {
                each(&text(piece));
            } else {
                let mut line = std::mem::take(&mut self.rest);
                line.extend_from_slice(piece);
                each(&text(&line));
            }
            bytes = after.get(1..).unwrap_or_default();
        }
        self.rest.extend_from_slice(bytes);
    }

    /// Passes on what follows the last line end, if anything does.
    pub fn end(&mut self, each: impl FnOnce(&str)) {
        let line = std::mem::take(&mut self.rest);
        if !line.is_empty() {
            each(&text(&line));
        }
    }
}

/// Decodes a line. Checking first whether all of it is valid takes a fraction of the time of the lossy conversion.
fn text(line: &[u8]) -> Cow<'_, str> {
    str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wherever_it_is_cut_the_lines_are_the_same() {
        let log = "one\n\ntwo é\nthree".as_bytes();
        for size in 1..=log.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            log.chunks(size).for_each(|piece| lines.feed(piece, |line| seen.push(line.to_owned())));
            lines.end(|line| seen.push(line.to_owned()));
            assert_eq!(seen, ["one", "", "two é", "three"], "pieces of {size}");
        }
    }

    #[test]
    fn what_ends_with_a_line_end_has_no_line_after_it() {
        let mut lines = Lines::default();
        let mut seen = 0;
        lines.feed(b"one\n", |_| seen += 1);
        lines.end(|line| panic!("`{line}`"));
        assert_eq!(seen, 1);
    }
}
