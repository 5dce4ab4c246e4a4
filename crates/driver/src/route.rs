//! The way to a server: directly, or through the tunnel of a proxy, which sees host names and ciphertext and nothing else.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

/// How long reaching a proxy and opening a tunnel may take. After that it is certain that nothing has left.
const TUNNEL_TIMEOUT: Duration = Duration::from_secs(20);

/// An HTTP proxy that opens tunnels (`CONNECT`, RFC 9110), and the servers that are reached without it.
#[derive(Clone)]
pub struct Proxy(Arc<Matcher>);

impl Proxy {
    /// Uses the proxy at `address` (`http://proxy.example.com:3128`, with `user:password@` if it needs them) for every server
    /// except those in `except`: names with their subdomains, addresses and networks, separated by commas, as in `NO_PROXY`.
    ///
    /// # Errors
    /// What is wrong with the address, without repeating it: it may contain a password.
    pub fn new(address: &str, except: &str) -> Result<Self, &'static str> {
        let anything = Uri::from_static("https://example.com/");
        let matcher = Matcher::builder().https(address.to_owned()).build();
        match matcher.intercept(&anything).as_ref().map(|way| way.uri().scheme_str()) {
            Some(Some("http")) => Ok(Self(Arc::new(Matcher::builder().https(address.to_owned()).no(except).build()))),
            Some(_) => Err("only plain HTTP proxies (`http://…`) are supported; the traffic inside the tunnel is TLS"),
            None => Err("is not the address of a proxy"),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy(…)")
    }
}

/// Opens connections. Only those that will carry TLS go through the proxy; plain text stays on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) tcp: HttpConnector,
    pub(crate) proxy: Option<Proxy>,
}

type Failure = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Route {
    type Response = TokioIo<TcpStream>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Some(way) = self.proxy.as_ref().and_then(|proxy| proxy.0.intercept(&server)) else {
            let connecting = self.tcp.call(server);
            return Box::pin(async { Ok(connecting.await?) });
        };
        let mut tunnel = Tunnel::new(way.uri().clone(), self.tcp.clone());
        if let Some(credentials) = way.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        let connecting = tokio::time::timeout(TUNNEL_TIMEOUT, tunnel.call(server));
        Box::pin(async { Ok(connecting.await.map_err(|_| "the proxy opened no tunnel in time")??) })
    }
}
