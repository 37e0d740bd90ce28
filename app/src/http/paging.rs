//! What all listings that come in pages have in common.

use inwren_domain::kernel::{AgeCursor, Page, PageRequest, SessionId};
use inwren_domain::session::Session;
use poem::Request;
use poem_openapi::ApiResponse;

use super::parameter::Parameter;
use super::problem::Problem;
use super::responses::Json;
use super::users::SessionList;

/// 200 with a page of sessions, and where the next one is.
#[derive(ApiResponse)]
pub(super) enum SessionListing {
    /// A page.
    #[oai(status = 200)]
    Page(
        Json<SessionList>,
        /// The next page, with `rel="next"` (RFC 8288); not on the last one.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

impl SessionListing {
    /// The page as the answer to the request; `current` is the session that asks, if it is among them.
    pub(super) fn new(
        request: &Request,
        page: &Page<Session, AgeCursor<SessionId>>,
        current: Option<SessionId>,
    ) -> Self {
        let list = SessionList::new(page, current);
        let link = list.next_cursor.as_ref().map(|next| next_link(request, next));
        Self::Page(Json(list), link)
    }
}

/// Which page of sessions is wanted.
pub(super) fn page_of_sessions(
    request: &Request,
    limit: u16,
    cursor: Option<Parameter<AgeCursor<SessionId>>>,
) -> Result<PageRequest<AgeCursor<SessionId>>, Problem> {
    refuse_repeated_parameters(request)?;
    Ok(PageRequest::new(limit, cursor.map(|cursor| cursor.0)))
}

/// The size of a page of sessions for which none was asked.
pub(super) fn default_sessions() -> u16 {
    PageRequest::DEFAULT_SESSIONS
}

/// Of two values for one parameter, programs differ in which they take; so there may be only one.
pub(super) fn refuse_repeated_parameters(request: &Request) -> Result<(), Problem> {
    let parameters = query_parameters(request);
    let mut names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let repeated = names.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    });
    match repeated {
        Some(name) => Err(Problem::invalid(&format!("/query/{name}"), "comes more than once")),
        None => Ok(()),
    }
}

/// The same query with the next cursor (RFC 8288). It is relative to the request, so that it is right under whatever path a
/// proxy serves the service.
pub(super) fn next_link(request: &Request, next: &str) -> String {
    let mut parameters = query_parameters(request);
    parameters.retain(|(name, _)| name != "cursor");
    parameters.push(("cursor".to_owned(), next.to_owned()));
    let query = serde_urlencoded::to_string(parameters).unwrap_or_default();
    format!(r#"<?{query}>; rel="next""#)
}

/// The parameters as they are meant, however they are spelled.
fn query_parameters(request: &Request) -> Vec<(String, String)> {
    serde_urlencoded::from_str(request.uri().query().unwrap_or_default()).unwrap_or_default()
}
