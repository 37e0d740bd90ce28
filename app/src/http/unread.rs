//! What is answered to what never became a request, because it could not be read as one.

use std::net::IpAddr;

use inwren_domain::ports::Entropy;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::middleware::{add_common, new_request_id};
use super::problem::{Kind, Problem, number};
use super::responses::PROBLEM_JSON;

/// The answer, as it goes over the connection, which closes behind it. The head is that of the parser's own answer: its status
/// says what was wrong, and its date is the time.
///
/// It has a body whatever the method was, which nobody knows; no other answer comes after it.
pub fn answer(head: &[u8], client: IpAddr, entropy: &dyn Entropy) -> Vec<u8> {
    let status = head.get(9..12).and_then(|status| StatusCode::from_bytes(status).ok());
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    let problem = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::new(
            Kind::HEADERS_TOO_LARGE,
            "The request line and the headers may have at most 32 KiB in a hundred lines.",
        ),
        StatusCode::URI_TOO_LONG => Problem::of(Kind::URI_TOO_LONG),
        _ => Problem::new(Kind::MALFORMED_REQUEST, "This cannot be read as a request (RFC 9112)."),
    };
    let id = new_request_id(entropy);
    tracing::info!(request_id = %id, status = problem.kind.status, %client, "what could not be read was refused");
    let body = problem.to_json(&id).to_string();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    headers.insert(header::CONTENT_LENGTH, number(body.len() as u64));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(date) = date_of(head) {
        headers.insert(header::DATE, date);
    }
    // Whether it goes out over TLS is not known here, and the header is never a must.
    add_common(&mut headers, &id, false);
    let status = StatusCode::from_u16(problem.kind.status).unwrap_or(StatusCode::BAD_REQUEST);
    let reason = status.canonical_reason().unwrap_or_default();
    let mut answer = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in &headers {
        answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    answer.extend(b"\r\n");
    answer.extend(body.into_bytes());
    answer
}

fn date_of(head: &[u8]) -> Option<HeaderValue> {
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let date =
        lines.find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("date")));
    HeaderValue::from_str(date?.1).ok()
}

#[cfg(test)]
mod tests {
    use inwren_adapters::entropy::SystemEntropy;

    use super::*;

    #[test]
    fn it_is_an_answer_like_all_others() {
        for (status, code) in [
            ("400 Bad Request", "malformed-request"),
            ("431 Too Large", "headers-too-large"),
            ("414 x", "uri-too-long"),
        ] {
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: 0\r\ndate: Thu, 26 Nov 2026 00:00:00 GMT\r\n\r\n"
            );
            let text =
                String::from_utf8(answer(head.as_bytes(), [192, 0, 2, 1].into(), &SystemEntropy)).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", &status[..3])), "{head}");
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!((&body["code"], body["status"].to_string().as_str()), (&code.into(), &status[..3]));
            for line in [
                format!("content-length: {}", text.split_once("\r\n\r\n").unwrap().1.len()),
                format!("x-request-id: {}", body["request_id"].as_str().unwrap()),
                "date: Thu, 26 Nov 2026 00:00:00 GMT".to_owned(),
                "connection: close".to_owned(),
                "content-type: application/problem+json".to_owned(),
                "x-content-type-options: nosniff".to_owned(),
            ] {
                assert!(head.lines().any(|found| found == line), "{line} is not in\n{head}");
            }
        }
    }
}
