//! Listens on this machine only, and limits how long and how many connections can be held.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, watch};

use super::patient::Patient;
use super::{Server, routes};
use crate::exit::Exit;
use crate::failure::Failure;

/// The most connections at a time. A browser uses six for a page.
const CONNECTIONS: usize = 64;

/// How long the head of a request may take to arrive.
const HEAD: Duration = Duration::from_secs(10);

/// How long a client may go without reading anything of its answer.
const READ: Duration = Duration::from_secs(30);

/// More bytes than the head of any browser's request.
const HEAD_BYTES: usize = 64 * 1024;

/// A listener on this machine. Any other address is refused, because whoever reaches the server can start deletions.
pub(crate) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    if !address.ip().is_loopback() {
        let message = format!("`{}` is not a loopback address", address.ip());
        let help = "the server can start deletions, so it listens on 127.0.0.1 or [::1] only; to reach it from elsewhere, use `ssh -L`";
        return Err(Failure::new(Exit::BadInput, "serve.notLoopback", "--listen", message, help));
    }
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|why| {
        let message = format!("cannot listen on {address}: {why}");
        let help = "another server may be running; `--listen 127.0.0.1:0` takes any free port";
        Failure::new(Exit::BadInput, "serve.listen", "--listen", message, help)
    })
}

/// Accepts connections until the server closes.
pub(crate) async fn accept(
    listener: TcpListener,
    server: Arc<Server>,
    mut closing: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|why| Failure::machine("listen", why))?;
    let router = routes::routes(&server);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let placed = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let placed = tokio::select! {
            placed = placed => placed,
            _ = closing.wait_for(|closing| *closing) => return Ok(()),
        };
        // Ignore a connection that is gone before it is accepted.
        let (Ok(place), Ok((stream, _))) = placed else { continue };
        let router: Router = router.clone();
        tokio::spawn(async move {
            // A broken connection is the client's concern, too.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(Patient::new(stream, READ)), TowerToHyperService::new(router))
                .await;
            drop(place);
        });
    }
}
