//! The policy that applies now, which is in the plans bucket.

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use purge_driver::PolicyInForce;

use crate::bucket::Bucket;

/// The message that there is no policy under its key.
pub(crate) fn missing_policy(key: &str) -> String {
    format!("there is no `{key}` in the plans bucket")
}

/// A policy that is read again before each deletion.
#[derive(Debug)]
pub(crate) struct BucketPolicy<'a, B> {
    pub(crate) bucket: &'a B,
    pub(crate) key: &'a str,
}

impl<B: Bucket> PolicyInForce for BucketPolicy<'_, B> {
    fn read(&self) -> LocalBoxFuture<'_, Result<String, String>> {
        let read = async {
            match self.bucket.read(self.key).await {
                Ok(Some(text)) => Ok(text),
                Ok(None) => Err(missing_policy(self.key)),
                Err(error) => Err(error.to_string()),
            }
        };
        read.boxed_local()
    }
}
