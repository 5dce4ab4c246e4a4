//! Response bodies that arrive whole or break off on purpose.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Sleep;

/// Long enough for the first part to leave before the connection breaks.
const BEFORE_THE_BREAK: Duration = Duration::from_millis(50);

/// A body that promises `length` bytes and breaks off after those it has, if they are fewer.
pub(crate) struct ReplyBody {
    length: u64,
    bytes: Option<Bytes>,
    break_off: Option<Pin<Box<Sleep>>>,
}

impl ReplyBody {
    /// A body that arrives whole.
    pub(crate) fn whole(text: String) -> Self {
        let bytes = Bytes::from(text);
        Self { length: u64::try_from(bytes.len()).unwrap_or(u64::MAX), bytes: Some(bytes), break_off: None }
    }

    /// A body of which only the first `arrives` bytes arrive before the connection breaks.
    pub(crate) fn cut(text: String, arrives: usize) -> Self {
        let mut body = Self::whole(text);
        if let Some(bytes) = &mut body.bytes {
            bytes.truncate(arrives);
        }
        body.break_off = Some(Box::pin(tokio::time::sleep(BEFORE_THE_BREAK)));
        body
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match &mut self.break_off {
            None => Poll::Ready(None),
            Some(wait) => wait.as_mut().poll(cx).map(|()| Some(Err(io::ErrorKind::ConnectionReset.into()))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
