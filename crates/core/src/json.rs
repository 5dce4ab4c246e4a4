//! JSON at the boundary: canonical bytes and digests, strict parsing, and a reader that reports every problem at once.

mod members;
mod read;
mod strict;
mod write;

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use members::{FromJson, Members, Slot, fill, word};
pub(crate) use read::{Field, Object, Reader, join};
pub use strict::{ParseError, deserialize_into, parse};
pub use write::text;

/// The RFC 8785 canonical text of a value: sorted members, no spaces, one form for each number.
///
/// Everything that this program digests consists of strings, booleans, integers below 2^53, lists, and objects with text keys. For
/// these it cannot fail. A value that has no JSON form gives no text.
#[must_use]
pub fn canonical(value: &impl Serialize) -> String {
    serde_json::to_value(value).map(|value| write::canonical_text(&value)).unwrap_or_default()
}

/// Reads a count from an answer. `None` for anything but a whole number that canonical JSON can write exactly.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().filter(is_exact)
}

/// Whether canonical JSON can write the number exactly. Its numbers are those of JavaScript.
pub(crate) fn is_exact(number: &u64) -> bool {
    *number < 1 << 53
}

/// Reads the version of a value that a ledger keeps. Only the known version is accepted: another one may say things that this
/// program does not understand.
pub(crate) fn version<'de, const KNOWN: u32, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let found = u32::deserialize(deserializer)?;
    let refusal =
        || format!("it is of version {found}, and this program reads version {KNOWN}: use the program that wrote it");
    if found == KNOWN { Ok(found) } else { Err(D::Error::custom(refusal())) }
}

/// The SHA-256 digest in the form used everywhere: `sha256:` and 64 lower-case hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    digest_of(&[bytes])
}

/// The [`digest`] of the concatenated pieces.
#[must_use]
pub(crate) fn digest_of(pieces: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    pieces.iter().for_each(|piece| hash.update(piece));
    written(hash)
}

/// Writes a finished hash as a [`digest`].
#[must_use]
pub(crate) fn written(hash: Sha256) -> String {
    hex("sha256:", &hash.finalize())
}

/// Reads a digest as people have it: with or without `sha256:`, in any case, and optionally followed by the file name that
/// `sha256sum` writes. `None` if it is not a digest.
#[must_use]
pub fn typed_digest(text: &str) -> Option<String> {
    let word = text.split_whitespace().next()?;
    let digits = word.strip_prefix("sha256:").unwrap_or(word);
    let is_one = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| format!("sha256:{}", digits.to_ascii_lowercase()))
}

/// `before`, followed by the bytes as lower-case hexadecimal digits.
#[must_use]
pub(crate) fn hex(before: &str, bytes: &[u8]) -> String {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) };
    let mut out = Vec::with_capacity(before.len() + bytes.len() * 2);
    out.extend_from_slice(before.as_bytes());
    for byte in bytes {
        out.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Whether a character invisibly changes what a reader sees: control characters, and those that change the direction of writing.
/// What an approver reads must be the text that is signed for.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character leaves no mark on paper: deceptive ones, and those that Unicode says to ignore
/// (`Default_Ignorable_Code_Point`).
#[must_use]
pub fn is_unseen(c: char) -> bool {
    is_deceptive(c)
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Quotes what a person typed for a message: in backticks, on one line, cut after 80 characters, which is enough for a whole
/// digest.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for (place, c) in text.chars().enumerate() {
        if place == 80 {
            out.push('…');
            break;
        }
        if is_unseen(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.push('`');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_bytes_sort_members_and_drop_spaces() {
        let value = serde_json::json!({"b": [1, 2], "a": {"z": null, "y": "é\n"}, "\u{20ac}": true});
        assert_eq!(canonical(&value), "{\"a\":{\"y\":\"é\\n\",\"z\":null},\"b\":[1,2],\"\u{20ac}\":true}");
    }

    #[test]
    fn digest_is_sha256() {
        assert_eq!(digest(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest(b"abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
