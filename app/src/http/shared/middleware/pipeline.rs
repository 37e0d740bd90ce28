use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use opentelemetry::trace::FutureExt as _;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response};
use tracing::Instrument;
use tracing::field::Empty;

use super::cors::Cors;
use super::headers::add_common;
use super::request_id::request_id;
use crate::http::shared::client::{ClientAddress, client_of, is_over_tls};
use crate::http::shared::document::{KnownRoute, RouteTable};
use crate::http::shared::limits::RefusedForm;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::responses::PROBLEM_JSON;
use crate::http::shared::state::AppState;
use crate::observability::metrics::{OperationIndex, Requests};
use crate::observability::traces::RequestTrace;
use crate::runtime::server::bad_head::BadHead;

/// Maximum time of a request, including the reading of its body.
const MAX_REQUEST_TIME: Duration = Duration::from_secs(30);
/// Maximum size of the path and the query together.
const MAX_URI_BYTES: usize = 8 * 1024;

/// Maximum length of a path in the log, in characters.
const MAX_LOGGED_PATH: usize = 200;

/// The outermost middleware. Every response gets a request id and the common headers, every error gets the common body,
/// and every request gets one log line.
pub(in crate::http) struct RequestPipeline {
    pub(in crate::http) state: Arc<AppState>,
    pub(in crate::http) cors: Cors,
    pub(in crate::http) routes: Arc<RouteTable>,
    pub(in crate::http) requests: Arc<Requests>,
}

pub(in crate::http) struct PipelineEndpoint<E> {
    inner: E,
    state: Arc<AppState>,
    cors: Cors,
    routes: Arc<RouteTable>,
    requests: Arc<Requests>,
}

impl<E: Endpoint> Middleware<E> for RequestPipeline {
    type Output = PipelineEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        PipelineEndpoint {
            inner,
            state: Arc::clone(&self.state),
            cors: self.cors.clone(),
            routes: Arc::clone(&self.routes),
            requests: Arc::clone(&self.requests),
        }
    }
}

impl<E: Endpoint> Endpoint for PipelineEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let begun = Instant::now();
        let in_flight = self.requests.begin();
        let id = request_id(&request, self.state.core.entropy.as_ref());
        request.extensions_mut().insert(Arc::clone(&self.state));
        let method = request.method().clone();
        let path: Option<String> =
            self.state.logs_paths.then(|| request.uri().path().chars().take(MAX_LOGGED_PATH).collect());
        let address = ClientAddress::find(&request, &self.state.trusted_proxies);
        request.extensions_mut().insert(address);
        let client = client_of(&request);
        let is_over_tls = is_over_tls(&request, &self.state.trusted_proxies);
        let slot = self.state.limits.slot(client, &self.state.trusted_proxies);
        request.extensions_mut().insert(slot.clone());
        let route = self.routes.find(request.uri().path());
        let template = route.map(KnownRoute::template);
        let grant = self.cors.grant_for(&request, template, &self.state).await;
        let bad_head = request.extensions().get::<BadHead>().map(|bad| Problem::from(*bad).into_response());
        let preflight = if bad_head.is_none() { self.cors.preflight(&request, grant.clone()) } else { None };
        let is_preflight = preflight.is_some();

        let trace =
            RequestTrace::begin(self.state.tracer.as_deref(), request.headers(), &method, template, &id);
        // The span is enabled at every log level, so that every log line has the request id that the client received.
        let span = tracing::error_span!(
            "request",
            request_id = %id,
            user_id = Empty,
            trace_id = Empty,
            span_id = Empty
        );
        trace.write_to(&span);
        let mut response = match (bad_head.or(preflight), route) {
            (Some(response), _) => response,
            (None, Some(route)) if method == Method::OPTIONS => Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header(header::ALLOW, route.allow())
                .finish(),
            (None, _) => match trace.context() {
                // Boxed, so that tracing does not enlarge the futures of untraced requests.
                Some(context) => {
                    let answer = self.answer(request).with_context(context.clone());
                    Box::pin(answer.instrument(span.clone())).await
                }
                None => self.answer(request).instrument(span.clone()).await,
            },
        };

        let status = response.status();
        if status == StatusCode::METHOD_NOT_ALLOWED {
            let unknown = HeaderValue::from_static("GET, HEAD, OPTIONS");
            response.headers_mut().insert(header::ALLOW, route.map_or(unknown, KnownRoute::allow));
        }
        if status.is_client_error() || status.is_server_error() {
            if refuses_form(&response) {
                // Boxed, so that refusals do not enlarge the futures of other requests.
                Box::pin(self.state.limits.give_back(&slot)).await;
            }
            write_problem(&mut response, &id, &method, template.unwrap_or_default(), &span).await;
        }
        let headers = response.headers_mut();
        slot.write_headers(headers);
        add_common(headers, &id, is_over_tls);
        if !is_preflight {
            self.cors.add(headers, grant);
        }
        let took = begun.elapsed();
        let operation = route.map_or(OperationIndex::NONE, |route| route.operation(&method));
        in_flight.answered(operation, response.status().as_u16(), took);
        trace.end(response.status());
        let microseconds = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        span.in_scope(|| {
            tracing::info!(
                target: "inwren::request",
                %method,
                route = template.unwrap_or("-"),
                path,
                status = response.status().as_u16(),
                duration_ms = f64::from(microseconds) / 1_000.0,
                %client,
            );
        });
        Ok(response)
    }
}

