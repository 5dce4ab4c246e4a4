//! Checks that a line is written in the one way in which a record can be written, so that everybody who hashes it hashes the same
//! bytes.

use memchr::memchr2;

/// Whether a text that was read as a record is its canonical JSON (RFC 8785): no spaces, the members of every object in order, no
/// needless escape. Writing the record again and comparing would give the same answer, but takes twice as long as all other checks
/// together.
pub(super) fn is_canonical(text: &str) -> bool {
    // The name of the last member of every open object.
    let mut open: Vec<Option<&str>> = Vec::new();
    let mut rest = text;
    while let Some((between, after)) = rest.split_once('"') {
        let Some((string, after)) = is_plain(between, &mut open).then(|| split_string(after)).flatten() else {
            return false;
        };
        // Only member names are followed by a colon.
        if after.starts_with(':')
            && let Some(last) = open.last_mut()
            && last.replace(string) >= Some(string)
        {
            return false;
        }
        rest = after;
    }
    is_plain(rest, &mut open)
}

/// Whether the text between two strings is only punctuation, words and whole numbers, each of which has only one form. Opens and
/// closes objects.
fn is_plain(between: &str, open: &mut Vec<Option<&str>>) -> bool {
    between.bytes().all(|byte| {
        match byte {
            b'{' => open.push(None),
            b'}' => drop(open.pop()),
            _ => {}
        }
        matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'-' | b'0'..=b'9' | b'a'..=b'z')
    })
}

/// Splits a string at its closing quote. `None` if it has a needless escape, or an escape in another than the canonical form.
fn split_string(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = memchr2(b'"', b'\\', text.as_bytes().get(from..)?)?;
        let (string, after) = text.split_at_checked(from.saturating_add(at))?;
        let length = match after.as_bytes() {
            [b'"', ..] => return Some((string, after.get(1..)?)),
            [_, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [_, b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..]
            | [_, b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => 6,
            _ => return None,
        };
        from = string.len().saturating_add(length);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::json::canonical;

    #[test]
    fn every_other_way_to_write_it_shows() {
        let written = r#"{"a":{"b":[1,-2,{"c":null,"d":true}],"e":"x\n\u001f\u0007\"\\é"},"b":{},"c":[]}"#;
        assert!(is_canonical(written));
        for (from, to) in [
            ("[1,", "[ 1,"),
            ("{}", "{ }"),
            ("[]}", "[]}\r"),
            ("[]}", "[]} "),
            ("{\"a\"", "\t{\"a\""),
            ("\"b\":{},\"c\":[]", "\"c\":[],\"b\":{}"),
            ("\"c\":null,\"d\":true", "\"d\":true,\"c\":null"),
            ("\"c\":[]", "\"b\":[]"),
            ("x", "\\u0078"),
            ("\\n", "\\u000a"),
            ("\\u001f", "\\u001F"),
            ("\\u0007", "\\u0008"),
            ("é", "\\u00e9"),
            ("x", "\\/"),
            ("1,", "1.0,"),
            ("1,", "1E0,"),
            ("1,", "1e+0,"),
        ] {
            let other = written.replacen(from, to, 1);
            assert_ne!(other, written, "{from}");
            assert!(!is_canonical(&other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_canonically_passes(text in ".*", key in "[a-z]*", number in -9_000_i64..9_000) {
            let value = json!({ "text": text, "list": [number, { (key): text, "b": Value::Null }], "a": {} });
            prop_assert!(is_canonical(&canonical(&value)));
        }

        #[test]
        fn a_space_anywhere_shows(text in "[a-z\"\\\\\n]{0,4}", at in any::<prop::sample::Index>()) {
            let written = canonical(&json!({ "a": [text, 1], "b": { "c": true } }));
            let at = at.index(written.len() + 1);
            let mut spaced = written.clone();
            spaced.insert(at, ' ');
            // Inside a string the space makes another string; before an escaped letter it makes another escape.
            if let Ok(read) = serde_json::from_str::<Value>(&spaced) {
                let rewritten = canonical(&read);
                prop_assert_eq!(is_canonical(&spaced), rewritten == spaced);
            }
        }
    }
}
