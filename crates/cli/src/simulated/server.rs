//! HTTP/1.1 in front of the simulated tenant, on a thread of its own.
//!
//! Breaks the connection where the tenant says that no answer arrives. A slow answer holds up no other request.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use futures_util::future::select;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use purge_core::http::{HttpResponse, Method};
use purge_driver::{Clock, SystemClock};
use purge_sim::{Delivery, TenantRequest};
use tokio::sync::oneshot;

use super::body::ReplyBody;
use super::world::World;

/// More bytes than any body that the tenant accepts. For a longer one the connection is closed.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The world that all connections share.
pub(crate) type SharedWorld = Arc<Mutex<World>>;

/// A server on a thread of its own. It ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    /// The address that it really listens on.
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread must be gone, because the next server writes to the same journal. It has already reported any panic.
            let _ = thread.join();
        }
    }
}

/// Starts a server on a thread of its own.
pub(crate) fn start(address: SocketAddr, world: SharedWorld) -> io::Result<Running> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = thread::Builder::new().name("tenant".to_owned()).spawn(move || {
        runtime.block_on(async {
            // Only registering the listener can fail here; the client then finds no server and reports that.
            select(pin!(serve(listener, world)), stopped).await;
        });
    })?;
    Ok(Running { address, stop: Some(stop), thread: Some(thread) })
}

/// Accepts connections for ever.
pub(crate) async fn serve(listener: TcpListener, world: SharedWorld) -> io::Result<Infallible> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        // Ignore a connection that is gone before it is accepted.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&world), request));
            // Broken connections are intended here, and there is no one to report them to.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Answers one request. An `Err` makes the server close the connection without an answer.
async fn answer(world: SharedWorld, request: Request<Incoming>) -> Result<Response<ReplyBody>, io::Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(io::Error::other)?;
    let Some(method) = method(&head.method) else { return Ok(empty_response(StatusCode::METHOD_NOT_ALLOWED)) };
    let headers = head.headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let request = TenantRequest {
        method,
        path: head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    };
    let reply = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        world.handle(&request, SystemClock.now())?
    };
    tokio::time::sleep(reply.after).await;
    match reply.delivery {
        Delivery::Answer(response) => response_of(response, ReplyBody::whole),
        Delivery::Truncated(response, arrives) => response_of(response, |text| ReplyBody::cut(text, arrives)),
        Delivery::Dropped => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

fn method(method: &hyper::Method) -> Option<Method> {
    [Method::Get, Method::Post, Method::Put, Method::Delete].into_iter().find(|m| m.as_str() == method.as_str())
}

fn empty_response(status: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(String::new()));
    *response.status_mut() = status;
    response
}

fn response_of(from: HttpResponse, body: impl FnOnce(String) -> ReplyBody) -> Result<Response<ReplyBody>, io::Error> {
    let mut response = Response::new(body(from.body));
    *response.status_mut() = StatusCode::from_u16(from.status).map_err(io::Error::other)?;
    for (name, value) in from.headers {
        let name = HeaderName::try_from(name).map_err(io::Error::other)?;
        response.headers_mut().append(name, HeaderValue::try_from(value).map_err(io::Error::other)?);
    }
    Ok(response)
}
