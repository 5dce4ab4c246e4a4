//! Strict JSON reading and canonical bytes.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The canonical bytes of a value (RFC 8785). Core's own types always have them; a value that JSON cannot express has none.
#[must_use]
pub fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap_or_default()
}

/// SHA-256 as it is written everywhere: `sha256:` and 64 lower-case hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
