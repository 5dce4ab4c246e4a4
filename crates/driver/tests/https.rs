//! The real client against raw sockets on this machine: what counts as sent, and what counts as an answer.

#![cfg(test)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use purge_core::http::{HttpResponse, Method, NoResponse};
use purge_driver::{Http, HttpsClient, WireRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn request(url: String) -> WireRequest {
    WireRequest {
        method: Method::Post,
        url,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: b"{\"a\":1}".to_vec(),
        timeout: Duration::from_secs(5),
    }
}

/// Sends one request to a server that reads it whole, writes `answer` and closes. Returns the result and what the server read.
async fn exchange(answer: Vec<u8>) -> (Result<HttpResponse, NoResponse>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/path?q=1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut arrived = Vec::new();
        while !arrived.ends_with(b"{\"a\":1}") {
            assert_ne!(socket.read_buf(&mut arrived).await.unwrap(), 0);
        }
        // The client may have hung up on an endless answer.
        let _ = socket.write_all(&answer).await;
        String::from_utf8(arrived).unwrap()
    });
    let client = HttpsClient::new().unwrap();
    let response = client.send(request(url)).await;
    (response, server.await.unwrap())
}

#[tokio::test]
async fn an_answer_comes_back_whole_and_the_request_arrives_as_it_is() {
    let (response, arrived) =
        exchange(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno".to_vec()).await;
    let response = response.unwrap();
    assert_eq!((response.status, response.body.as_str(), response.header("retry-after")), (429, "no", Some("7")));
    assert!(arrived.starts_with("POST /path?q=1 HTTP/1.1\r\n"), "{arrived}");
    assert!(arrived.to_ascii_lowercase().contains("content-length: 7\r\n"), "{arrived}");
    assert!(!arrived.to_ascii_lowercase().contains("transfer-encoding"), "{arrived}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (response, _) =
        exchange(b"HTTP/1.1 307 No\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    assert_eq!(response.unwrap().status, 307);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    for answer in [
        "",
        "HTTP/1.1 202 Acc",
        "HTTP/1.1 202 Accepted\r\nContent-Length: 20\r\n\r\n{\"id\":",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"",
        "garbage\r\n\r\n",
    ] {
        let (response, _) = exchange(answer.as_bytes().to_vec()).await;
        assert_eq!(response, Err(NoResponse::Dropped), "{answer:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 11000000\r\n\r\n".to_vec();
    answer.resize(answer.len() + 11_000_000, b'x');
    let (response, _) = exchange(answer).await;
    assert_eq!(response, Err(NoResponse::Dropped));
}

#[tokio::test]
async fn what_cannot_connect_has_not_been_sent() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let client = HttpsClient::new().unwrap();
    assert_eq!(client.send(request(format!("http://{nobody}/"))).await, Err(NoResponse::NotSent));
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut arrived = Vec::new();
        socket.read_buf(&mut arrived).await.unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        arrived
    });
    assert_eq!(HttpsClient::new().unwrap().send(request(url)).await, Err(NoResponse::NotSent));
    let arrived = server.await.unwrap();
    assert!(!arrived.windows(3).any(|bytes| bytes == b"{\"a"), "only a TLS greeting may arrive");
}

/// The request itself comes after the greeting. The limit is shorter than the time that a request may take, after which it might
/// have arrived.
#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let client = HttpsClient::new().unwrap();
    let sent = tokio::time::timeout(Duration::from_secs(20), client.send(request(url))).await;
    assert_eq!(sent, Ok(Err(NoResponse::NotSent)));
}

#[tokio::test]
async fn plain_text_to_another_machine_never_leaves() {
    let client = HttpsClient::new().unwrap();
    for url in ["http://api.example.com/", "http://192.0.2.1/", "ftp://127.0.0.1/", "nonsense"] {
        assert_eq!(client.send(request(url.to_owned())).await, Err(NoResponse::NotSent), "{url}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_does_not_send_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut requests = 0;
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut arrived = Vec::new();
            while !arrived.ends_with(b"{\"a\":1}") {
                if socket.read_buf(&mut arrived).await.unwrap() == 0 {
                    break;
                }
            }
            requests += 1;
            if requests == 2 {
                // Read the request, but do not answer.
                return requests;
            }
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    });
    let client = HttpsClient::new().unwrap();
    assert_eq!(client.send(request(url.clone())).await.unwrap().status, 200);
    tokio::task::yield_now().await;
    let second = client.send(request(url.clone())).await;
    // Either the client noticed that the old connection was closed and a new one read the request, or nothing left.
    match second {
        Err(NoResponse::Dropped) => assert_eq!(server.await.unwrap(), 2),
        Err(NoResponse::NotSent) => assert!(!server.is_finished()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn answers_of_every_kind_give_their_connection_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let server = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                for status in [429, 500, 401, 404, 202].into_iter().cycle() {
                    let mut arrived = Vec::new();
                    while !arrived.ends_with(b"{\"a\":1}") {
                        if socket.read_buf(&mut arrived).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let length = 20_000;
                    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
                    socket.write_all(&[head.as_bytes(), &vec![b'x'; length]].concat()).await.unwrap();
                }
            });
        }
    });
    let client = HttpsClient::new().unwrap();
    for _ in 0..100 {
        assert_eq!(client.send(request(url.clone())).await.unwrap().body.len(), 20_000);
    }
    server.abort();
    let connections = connections.load(Ordering::Relaxed);
    assert!(connections < 5, "{connections} connections for 100 requests one after the other");
}
