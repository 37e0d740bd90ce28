//! Responses of the session operations.

use inwren_domain::kernel::{AgeCursor, Page, PageRequest, SessionId};
use inwren_domain::session::{self, Session};
use poem::Request;
use poem_openapi::ApiResponse;

use super::dto::SessionList;
use crate::http::shared::paging::{next_link, refuse_repeated_parameters};
use crate::http::shared::parameter::Parameter;
use crate::http::shared::problem::Problem;
use crate::http::shared::refusals::{invalid_token, not_found};
use crate::http::shared::responses::{Json, problems};

problems! {
    Refresh = ALWAYS BODY JSON [INVALID_TOKEN RATE_LIMITED];
}

impl From<session::refresh::Refusal> for Problem {
    fn from(_: session::refresh::Refusal) -> Self {
        invalid_token()
    }
}

/// Status 200 with a page of sessions and a link to the next one.
#[derive(ApiResponse)]
pub(in crate::http) enum SessionListing {
    /// A page of sessions.
    #[oai(status = 200)]
    Page(
        Json<SessionList>,
        /// The link to the next page, with `rel="next"` (RFC 8288), relative to the request. Absent on the last page.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

impl SessionListing {
    /// Creates the response to the request with the page. `current` is the session of the caller, if the page contains
    /// it.
    pub(in crate::http) fn new(
        request: &Request,
        page: &Page<Session, AgeCursor<SessionId>>,
        current: Option<SessionId>,
    ) -> Self {
        let list = SessionList::new(page, current);
        let link = list.next_cursor.as_ref().map(|next| next_link(request, next));
        Self::Page(Json(list), link)
    }
}

/// Reads which page of sessions the client requests.
pub(in crate::http) fn page_of_sessions(
    request: &Request,
    limit: u16,
    cursor: Option<Parameter<AgeCursor<SessionId>>>,
) -> Result<PageRequest<AgeCursor<SessionId>>, Problem> {
    refuse_repeated_parameters(request)?;
    Ok(PageRequest::new(limit, cursor.map(|cursor| cursor.0)))
}

/// The page size of session lists if the client requests none.
pub(in crate::http) fn default_sessions() -> u16 {
    PageRequest::DEFAULT_SESSIONS
}

problems! {
    Sessions = ALWAYS TOKEN [VALIDATION_FAILED RATE_LIMITED];
    RevokeSession = ALWAYS TOKEN [NOT_FOUND VALIDATION_FAILED RATE_LIMITED];
}

impl From<session::manage::Refusal> for Problem {
    fn from(refusal: session::manage::Refusal) -> Self {
        match refusal {
            session::manage::Refusal::NotFound => not_found("session"),
            session::manage::Refusal::ChangedMeanwhile => invalid_token(),
        }
    }
}

impl From<session::manage::ChangedMeanwhile> for Problem {
    fn from(_: session::manage::ChangedMeanwhile) -> Self {
        invalid_token()
    }
}
