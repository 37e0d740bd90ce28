use std::sync::Arc;

use percent_encoding::percent_decode_str;
use poem::endpoint::BoxEndpoint;
use poem::error::NotFoundError;
use poem::http::{Uri, header};
use poem::{Endpoint, IntoResponse as _, Request, Response, Route};

use super::health;
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
        if request.uri().path() == "/" {
            return self.home(request).await;
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

impl Router {
    /// Responds at `/`: with the page to browsers, and with the operation's JSON to other clients.
    async fn home(&self, request: Request) -> poem::Result<Response> {
        let response = match health::is_page_wanted(&request) {
            true => self.pages.call(request).await?.into_response(),
            false => self.operations.call(request).await?,
        };
        Ok(response.with_header(header::VARY, "Accept").into_response())
    }
}

/// Returns whether the decoded path is UTF-8. No resource has any other path.
fn is_text(path: &str) -> bool {
    percent_decode_str(path).decode_utf8().is_ok()
}
