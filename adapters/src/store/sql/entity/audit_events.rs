use inwren_domain::audit::AuditEventId;
use inwren_domain::audit::{AuditEvent, AuditEventKind, Subject};
use inwren_domain::client::ClientUid;
use inwren_domain::kernel::{SessionId, StoreError, UserId};
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "audit_events")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) occurred_at: Timestamp,
        pub(crate) kind: String,
        pub(crate) user_id: Option<Uuid>,
        pub(crate) client_id: Option<Uuid>,
        pub(crate) session_id: Option<Uuid>,
        pub(crate) actor_id: Option<Uuid>,
        pub(crate) ip_address: Option<String>,
        pub(crate) user_agent: Option<String>,
        pub(crate) reason: Option<String>,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&AuditEvent> for Model {
    fn from(event: &AuditEvent) -> Self {
        let (user_id, client_id) = match event.subject {
            Subject::User(id) => (Some(id.as_uuid()), None),
            Subject::Client(id) => (None, Some(id.as_uuid())),
        };
        Self {
            id: event.id.as_uuid(),
            occurred_at: Timestamp(event.occurred_at),
            kind: event.kind.as_str().to_owned(),
            user_id,
            client_id,
            session_id: event.session_id.map(SessionId::as_uuid),
            actor_id: event.actor_id.map(UserId::as_uuid),
            ip_address: event.client.ip_address.map(|address| address.to_string()),
            user_agent: event.client.user_agent.clone(),
            reason: event.reason.clone(),
        }
    }
}

impl TryFrom<Model> for AuditEvent {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "audit_events", id: row.id };
        Ok(Self {
            id: AuditEventId::from_uuid(row.id),
            occurred_at: row.occurred_at.0,
            kind: AuditEventKind::from_name(&row.kind).ok_or_else(|| named.inconsistent("kind"))?,
            subject: match (row.user_id, row.client_id) {
                (Some(id), None) => UserId::from_uuid(id).into(),
                (None, Some(id)) => ClientUid::from_uuid(id).into(),
                _ => return Err(named.inconsistent("user_id")),
            },
            session_id: row.session_id.map(SessionId::from_uuid),
            actor_id: row.actor_id.map(UserId::from_uuid),
            client: named.client("ip_address", row.ip_address, row.user_agent)?,
            reason: row.reason,
        })
    }
}
