use inwren_domain::audit::activity::Activity;
use inwren_domain::audit::{AuditEvent, AuditEventId, OPERATOR, Subject};
use inwren_domain::kernel::{AgeCursor, Page, UserId};
use poem_openapi::Object;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::shared::body::{EXAMPLE_TIME, object};
use crate::http::shared::cursor::CursorText;

const EXAMPLE_ID: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e24);
const EXAMPLE_SESSION: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e22);
const EXAMPLE_USER: UserId = UserId::from_uuid(Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e21));

object! {
    /// An audit event, as a superuser sees it.
    #[oai(rename = "AuditEvent")]
    pub(super) AuditEventDto {
        /// Identifies the event.
        id: Uuid = EXAMPLE_ID,
        /// When it happened.
        occurred_at: OffsetDateTime = EXAMPLE_TIME,
        /// What happened. Later versions may add kinds.
        kind: String = "logged_in".to_owned(),
        /// The user or OAuth 2.0 client that the event is about: `user:` or `client:` with the permanent id, a UUID. It
        /// stays when the user or the client is deleted.
        subject: String = Subject::User(EXAMPLE_USER).to_string(),
        /// Who acted: `user:` with the id of the user or superuser, or `operator` for the command line. `null` if
        /// unknown, as for the reuse of a refresh token.
        #[oai(nullable)]
        actor: Option<String> = Some(Subject::User(EXAMPLE_USER).to_string()),
        /// The session that the event is about.
        #[oai(nullable)]
        session_id: Option<Uuid> = Some(EXAMPLE_SESSION),
        /// The client's IP address.
        #[oai(nullable)]
        ip_address: Option<String> = Some("203.0.113.9".to_owned()),
        /// The client's `User-Agent`.
        #[oai(nullable)]
        user_agent: Option<String> = Some("Mozilla/5.0".to_owned()),
        /// The reason that a superuser gave for the reset of second factors.
        #[oai(nullable)]
        reason: Option<String> = None,
    }
}

impl From<&AuditEvent> for AuditEventDto {
    fn from(event: &AuditEvent) -> Self {
        Self {
            id: event.id.as_uuid(),
            occurred_at: event.occurred_at,
            kind: event.kind.as_str().to_owned(),
            subject: event.subject.to_string(),
            actor: event.actor_id.map(actor),
            session_id: event.session_id.map(|id| id.as_uuid()),
            ip_address: event.client.ip_address.map(|address| address.to_string()),
            user_agent: event.client.user_agent.clone(),
            reason: event.reason.clone(),
        }
    }
}

/// The name of an actor.
pub(crate) fn actor(id: UserId) -> String {
    if id == OPERATOR { "operator".to_owned() } else { Subject::User(id).to_string() }
}

/// The position that a cursor names. `None` if the text is not a cursor of a list of events.
pub(crate) fn audit_cursor(text: &str) -> Option<AgeCursor<AuditEventId>> {
    CursorText::decode(text)
}

/// A page of audit events, newest first.
#[derive(Object)]
#[oai(rename = "AuditEventPage", example)]
pub(crate) struct AuditEventPage {
    /// The events.
    items: Vec<AuditEventDto>,
    /// Where the next page starts; `null` on the last page.
    #[oai(nullable)]
    pub(crate) next_cursor: Option<String>,
}

impl poem_openapi::types::Example for AuditEventPage {
    fn example() -> Self {
        let event = AuditEventDto::example();
        Self { next_cursor: Some(after(event.occurred_at, event.id).encode()), items: vec![event] }
    }
}

impl From<&Page<AuditEvent, AgeCursor<AuditEventId>>> for AuditEventPage {
    fn from(page: &Page<AuditEvent, AgeCursor<AuditEventId>>) -> Self {
        Self {
            items: page.items.iter().map(AuditEventDto::from).collect(),
            next_cursor: page.next.map(|next| next.encode()),
        }
    }
}

object! {
    /// An audit event, as its user sees it.
    #[oai(rename = "Activity")]
    pub(super) ActivityDto {
        /// Identifies the event.
        id: Uuid = EXAMPLE_ID,
        /// When it happened.
        occurred_at: OffsetDateTime = EXAMPLE_TIME,
        /// What happened. Later versions may add kinds.
        kind: String = "logged_in".to_owned(),
        /// Who acted: `user` is you, `administrator` another person who administers users, and `service` the service
        /// itself.
        actor: String = "user".to_owned(),
        /// The session that the event is about.
        #[oai(nullable)]
        session_id: Option<Uuid> = Some(EXAMPLE_SESSION),
        /// The client's IP address; `null` if an administrator acted.
        #[oai(nullable)]
        ip_address: Option<String> = Some("203.0.113.9".to_owned()),
        /// The client's `User-Agent`; `null` if an administrator acted.
        #[oai(nullable)]
        user_agent: Option<String> = Some("Mozilla/5.0".to_owned()),
    }
}

impl From<&Activity> for ActivityDto {
    fn from(activity: &Activity) -> Self {
        Self {
            id: activity.id.as_uuid(),
            occurred_at: activity.occurred_at,
            kind: activity.kind.as_str().to_owned(),
            actor: activity.actor.as_str().to_owned(),
            session_id: activity.session_id.map(|id| id.as_uuid()),
            ip_address: activity.client.ip_address.map(|address| address.to_string()),
            user_agent: activity.client.user_agent.clone(),
        }
    }
}

/// A page of your account activity, newest first.
#[derive(Object)]
#[oai(rename = "ActivityPage", example)]
pub(super) struct ActivityPage {
    /// The events.
    items: Vec<ActivityDto>,
    /// Where the next page starts; `null` on the last page.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

impl poem_openapi::types::Example for ActivityPage {
    fn example() -> Self {
        let activity = ActivityDto::example();
        Self { next_cursor: Some(after(activity.occurred_at, activity.id).encode()), items: vec![activity] }
    }
}

impl From<&Page<Activity, AgeCursor<AuditEventId>>> for ActivityPage {
    fn from(page: &Page<Activity, AgeCursor<AuditEventId>>) -> Self {
        Self {
            items: page.items.iter().map(ActivityDto::from).collect(),
            next_cursor: page.next.map(|next| next.encode()),
        }
    }
}

fn after(created_at: OffsetDateTime, id: Uuid) -> AgeCursor<AuditEventId> {
    AgeCursor { created_at, id: AuditEventId::from_uuid(id) }
}
