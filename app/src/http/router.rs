use std::sync::Arc;

use percent_encoding::percent_decode_str;
use poem::endpoint::BoxEndpoint;
use poem::error::NotFoundError;
use poem::http::Uri;
use poem::{Endpoint, IntoResponse as _, Request, Response, Route};

use super::shared::document::{KnownRoute, RouteTable};

/// Dispatches requests to the operations of the document, and to the pages beside them.
///
/// Nesting both in one route would parse the path of every request once more.
pub(super) struct Router {
    pub(super) operations: BoxEndpoint<'static, Response>,
    pub(super) pages: Route,
    pub(super) routes: Arc<RouteTable>,
}

impl Endpoint for Router {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if let Some(path) = self.routes.original(request.uri().path()) {
            // The new URI has no query: these documents take no parameters.
            *request.uri_mut() = Uri::from_static(path);
        }
        if self.routes.find(request.uri().path()).is_some_and(KnownRoute::is_page) {
            return Ok(self.pages.call(request).await?.into_response());
        }
        // For a path that is not UTF-8, the library's router would report a wrong method or a missing token.
        if !is_text(request.uri().path()) {
            return Err(NotFoundError.into());
        }
        self.operations.call(request).await
    }
}

/// Returns whether the decoded path is UTF-8. No resource has any other path.
fn is_text(path: &str) -> bool {
    percent_decode_str(path).decode_utf8().is_ok()
}
