//! A low-cost HTTP client: it prepares requests in advance and reads only the necessary parts of a response.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes per read.
const CHUNK: usize = 16 * 1024;

/// A persistent connection for sequential requests.
pub struct Connection {
    stream: TcpStream,
    received: Received,
}

/// A persistent connection for many concurrent clients. One thread per client would cost more than the requests.
pub struct SharedConnection {
    stream: tokio::net::TcpStream,
    received: Received,
}

/// A response.
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The status line and the headers.
    head: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The values of all headers with this name.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let lines = std::str::from_utf8(self.head).unwrap_or_default().lines();
        let headers = lines.filter_map(|line| line.split_once(':'));
        headers.filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Connection {
    /// Opens a connection.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Received::default() })
    }

    /// Sends a request and waits for its response.
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

    /// Sends a request and waits for its response.
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

/// The received part of a response.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
}

/// The status code and the start and end of the body.
type Place = (u16, usize, usize);

impl Received {
    /// Returns the place of the response when it is complete. `read` is the size of the last read; 0 is an error.
    fn whole(&self, read: usize) -> io::Result<Option<Place>> {
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((status, start, length)) = parse_head(&self.bytes) else { return Ok(None) };
        let end = start + length;
        Ok((self.bytes.len() >= end).then_some((status, start, end)))
    }

    fn answer(&self, (status, start, end): Place) -> Answer<'_> {
        Answer { status, head: &self.bytes[..start], body: &self.bytes[start..end] }
    }
}

/// Returns the status code and the start and length of the body.
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

/// A GET request.
pub fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// A request with a JSON body and an optional token.
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

/// The beginning of a request of a browser with these cookies.
fn page_head(method: &str, path: &str, cookies: &str) -> String {
    let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {cookies}\r\n") };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n{cookies}")
}

/// A GET request of a browser with these cookies.
pub fn open(path: &str, cookies: &str) -> Vec<u8> {
    format!("{}\r\n", page_head("GET", path, cookies)).into_bytes()
}

/// A POST request with a form, of a browser with these cookies.
pub fn submit(path: &str, cookies: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let (head, body) = (page_head("POST", path, cookies), encoded(fields));
    format!(
        "{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The fields as a query or a form.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        text.extend([if text.is_empty() { "" } else { "&" }, *name, "="]);
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(byte.into());
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}
