//! As little of HTTP/1.1 as the tasks need, so that most of the machine is left to the server.

use crate::server::{APP_ID, SECRET};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A keep-alive connection with at most one request under way.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    /// The header with the token, where one is shown.
    authorization: String,
    /// The header with the idempotency key of the next request, where it has one.
    key: String,
    request: String,
    answer: Vec<u8>,
}

/// An answer; the body is good until the next request.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// Seconds after which the server wants to be asked again, if it says so.
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (authorization, key) = (String::new(), String::new());
        let (request, answer) = (String::new(), Vec::new());
        Ok(Connection { stream, address, authorization, key, request, answer })
    }

    /// A token of the server's own app.
    pub(crate) async fn token(&mut self) -> Result<String> {
        let sent = format!("{{\"appId\":\"{APP_ID}\",\"secret\":\"{SECRET}\"}}");
        let answer = self.post("/api/tokens", &sent).await?;
        let body = String::from_utf8_lossy(answer.body);
        let token = body.split("\"accessToken\":\"").nth(1).and_then(|rest| rest.split('"').next());
        Ok(token.with_context(|| format!("no token in {body}"))?.to_owned())
    }

    /// Shows a token from now on.
    pub(crate) fn sign(&mut self, token: &str) {
        self.authorization = format!("authorization: Bearer {token}\r\n");
    }

    /// Gives the next request that is sent this idempotency key.
    pub(crate) fn key(&mut self, key: &str) {
        self.key = format!("idempotency-key: {key}\r\n");
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer<'_>> {
        self.request.clear();
        let Connection { address, authorization, .. } = self;
        write!(self.request, "GET {path} HTTP/1.1\r\nhost: {address}\r\n{authorization}\r\n")?;
        self.exchange().await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Result<Answer<'_>> {
        self.send("POST", path, body).await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Answer<'_>> {
        self.request.clear();
        let Connection { address, authorization, key, .. } = self;
        write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             {authorization}{key}content-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        self.key.clear();
        self.exchange().await
    }

    async fn exchange(&mut self) -> Result<Answer<'_>> {
        self.stream.write_all(self.request.as_bytes()).await?;
        self.answer.clear();
        let head = loop {
            self.read().await?;
            if let Some(place) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break place + 4;
            }
        };
        let Head { status, length, retry_after } =
            read_head(self.answer.get(..head).unwrap_or_default())?;
        while self.answer.len() < head + length {
            self.read().await?;
        }
        let body = self.answer.get(head..head + length).unwrap_or_default();
        Ok(Answer { status, retry_after, body })
    }

    async fn read(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.answer).await?;
        if read > 0 {
            return Ok(());
        }
        let closed = io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection");
        Err(closed.into())
    }
}

/// What matters of the head of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Of the body, in bytes.
    length: usize,
    retry_after: Option<u64>,
}

fn read_head(head: &[u8]) -> Result<Head> {
    let head = std::str::from_utf8(head)?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let retry_after = header("retry-after").map(str::parse).transpose()?;
    let length = match status {
        204 => 0,
        _ => header("content-length").context("an answer without content-length")?.parse()?,
    };
    Ok(Head { status, length, retry_after })
}

#[cfg(test)]
mod tests {
    use super::{Head, read_head};

    #[test]
    fn a_head_gives_status_and_length() {
        let head = b"HTTP/1.1 201 Created\r\nContent-Length: 17\r\n\r\n";
        let created = Head { status: 201, length: 17, retry_after: None };
        assert_eq!(read_head(head).unwrap(), created);
        let head =
            b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n";
        let busy = Head { status: 503, length: 2, retry_after: Some(1) };
        assert_eq!(read_head(head).unwrap(), busy);
        assert!(read_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
