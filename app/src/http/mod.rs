//! The HTTP interface: routes, and the pipeline that every request passes through.
//!
//! Each part of the interface has a folder with its `api` (routes) and `dto` (bodies). A route converts a body to a
//! command of a use case, and the outcome to a response. It makes no decisions.

mod account;
mod account_pages;
mod admin;
mod audit;
mod authn;
mod client;
mod client_admin;
mod credential;
mod dev_letters;
mod ephemeral_page;
mod factor;
mod factor_pages;
mod health;
mod outbox;
mod provider;
mod provider_pages;
mod router;
mod session;
pub mod shared;
mod well_known;

use std::sync::Arc;

use inwren_domain::kernel::Entropy;
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt, Response, Route};

use self::router::Router;
use self::shared::document::RouteTable;
use self::shared::middleware::{Cors, RequestPipeline};
use crate::config::AllowedOrigins;
pub(crate) use account_pages::check as check_account_pages;
pub use admin::{AdminUserDto, AdminUserPage, user_cursor};
pub(crate) use audit::{AuditEventPage, actor, audit_cursor};
pub use health::HealthEndpoint;
pub(crate) use outbox::{LetterPage, letter_cursor};
pub use provider_pages::claims_parameter;
pub use shared::body::PendingBodies;
pub use shared::client::{ProxyHeader, TrustedProxies};
pub use shared::client_origins::ClientOrigins;
pub use shared::document::{Served, document as openapi_document};
pub use shared::issuer::Issuer;
pub use shared::state::AppState;

/// Builds the endpoint of the whole service.
pub fn endpoint(state: &Arc<AppState>, cors: AllowedOrigins) -> BoxEndpoint<'static, Response> {
    let served = Served { settings: &state.core.settings, has_mail: state.core.mail.is_some() };
    let document = openapi_document(&state.project_name, &state.issuer, served);
    let mut routes = RouteTable::of(&document).with_metadata_of(&state.issuer);
    let mut pages = account_pages::routes(health::routes(shared::problem_pages::routes(Route::new())));
    pages = factor_pages::routes(provider_pages::routes(pages, state));
    if let Some(letters) = &state.recent_letters {
        routes = routes.with_development_pages();
        pages = dev_letters::routes(pages, letters);
    }
    if state.is_ephemeral {
        routes = routes.with_ephemeral_page();
        pages = ephemeral_page::routes(pages);
    }
    let routes = Arc::new(routes);
    let requests = state.metrics.requests(|| routes.operations().to_vec());
    let pages = shared::document::routes(pages, &state.project_name, &state.issuer, document);
    let router = Router { operations: shared::document::service(state), pages, routes: Arc::clone(&routes) };
    let pipeline = RequestPipeline { state: Arc::clone(state), cors: Cors::new(cors), routes, requests };
    router.with(pipeline).boxed()
}

/// Builds the endpoint that responds while the service waits for its database.
pub fn waiting_endpoint(entropy: Arc<dyn Entropy>, cors: AllowedOrigins) -> BoxEndpoint<'static, Response> {
    health::waiting(entropy, Cors::new(cors))
}
