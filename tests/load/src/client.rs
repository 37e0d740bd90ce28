//! A client that costs little: requests made beforehand, and no more of the answer read than is needed.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PATIENCE: Duration = Duration::from_secs(60);
/// As much as is read at a time.
const CHUNK: usize = 16 * 1024;

/// A connection that is kept open, for whoever asks one thing after the other.
pub struct Connection {
    stream: TcpStream,
    received: Received,
}

/// The same for many who ask at the same time: a thread for each would cost more than the asking.
pub struct SharedConnection {
    stream: tokio::net::TcpStream,
    received: Received,
}

/// What came back.
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Opens a connection.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Received::default() })
    }

    /// Sends a request and waits for its answer.
    pub fn call(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.received.bytes.clear();
        self.stream.write_all(request)?;
        let mut chunk = [0; CHUNK];
        loop {
            let read = self.stream.read(&mut chunk)?;
            self.received.bytes.extend_from_slice(&chunk[..read]);
            if let Some(place) = self.received.whole(read)? {
                return Ok(self.received.answer(place));
            }
        }
    }
}

impl SharedConnection {
    /// Opens a connection.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Received::default() })
    }

    /// Sends a request and waits for its answer.
    pub async fn call(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.received.bytes.clear();
        self.stream.write_all(request).await?;
        loop {
            self.received.bytes.reserve(CHUNK);
            let read = self.stream.read_buf(&mut self.received.bytes).await?;
            if let Some(place) = self.received.whole(read)? {
                return Ok(self.received.answer(place));
            }
        }
    }
}

/// What has come of an answer so far.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
}

/// The status, where the body begins and where it ends.
type Place = (u16, usize, usize);

impl Received {
    /// Tells where the answer is once all of it has come, after so many more bytes were read.
    fn whole(&self, read: usize) -> io::Result<Option<Place>> {
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((status, start, length)) = parse_head(&self.bytes) else { return Ok(None) };
        let end = start + length;
        Ok((self.bytes.len() >= end).then_some((status, start, end)))
    }

    fn answer(&self, (status, start, end): Place) -> Answer<'_> {
        Answer { status, body: &self.bytes[start..end] }
    }
}

/// The status, where the body begins and how long it is.
fn parse_head(received: &[u8]) -> Option<(u16, usize, usize)> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&received[..end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((status, end + 4, length.unwrap_or(0)))
}

/// A request without a body.
pub fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// A request with a JSON body, and a token where one is needed.
pub fn send(method: &str, path: &str, token: Option<&str>, body: &serde_json::Value) -> Vec<u8> {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let body = body.to_string();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
