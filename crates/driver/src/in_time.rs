//! A limit on how long it may take to open a connection.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use tower_service::Service;

/// Opens connections as `inner` does, and gives up after `limit`, whatever that is still waiting for: names, TCP, a tunnel or TLS.
#[derive(Clone, Debug)]
pub(crate) struct InTime<S> {
    pub(crate) inner: S,
    pub(crate) limit: Duration,
}

type Failure = Box<dyn Error + Send + Sync>;

impl<S> Service<Uri> for InTime<S>
where
    S: Service<Uri, Error = Failure>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.inner.call(server));
        Box::pin(async { connecting.await.map_err(|_| "no connection was opened in time")? })
    }
}
