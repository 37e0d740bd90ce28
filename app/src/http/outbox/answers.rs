//! Responses of these operations.

use inwren_domain::outbox::admin;
use poem::Request;
use poem_openapi::ApiResponse;

use super::dto::LetterPage;
use crate::http::shared::paging::next_link;
use crate::http::shared::problem::Problem;
use crate::http::shared::refusals::not_found;
use crate::http::shared::responses::{Json, problems};

problems! {
    Letters = ALWAYS SUPERUSER [VALIDATION_FAILED RATE_LIMITED];
    Retry = ALWAYS SUPERUSER [NOT_FOUND VALIDATION_FAILED RATE_LIMITED];
}

impl From<admin::Refusal> for Problem {
    fn from(refusal: admin::Refusal) -> Self {
        match refusal {
            admin::Refusal::NotFound(_) => not_found("dead letter"),
            admin::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}

/// Status 200 with a page and a link to the next one.
#[derive(ApiResponse)]
pub(super) enum LetterListing {
    /// A page.
    #[oai(status = 200)]
    Page(
        Json<LetterPage>,
        /// The next page, with `rel="next"` (RFC 8288), relative to the request; absent on the last page.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

impl LetterListing {
    pub(super) fn new(request: &Request, page: LetterPage) -> Self {
        let link = page.next_cursor.as_ref().map(|next| next_link(request, next));
        Self::Page(Json(page), link)
    }
}
