//! The HTTP interface: routes, and what every request goes through.
//!
//! One folder for each part of the interface, with its `api` (routes) and `dto` (bodies). A route turns a body into a
//! command of a use case, and its outcome into an answer; it decides nothing.

mod admin;
mod auth;
mod auth_scheme;
mod authorization;
mod bad_head;
mod body;
mod client;
mod client_auth;
mod cursor;
mod document;
mod issuer;
mod limited;
pub mod limits;
mod meta;
mod middleware;
mod paging;
mod parameter;
pub mod problem;
pub mod problem_pages;
mod refusals;
mod responses;
mod site;
mod state;
mod tags;
mod users;
mod well_known;

use std::sync::Arc;

use inwren_domain::kernel::Entropy;
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt, Response, Route};

use self::document::RouteTable;
use self::middleware::{Cors, Gateway};
use self::site::Site;
use crate::config::AllowedOrigins;
pub use bad_head::BadHead;
pub use body::PendingBodies;
pub use client::{ProxyHeader, TrustedProxies};
pub use document::document as openapi_document;
pub use issuer::Issuer;
pub use meta::HealthEndpoint;
pub use state::AppState;

/// The service as one endpoint.
pub fn endpoint(state: &Arc<AppState>, cors: AllowedOrigins) -> BoxEndpoint<'static, Response> {
    let document = openapi_document(&state.project_name, &state.issuer, &state.core.settings.tiers);
    let routes = Arc::new(RouteTable::of(&document).with_metadata_of(&state.issuer));
    let requests = state.metrics.requests(|| routes.operations().to_vec());
    let pages = document::routes(problem_pages::routes(Route::new()), &state.project_name, document);
    let site = Site { operations: document::service(state), pages, routes: Arc::clone(&routes) };
    let gateway = Gateway { state: Arc::clone(state), cors: Cors::new(cors), routes, requests };
    site.with(gateway).boxed()
}

/// The service while it waits for its database.
pub fn waiting_endpoint(entropy: Arc<dyn Entropy>, cors: AllowedOrigins) -> BoxEndpoint<'static, Response> {
    meta::waiting(entropy, Cors::new(cors))
}
