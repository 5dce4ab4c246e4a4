//! Buckets: whole texts under a key.

use std::fmt;
use std::future::Future;

/// Why a bucket does not do what it is asked. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {why}")]
pub struct BucketError {
    /// Which object.
    pub key: String,
    /// Why.
    pub why: String,
}

/// Keeps whole texts.
pub trait Bucket: fmt::Debug {
    /// The text under a key; `None` when there is nothing.
    ///
    /// # Errors
    /// When it cannot be read, or is no text.
    fn read(&self, key: &str) -> impl Future<Output = Result<Option<String>, BucketError>>;

    /// The text that was under a key in that version, whatever has been put there since; `None` when there is no such version.
    ///
    /// # Errors
    /// When it cannot be read, or is no text.
    fn read_version(&self, key: &str, version: &str) -> impl Future<Output = Result<Option<String>, BucketError>>;

    /// Puts a text under a key, instead of whatever was there.
    ///
    /// # Errors
    /// When it is not taken.
    fn write(&self, key: &str, text: String) -> impl Future<Output = Result<(), BucketError>>;
}
