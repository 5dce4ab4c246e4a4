//! The port to a bucket, which stores whole texts under keys.

use std::fmt;
use std::future::Future;

/// Why a bucket could not be read or written. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {why}")]
pub struct BucketError {
    /// Key of the object.
    pub key: String,
    /// What failed.
    pub why: String,
}

/// Stores whole texts.
pub trait Bucket: fmt::Debug {
    /// The text under a key; `None` when there is no such object.
    ///
    /// # Errors
    /// When it cannot be read, or is not text.
    fn read(&self, key: &str) -> impl Future<Output = Result<Option<String>, BucketError>>;

    /// The text of one version of a key, whatever has been put there since; `None` when there is no such version.
    ///
    /// # Errors
    /// When it cannot be read, or is not text.
    fn read_version(&self, key: &str, version: &str) -> impl Future<Output = Result<Option<String>, BucketError>>;

    /// Puts a text under a key, replacing what was there.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&self, key: &str, text: String) -> impl Future<Output = Result<(), BucketError>>;
}
