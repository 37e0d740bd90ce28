use std::time::Duration;

use poem::error::ReadBodyError;
use poem::http::header;
use poem::{Request, RequestBody};

use crate::http::problem::{Kind, Problem};

/// The largest body that is read.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How long a client may take to send it: less than a whole request may take, so that the client is told which it was.
const MAX_BODY_TIME: Duration = Duration::from_secs(25);

/// Whether the body is said to be of a media type, and of no other: in one header, and in no other characters than UTF-8.
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

/// Whether the request has a body that is not known to be empty (RFC 9112 section 6.3).
pub(super) fn has_body(request: &Request) -> bool {
    let headers = request.headers();
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

/// Reads a body of the media type. What arrives is counted: `Content-Length` is the client's own word, and only believed
/// where it speaks against the client.
pub(super) async fn read_body(
    request: &Request,
    body: &mut RequestBody,
    media_type: &str,
) -> Result<Vec<u8>, Problem> {
    if !has_media_type(request, media_type) {
        let detail = format!("The body has to be of type {media_type}.");
        return Err(Problem::new(Kind::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::new(
            Kind::UNSUPPORTED_MEDIA_TYPE,
            "The body has to be sent as it is, without an encoding.",
        ));
    }
    let too_large =
        || Problem::new(Kind::BODY_TOO_LARGE, format!("The body may have at most {MAX_BODY_BYTES} bytes."));
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > MAX_BODY_BYTES) {
        return Err(too_large());
    }
    let body = body.take().map_err(Problem::internal)?;
    let read = tokio::time::timeout(MAX_BODY_TIME, body.into_bytes_limit(MAX_BODY_BYTES)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(Kind::MALFORMED_REQUEST, "The body broke off.")),
        Err(_) => Err(Problem::new(Kind::REQUEST_TIMEOUT, "The body did not arrive in time.")),
    }
}
