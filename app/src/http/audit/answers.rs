//! Responses of these operations.

use inwren_domain::audit::EmptyPeriod;
use poem::Request;
use poem_openapi::ApiResponse;

use super::dto::{ActivityPage, AuditEventPage};
use crate::http::shared::paging::next_link;
use crate::http::shared::problem::Problem;
use crate::http::shared::responses::{Json, problems};

problems! {
    Events = ALWAYS SUPERUSER [VALIDATION_FAILED RATE_LIMITED];
    Activity = ALWAYS TOKEN [VALIDATION_FAILED RATE_LIMITED];
}

impl From<EmptyPeriod> for Problem {
    fn from(empty: EmptyPeriod) -> Self {
        Self::invalid("/query/since", empty)
    }
}

/// 200 with a page of events, and where the next one is.
#[derive(ApiResponse)]
pub(super) enum EventListing {
    /// A page.
    #[oai(status = 200)]
    Page(
        Json<AuditEventPage>,
        /// The next page, with `rel="next"` (RFC 8288), relative to the request; absent on the last page.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

impl EventListing {
    pub(super) fn new(request: &Request, page: AuditEventPage) -> Self {
        let link = page.next_cursor.as_ref().map(|next| next_link(request, next));
        Self::Page(Json(page), link)
    }
}

/// 200 with a page of the caller's events, and where the next one is.
#[derive(ApiResponse)]
pub(super) enum ActivityListing {
    /// A page.
    #[oai(status = 200)]
    Page(
        Json<ActivityPage>,
        /// The next page, with `rel="next"` (RFC 8288), relative to the request; absent on the last page.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

impl ActivityListing {
    pub(super) fn new(request: &Request, page: ActivityPage) -> Self {
        let link = page.next_cursor.as_ref().map(|next| next_link(request, next));
        Self::Page(Json(page), link)
    }
}