impl<E: Endpoint> PipelineEndpoint<E> {
    /// Calls the endpoint. Converts panics and timeouts to problems.
    async fn answer(&self, request: Request) -> Response {
        if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > MAX_URI_BYTES) {
            return Problem::of(Kind::URI_TOO_LONG).into_response();
        }
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        match tokio::time::timeout(MAX_REQUEST_TIME, answer).await {
            Ok(Ok(Ok(response))) => response.into_response(),
            Ok(Ok(Err(error))) => error.into_response(),
            Ok(Err(_)) => Problem::internal("a handler panicked").into_response(),
            Err(_) => Problem::overloaded(Duration::from_secs(1), "a request took too long").into_response(),
        }
    }
}

/// Gives an error the common body. The service's own errors contain a [`Problem`]. Those of the router and the
/// parameter parser contain a line of text.
async fn write_problem(
    response: &mut Response,
    id: &str,
    method: &Method,
    template: &str,
    span: &tracing::Span,
) {
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        // The endpoint has written the body: OAuth 2.0 errors, health responses and pages.
        None if has_own_body(response) => return,
        None => foreign(response, template).await,
    };
    // 501 tells what the operator has not configured, which is no failure.
    if problem.kind.status >= 500 && problem.kind.status != 501 {
        let cause = problem.cause.as_deref().unwrap_or("unknown");
        span.in_scope(|| tracing::error!(code = problem.kind.code, cause, "request failed"));
    }
    let status = StatusCode::from_u16(problem.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.set_status(status);
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    let body = problem.to_json(id).to_string();
    if method == Method::HEAD { response.set_body(()) } else { response.set_body(body) }
}

/// Returns whether the endpoint has written the body of its error itself.
fn has_own_body(response: &Response) -> bool {
    response
        .content_type()
        .is_some_and(|kind| kind.starts_with("application/") || kind.starts_with("text/html"))
}

/// Returns whether the response refuses the request for its form, before anything else of it was looked at.
fn refuses_form(response: &Response) -> bool {
    match response.status().as_u16() {
        // OAuth 2.0 reports wrong credentials with 400, too (RFC 6749 section 5.2). So does an operation that takes a link
        // or a code.
        400 => {
            let is_guess = |problem: &Problem| problem.kind.code == Kind::INVALID_ACTION_TOKEN.code;
            let extensions = response.extensions();
            extensions.get::<RefusedForm>().is_some()
                || !has_own_body(response) && !extensions.get::<Problem>().is_some_and(is_guess)
        }
        413 | 415 | 422 => true,
        _ => false,
    }
}

async fn foreign(response: &mut Response, template: &str) -> Problem {
    match response.status() {
        StatusCode::NOT_FOUND => unknown_path(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::of(Kind::METHOD_NOT_ALLOWED),
        // The service reads bodies with its own code, so only path and query parameters remain.
        StatusCode::BAD_REQUEST => {
            let text = response.take_body().into_string().await.unwrap_or_default();
            invalid_parameter(&text, template)
        }
        status => Problem::internal(format_args!("an error response without a problem: {status}")),
    }
}

fn unknown_path() -> Problem {
    Problem::new(Kind::NOT_FOUND, "The path does not exist.")
}

/// Converts an error text of the library to a problem. The text is "failed to parse parameter `limit`: …" or "failed to
/// parse path `param0`: …", where the number is the index of the placeholder.
fn invalid_parameter(text: &str, template: &str) -> Problem {
    // A text without a name is the router's own: the path is not UTF-8, so it matches no resource.
    let Some(name) = text.split('`').nth(1) else { return unknown_path() };
    let placeholder = name.strip_prefix("param").and_then(|number| number.parse().ok()).and_then(|number| {
        let mut placeholders = template.split('/').filter(|part| part.starts_with('{'));
        placeholders.nth(number)
    });
    let (part, name) = match placeholder {
        Some(placeholder) => ("path", placeholder.trim_matches(['{', '}'])),
        None => ("query", name),
    };
    Problem::invalid(
        &format!("/{part}/{name}"),
        format_args!("Invalid value of the {part} parameter `{name}`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named() {
        let pointer = |text: &str| {
            let problem = invalid_parameter(text, "/users/{user_id}/sessions/{session_id}");
            problem.errors.into_iter().next().map(|error| error.pointer)
        };
        let query = pointer("failed to parse parameter `limit`: number too large");
        assert_eq!(query.as_deref(), Some("/query/limit"));
        assert_eq!(pointer("failed to parse parameter `param0`: bad").as_deref(), Some("/path/user_id"));
        assert_eq!(pointer("failed to parse path `param1`: bad").as_deref(), Some("/path/session_id"));
    }
}
