use std::sync::Arc;

use inwren_domain::kernel::PageRequest;
use inwren_domain::outbox::{LetterCursor, LetterId, LetterState, admin};
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use uuid::Uuid;

use super::answers::{self, LetterListing};
use super::dto::LetterPage;
use crate::config::by_user;
use crate::http::shared::authentication::bearer::Administrator;
use crate::http::shared::paging::refuse_repeated_parameters;
use crate::http::shared::parameter::Parameter;
use crate::http::shared::responses::{Accepted, Answer};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct OutboxApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/admin/outbox", tag = "ApiTags::Administration")]
impl OutboxApi {
    /// List letters
    ///
    /// Lists the letters in the outbox, newest first, without their contents. Delivered and dead letters stay for 7 days.
    #[oai(path = "/", method = "get", operation_id = "list_letters")]
    async fn list(
        &self,
        admin: Administrator<by_user::Admin>,
        request: &Request,
        /// The maximum number of letters per page.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u16>,
        /// `next_cursor` of the previous page. Repeat the other parameters unchanged.
        cursor: Query<Option<Parameter<LetterCursor>>>,
        /// Only letters in this state.
        state: Query<Option<Parameter<LetterState>>>,
    ) -> Answer<LetterListing, answers::Letters> {
        refuse_repeated_parameters(request)?;
        let page = PageRequest::new(limit.0, cursor.0.map(|cursor| cursor.0));
        let page = admin::page(&self.0.core, admin.0, state.0.map(|state| state.0), page).await?;
        Ok(LetterListing::new(request, LetterPage::from(&page)))
    }

    /// Retry a dead letter
    ///
    /// Makes the letter pending again. If its link has expired, the letter is not sent all the same.
    #[oai(path = "/:letter_id/retry", method = "post", operation_id = "retry_letter")]
    async fn retry(
        &self,
        admin: Administrator<by_user::Admin>,
        /// The `id` of the letter.
        letter_id: Path<Uuid>,
    ) -> Answer<Accepted, answers::Retry> {
        admin::retry(&self.0.core, admin.0, LetterId::from_uuid(letter_id.0)).await?;
        Ok(Accepted::Accepted)
    }
}

fn default_limit() -> u16 {
    PageRequest::DEFAULT_LIMIT
}
