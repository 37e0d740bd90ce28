use std::sync::Arc;

use inwren_domain::audit::list::{NamedSubject, Query as AuditQuery};
use inwren_domain::audit::{AuditEventId, AuditEventKind, Period, activity, list};
use inwren_domain::kernel::{AgeCursor, PageRequest};
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use time::OffsetDateTime;

use super::answers::{self, ActivityListing, EventListing};
use super::dto::{ActivityPage, AuditEventPage};
use super::parameter::{Checked, checked};
use crate::config::by_user;
use crate::http::shared::authentication::bearer::{Administrator, Authenticated};
use crate::http::shared::paging::refuse_repeated_parameters;
use crate::http::shared::parameter::Parameter;
use crate::http::shared::responses::Answer;
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct AuditApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/admin", tag = "ApiTags::Administration")]
impl AuditApi {
    /// List audit events
    ///
    /// Newest first. All filters combine. Following `next_cursor` returns each event exactly once, even if events are recorded
    /// meanwhile.
    #[oai(path = "/audit", method = "get", operation_id = "list_audit_events")]
    #[allow(clippy::too_many_arguments, reason = "one for each query parameter")]
    async fn list(
        &self,
        admin: Administrator<by_user::Admin>,
        request: &Request,
        /// Maximum number of events on the page.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u16>,
        /// `next_cursor` of the previous page. Keep the other parameters as they were.
        cursor: Query<Option<Parameter<AgeCursor<AuditEventId>>>>,
        /// Only events about this subject: `user:` or `client:` with the id, as `subject` and `actor` of an event have it,
        /// `client:` with a `client_id`, or the id of a user or client alone. The user may be deleted.
        subject: Query<Option<Checked<NamedSubject>>>,
        /// Only events of this kind. The problem for an unknown kind lists all kinds.
        kind: Query<Option<Checked<AuditEventKind>>>,
        /// Only events at this time (RFC 3339) or later.
        since: Query<Option<Checked<OffsetDateTime>>>,
        /// Only events before this time (RFC 3339).
        until: Query<Option<Checked<OffsetDateTime>>>,
    ) -> Answer<EventListing, answers::Events> {
        refuse_repeated_parameters(request)?;
        let period = Period::new(checked("since", since.0)?, checked("until", until.0)?)?;
        let (subject, kind) = (checked("subject", subject.0)?, checked("kind", kind.0)?);
        let query = AuditQuery { subject, kind, period };
        let page = PageRequest::new(limit.0, cursor.0.map(|cursor| cursor.0));
        let page = list::page(&self.0.core, admin.0, query, page).await?;
        Ok(EventListing::new(request, AuditEventPage::from(&page)))
    }
}

pub(in crate::http) struct ActivityApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/users/me", tag = "ApiTags::CurrentUser")]
impl ActivityApi {
    /// List your account activity
    ///
    /// The audit events of your account, newest first: registration, logins, logouts, and changes, also those that an
    /// administrator made.
    #[oai(path = "/activity", method = "get", operation_id = "list_activity")]
    async fn activity(
        &self,
        caller: Authenticated<by_user::Activity>,
        request: &Request,
        /// Maximum number of events on the page.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u16>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<Parameter<AgeCursor<AuditEventId>>>>,
    ) -> Answer<ActivityListing, answers::Activity> {
        refuse_repeated_parameters(request)?;
        let page = PageRequest::new(limit.0, cursor.0.map(|cursor| cursor.0));
        let page = activity::page(&self.0.core, &caller.0, page).await?;
        Ok(ActivityListing::new(request, ActivityPage::from(&page)))
    }
}

fn default_limit() -> u16 {
    PageRequest::DEFAULT_LIMIT
}
