//! A network that can only be left through a proxy: tunnels to names that only the proxy knows, with TLS inside.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::mock::Mock;

/// The names of the server and of the webhook, which have no address.
pub(crate) const NAMES: [&str; 2] = ["api.purge.test", "hook.purge.test"];

/// An authority that is trusted only where its certificate is configured.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate in the format of `SSL_CERT_FILE`.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn server(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let names = NAMES.map(str::to_owned).to_vec();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// A proxy that keeps the head of every request that it receives.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy whose tunnels all end at this server. It opens them only with these credentials (Base64).
    pub(crate) fn start(mock: &Mock, authority: &Authority, credentials: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (heard, mock, tls) = (Arc::clone(&asked), mock.clone(), authority.server());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, mock, tls) = (Arc::clone(&heard), mock.clone(), Arc::clone(&tls));
                std::thread::spawn(move || tunnel(stream, &heard, &mock, tls, credentials));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn tunnel(mut stream: TcpStream, heard: &Mutex<Vec<String>>, mock: &Mock, tls: Arc<ServerConfig>, credentials: &str) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let known = head.contains(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
    heard.lock().unwrap().push(head);
    if known {
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        mock.serve(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream));
    } else {
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    }
}
