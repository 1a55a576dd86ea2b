//! Connections over a real socket: how patient the hub is, and how it ends. The client blocks its
//! own thread; the hub runs on others.

use crate::hub::TestHub;
use kehub::server::{Limits, serve};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Server {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(hub: &TestHub, limits: Limits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel();
    let end_signal = async { ended.await.unwrap_or(()) };
    let task = tokio::spawn(serve(listener, hub.app.clone(), limits, end_signal));
    Server { address, end, task }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_is_hung_up_on() {
    let hub = TestHub::on_memory().await;
    let limits = Limits { header_timeout: Duration::from_millis(10), ..Limits::default() };
    let server = start(&hub, limits).await;
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(!answer.contains(" 200 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_above_the_limit_waits_for_its_turn() {
    let hub = TestHub::on_memory().await;
    let server = start(&hub, Limits { connections_max: 1, ..Limits::default() }).await;
    let mut first = TcpStream::connect(server.address).unwrap();
    let keep = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    first.write_all(keep).unwrap();
    let mut head = [0; 15];
    first.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");

    let mut second = TcpStream::connect(server.address).unwrap();
    let close = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    second.write_all(close).unwrap();
    drop(first);
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_finished_before_the_end() {
    let hub = TestHub::on_memory().await;
    let server = start(&hub, Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).unwrap();
    let body = r#"{"name":"W"}"#;
    let head = format!(
        "POST /v1/customers?access_token={} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
         content-length: {}\r\n\r\n",
        hub.writer.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The hub asks for the body: the request is under way.
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");

    server.end.send(()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).is_err(), "nobody listens any more");
    assert_eq!(hub.customer_count().await, 1);
}
