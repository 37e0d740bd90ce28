use std::sync::Arc;

use inwren_domain::kernel::Entropy;
use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::uri::Scheme;
use poem::http::{Method, header};
use poem::{EndpointExt as _, IntoResponse as _, Request, Response};
use poem_openapi::types::Example as _;

use super::api::{HealthAnswer, RETRY_AFTER};
use super::dto::{Health, HealthChecks, HealthStatus, Liveness};
use crate::http::shared::middleware::{Cors, add_common, request_id};
use crate::http::shared::problem::Problem;
use crate::http::shared::responses::{Json, PROBLEM_JSON};
use crate::runtime::server::bad_head::BadHead;

/// Builds the endpoint that responds while the service waits for its database. It reports that the process is live and
/// not ready, and refuses all other requests.
pub(in crate::http) fn endpoint(entropy: Arc<dyn Entropy>, cors: Cors) -> BoxEndpoint<'static, Response> {
    let answer_to = move |request: Request| {
        let id = request_id(&request, entropy.as_ref());
        let is_over_tls = *request.scheme() == Scheme::HTTPS;
        let is_readable = request.extensions().get::<BadHead>().is_none();
        let mut response = match cors.preflight(&request, cors.grant(&request)).filter(|_| is_readable) {
            Some(preflight) => preflight,
            None => {
                let mut response = answer(&request, &id);
                cors.add(response.headers_mut(), cors.grant(&request));
                response
            }
        };
        tracing::debug!(request_id = %id, status = response.status().as_u16(), "answered without a database");
        add_common(response.headers_mut(), &id, is_over_tls);
        if request.method() == Method::HEAD {
            response.set_body(());
        }
        response
    };
    make_sync(answer_to).map_to_response().boxed()
}

fn answer(request: &Request, id: &str) -> Response {
    if let Some(bad) = request.extensions().get::<BadHead>() {
        return problem_response(Problem::from(*bad), id);
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/health/live" if is_read => Json(Liveness { status: HealthStatus::Ok }).into_response(),
        "/health" if is_read => {
            let checks = HealthChecks { database: HealthStatus::Unavailable, ..HealthChecks::example() };
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let health = Health { status: HealthStatus::Unavailable, version, checks };
            HealthAnswer::NotReady(Json(health), RETRY_AFTER).into_response()
        }
        _ => problem_response(Problem::unavailable("the service waits for its database"), id),
    }
}

fn problem_response(problem: Problem, id: &str) -> Response {
    let body = problem.to_json(id).to_string();
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    response.set_body(body);
    response
}
