//! Buckets: whole texts under a key.

use std::future::Future;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;

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
pub trait Bucket {
    /// The text under a key; `None` when there is nothing.
    ///
    /// # Errors
    /// When it cannot be read, or is no text.
    fn read(&self, key: &str) -> impl Future<Output = Result<Option<String>, BucketError>>;

    /// Puts a text under a key, instead of whatever was there.
    ///
    /// # Errors
    /// When it is not taken.
    fn write(&self, key: &str, text: String) -> impl Future<Output = Result<(), BucketError>>;
}

/// An S3 bucket.
#[derive(Clone, Debug)]
pub struct S3Bucket {
    client: Client,
    name: String,
}

impl S3Bucket {
    /// The bucket of that name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }
}

impl Bucket for S3Bucket {
    async fn read(&self, key: &str) -> Result<Option<String>, BucketError> {
        let failed = |why: String| BucketError { key: key.to_owned(), why };
        let got = self.client.get_object().bucket(&self.name).key(key).send().await;
        let object = match got {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(failed(DisplayErrorContext(error).to_string())),
        };
        let bytes = object.body.collect().await.map_err(|why| failed(why.to_string()))?.into_bytes();
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| failed("it is not UTF-8".to_owned()))
    }

    async fn write(&self, key: &str, text: String) -> Result<(), BucketError> {
        let put = self.client.put_object().bucket(&self.name).key(key).body(ByteStream::from(text.into_bytes()));
        let put =
            put.content_type(if key.ends_with(".json") { "application/json" } else { "text/plain; charset=utf-8" });
        put.send()
            .await
            .map(|_| ())
            .map_err(|error| BucketError { key: key.to_owned(), why: DisplayErrorContext(error).to_string() })
    }
}
