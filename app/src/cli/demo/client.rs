use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use poem::http::{Request, StatusCode, header};
use serde_json::Value;
use tokio::net::TcpStream;

/// Maximum size of a response body. Those of the demo are shorter.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A request of the demo.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// The access token.
    pub(super) token: Option<String>,
    pub(super) body: Option<Value>,
}

impl Call {
    pub(super) fn get(path: &'static str) -> Self {
        Self { method: "GET", path, token: None, body: None }
    }

    pub(super) fn post(path: &'static str) -> Self {
        Self { method: "POST", ..Self::get(path) }
    }

    pub(super) fn json(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }
}

/// A response. Its body is JSON, or null if it is empty.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    pub(super) took: Duration,
}

impl Answer {
    /// A member of the body that must be a string.
    pub(super) fn text(&self, name: &str) -> Result<String, String> {
        self.body[name].as_str().map(str::to_owned).ok_or_else(|| format!("the response has no {name}"))
    }
}

/// Sends a request on a new connection.
pub(super) async fn send(address: SocketAddr, call: &Call) -> Result<Answer, String> {
    exchange(address, call).await.map_err(|error| format!("{} {}: {error}", call.method, call.path))
}

async fn exchange(
    address: SocketAddr,
    call: &Call,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let begun = Instant::now();
    let mut request = Request::builder()
        .method(call.method)
        .uri(call.path)
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = &call.token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_BODY_BYTES).collect().await?.to_bytes();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
    Ok(Answer { status, body, took: begun.elapsed() })
}
