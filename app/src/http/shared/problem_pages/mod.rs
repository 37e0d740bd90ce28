//! The pages `/problems` and `/problems/{code}`, to which the `type` of a problem refers (RFC 9457 section 3.1.1).
//!
//! Their content is fixed at build time. It depends neither on the client nor on what happened.

mod render;
mod wanted;

use poem::http::header;
use poem::web::Path;
use poem::{IntoResponse, Response, Route, get, handler};

use self::render::Format;
pub use self::render::reference;
use super::accept::Accept;
use super::problem::{Kind, Problem};
use super::state::AppState;

/// The paths of the pages in the route table, with their operation names in the metrics.
pub(in crate::http) const PAGES: [(&str, &str); 2] =
    [("/problems", "get_problem_pages"), ("/problems/{code}", "get_problem_page")];

/// Adds the pages.
pub(in crate::http) fn routes(route: Route) -> Route {
    route.at("/problems", get(all)).at("/problems/:code", get(one))
}

#[handler]
fn all(request: &poem::Request) -> Response {
    answer(request, render::list)
}

#[handler]
fn one(request: &poem::Request, Path(code): Path<String>) -> Response {
    match Kind::ALL.iter().find(|kind| kind.code == code) {
        Some(kind) => answer(request, |format, service| render::one(kind, format, service)),
        None => {
            Problem::new(Kind::NOT_FOUND, "Unknown problem code. /problems lists all codes.").into_response()
        }
    }
}

fn answer(
    request: &poem::Request,
    page: impl FnOnce(Format, &str) -> Result<Response, minijinja::Error>,
) -> Response {
    let format = wanted::format(&Accept::of(request));
    let page =
        AppState::of(request).and_then(|state| page(format, &state.project_name).map_err(Problem::internal));
    match page {
        Ok(page) => page
            .with_header(header::CACHE_CONTROL, "no-cache")
            .with_header(header::VARY, "Accept")
            .into_response(),
        Err(problem) => problem.into_response(),
    }
}
