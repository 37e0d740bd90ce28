use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::{Method, StatusCode, header};
use poem::{EndpointExt as _, Request, Response};

use super::page::page;
use super::text::Page;
use crate::http::AppState;
use crate::runtime::server::bad_head::BadHead;

const PATH: &str = "/metrics";

/// Serves `GET /metrics` and nothing else. It belongs on a listener of its own, because every client that reaches it
/// can read what the service does.
pub fn endpoint(state: &Arc<AppState>) -> BoxEndpoint<'static, Response> {
    let state = Arc::clone(state);
    make_sync(move |request| answer(&state, &request)).boxed()
}

fn answer(state: &AppState, request: &Request) -> Response {
    let answer = Response::builder()
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    match request.extensions().get::<BadHead>() {
        Some(BadHead::TooLarge) => {
            return answer.status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE).finish();
        }
        Some(_) => return answer.status(StatusCode::BAD_REQUEST).finish(),
        None => {}
    }
    match (request.uri().path(), request.method()) {
        (PATH, &Method::GET) => answer.content_type(Page::MEDIA_TYPE).body(page(state)),
        (PATH, _) => {
            answer.status(StatusCode::METHOD_NOT_ALLOWED).header(header::ALLOW, Method::GET.as_str()).finish()
        }
        _ => answer.status(StatusCode::NOT_FOUND).finish(),
    }
}
