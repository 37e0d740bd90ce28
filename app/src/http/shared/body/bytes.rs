use std::time::Duration;

use futures_util::StreamExt as _;
use inwren_domain::kernel::ClientNetwork;
use poem::http::header;
use poem::{Body, Request, RequestBody};
use tokio::time::{Instant, timeout_at};

use crate::http::shared::client::client_of;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::state::AppState;

/// Maximum size of a body.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Maximum time for sending a body. It is shorter than the time limit of the whole request, so that the client learns
/// which limit it exceeded.
const MAX_BODY_TIME: Duration = Duration::from_secs(25);
/// Time before the minimum rate applies. It is as long as the time for the headers, because a phone on a bad connection
/// may have to retransmit several times.
const BODY_GRACE: Duration = Duration::from_secs(10);
/// Minimum rate in bytes per second, counted from the end of the grace period.
const MIN_BODY_RATE: u64 = 1_024;
/// `Retry-After` for clients whose network has too many requests that wait for their bodies.
const PENDING_RETRY: Duration = Duration::from_secs(1);

/// Returns whether the request declares this media type, in exactly one header and with no charset other than UTF-8.
fn has_media_type(request: &Request, media_type: &str) -> bool {
    let mut types = request.headers().get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else { return false };
    let Ok(content_type) = content_type.to_str() else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    let is_it = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(media_type));
    is_it && parts.filter_map(|parameter| parameter.split_once('=')).all(is_no_other_charset)
}

fn is_no_other_charset((name, value): (&str, &str)) -> bool {
    !name.trim_end().eq_ignore_ascii_case("charset")
        || ["utf-8", "utf8"].iter().any(|utf8| value.trim().trim_matches('"').eq_ignore_ascii_case(utf8))
}

/// Returns whether the request has a body that is not known to be empty (RFC 9112 section 6.3).
pub(super) fn has_body(request: &Request) -> bool {
    let headers = request.headers();
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

/// Reads a body of this media type. The size limit applies to the bytes that arrive. The client can send any
/// `Content-Length`, so a large value leads to refusal, but a small one proves nothing.
pub(super) async fn read_body(
    request: &Request,
    body: &mut RequestBody,
    media_type: &str,
) -> Result<Vec<u8>, Problem> {
    if !has_media_type(request, media_type) {
        let detail = format!("Unsupported media type. Send a body of type {media_type}.");
        return Err(Problem::new(Kind::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::new(
            Kind::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported Content-Encoding. Send the body without an encoding.",
        ));
    }
    let too_large =
        || Problem::new(Kind::BODY_TOO_LARGE, format!("The body is larger than {MAX_BODY_BYTES} bytes."));
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > MAX_BODY_BYTES) {
        return Err(too_large());
    }
    let network = ClientNetwork::of(client_of(request));
    let Some(_pending) = AppState::of(request)?.bodies.begin(network) else {
        tracing::info!("too many requests of one network wait for their bodies");
        let problem = Problem::new(
            Kind::RATE_LIMITED,
            "Too many requests from this network have not sent their bodies yet.",
        );
        return Err(problem.retry_after(PENDING_RETRY));
    };
    match read_in_time(body.take().map_err(Problem::internal)?).await {
        Ok(bytes) => Ok(bytes),
        Err(Unread::TooLarge) => Err(too_large()),
        Err(Unread::Broken) => {
            Err(Problem::new(Kind::MALFORMED_REQUEST, "The body is incomplete: the connection was closed."))
        }
        Err(Unread::TooSlow) => Err(Problem::of(Kind::REQUEST_TIMEOUT)),
    }
}

/// The reasons why a body was not read completely.
enum Unread {
    TooLarge,
    Broken,
    TooSlow,
}

/// Reads a body and enforces its maximum size, time and minimum rate.
async fn read_in_time(body: Body) -> Result<Vec<u8>, Unread> {
    let start = Instant::now();
    let mut chunks = std::pin::pin!(body.into_bytes_stream());
    let mut bytes = Vec::new();
    loop {
        let deadline = start + time_for(bytes.len());
        match timeout_at(deadline, chunks.next()).await {
            Ok(Some(Ok(chunk))) if bytes.len() + chunk.len() > MAX_BODY_BYTES => {
                return Err(Unread::TooLarge);
            }
            Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
            Ok(Some(Err(_))) => return Err(Unread::Broken),
            Ok(None) => return Ok(bytes),
            Err(_) => return Err(Unread::TooSlow),
        }
    }
}

/// Returns how long after the start of reading the next bytes may arrive, if `received` bytes have arrived so far.
fn time_for(received: usize) -> Duration {
    let received = u64::try_from(received).unwrap_or(u64::MAX);
    (BODY_GRACE + Duration::from_millis(received.saturating_mul(1_000) / MIN_BODY_RATE)).min(MAX_BODY_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_a_grace_and_then_a_minimum_rate() {
        assert_eq!(time_for(0), BODY_GRACE);
        assert_eq!(time_for(100), BODY_GRACE + Duration::from_millis(97));
        assert_eq!(time_for(4 * 1_024), BODY_GRACE + Duration::from_secs(4));
        assert_eq!(time_for(MAX_BODY_BYTES), MAX_BODY_TIME);
    }
}
