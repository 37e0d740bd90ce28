use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use poem::http::uri::PathAndQuery;
use poem::http::{HeaderValue, Uri, header};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use super::counts::ExportCounts;

/// Maximum size of a response body that is read. Responses of a collector are short.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Sends batches to the collector over HTTP. The exporter calls it from a thread of its own; the requests run on the
/// runtime of the service.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) runtime: Handle,
    pub(super) patience: Duration,
    pub(super) counts: Arc<ExportCounts>,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let patience = self.patience;
        let sent = async move { tokio::time::timeout(patience, send(request)).await };
        let sent = self.runtime.spawn(sent).await;
        let answer: Result<Response<Bytes>, HttpError> = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("no answer in time".into()),
            Err(stopped) => Err(stopped.into()),
        };
        match &answer {
            Ok(answer) if answer.status().is_success() => self.counts.sent(),
            Ok(answer) => self.counts.failed(&answer.status()),
            Err(error) => self.counts.failed(error),
        }
        answer
    }
}

/// Sends one request on a new connection. There is only one request every few seconds.
async fn send(request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let host = parts.uri.host().ok_or("no host")?.to_owned();
    let port = parts.uri.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    if let Some(authority) = parts.uri.authority() {
        parts.headers.insert(header::HOST, HeaderValue::from_str(authority.as_str())?);
    }
    let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    parts.uri = Uri::from(path);
    let answer = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
