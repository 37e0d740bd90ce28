use std::sync::Arc;

use percent_encoding::percent_decode_str;
use poem::endpoint::BoxEndpoint;
use poem::error::NotFoundError;
use poem::http::Uri;
use poem::{Endpoint, IntoResponse as _, Request, Response, Route};

use super::shared::document::{KnownRoute, RouteTable};

/// All that there is: the operations of the document, and the pages beside them.
///
/// They could be nested in one route; but that would take the address of every request apart once more.
pub(super) struct Router {
    pub(super) operations: BoxEndpoint<'static, Response>,
    pub(super) pages: Route,
    pub(super) routes: Arc<RouteTable>,
}

impl Endpoint for Router {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if let Some(path) = self.routes.original(request.uri().path()) {
            // The documents there have no parameters.
            *request.uri_mut() = Uri::from_static(path);
        }
        if self.routes.find(request.uri().path()).is_some_and(KnownRoute::is_page) {
            return Ok(self.pages.call(request).await?.into_response());
        }
        // Of such a segment the router would say that its method is wrong, or that a token is missing.
        if !is_text(request.uri().path()) {
            return Err(NotFoundError.into());
        }
        self.operations.call(request).await
    }
}

/// What is not UTF-8 once it is decoded is the name of nothing.
fn is_text(path: &str) -> bool {
    percent_decode_str(path).decode_utf8().is_ok()
}
