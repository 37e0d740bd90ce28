use inwren_domain::authn::{Acr, Amr, Assurance};
use inwren_domain::client::{ClientUid, Scope};
use inwren_domain::kernel::{ClientInfo, SessionId, StoreError, TokenId, UserId};
use inwren_domain::session::{ClientGrant, Revocation, RevocationReason, Session, SessionKind};
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "sessions")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) user_id: Uuid,
        pub(crate) generation: i64,
        pub(crate) rekeyed_generation: i64,
        pub(crate) refresh_jti: String,
        pub(crate) hashed_refresh_token: Vec<u8>,
        pub(crate) previous_hashed_refresh_token: Option<Vec<u8>>,
        pub(crate) rotated_at: Timestamp,
        pub(crate) created_at: Timestamp,
        pub(crate) authenticated_at: Timestamp,
        pub(crate) acr: String,
        pub(crate) amr: String,
        pub(crate) last_used_at: Timestamp,
        pub(crate) expires_at: Timestamp,
        pub(crate) max_expires_at: Timestamp,
        pub(crate) revoked_at: Option<Timestamp>,
        pub(crate) revoked_reason: Option<String>,
        pub(crate) ip_address: Option<String>,
        pub(crate) user_agent: Option<String>,
        pub(crate) epoch: i64,
        pub(crate) last_ip_address: Option<String>,
        pub(crate) last_user_agent: Option<String>,
        pub(crate) is_for_enrolment: bool,
        pub(crate) is_browser: bool,
        pub(crate) client_uid: Option<Uuid>,
        pub(crate) scope: Option<String>,
        pub(crate) resource: Option<String>,
        pub(crate) browser_session_id: Option<Uuid>,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    #[sea_orm(belongs_to = "super::users::Entity", from = "Column::UserId", to = "super::users::Column::Id")]
    User,
}

impl Related<super::users::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl From<&Session> for Model {
    fn from(session: &Session) -> Self {
        let (first, last) = (&session.client, &session.last_client);
        let ip_address = first.ip_address.map(|address| address.to_string());
        let last_ip_address = last.ip_address.map(|address| address.to_string());
        let last_ip_address = changed(ip_address.as_deref(), last_ip_address);
        let grant = session.grant();
        Self {
            id: session.id.as_uuid(),
            user_id: session.user_id.as_uuid(),
            generation: session.generation,
            rekeyed_generation: session.rekeyed_generation,
            refresh_jti: session.refresh_jti.as_str().to_owned(),
            hashed_refresh_token: session.hashed_refresh_token.as_bytes().to_vec(),
            previous_hashed_refresh_token: session
                .previous_hashed_refresh_token
                .map(|digest| digest.as_bytes().to_vec()),
            rotated_at: Timestamp(session.rotated_at),
            created_at: Timestamp(session.created_at),
            authenticated_at: Timestamp(session.authenticated_at),
            acr: session.assurance.acr.as_str().to_owned(),
            amr: session.assurance.amr.as_str().to_owned(),
            last_used_at: Timestamp(session.last_used_at),
            expires_at: Timestamp(session.expires_at),
            max_expires_at: Timestamp(session.max_expires_at),
            revoked_at: session.revoked.map(|revoked| Timestamp(revoked.at)),
            revoked_reason: session.revoked.map(|revoked| revoked.reason.as_str().to_owned()),
            ip_address,
            user_agent: first.user_agent.clone(),
            epoch: session.epoch,
            last_ip_address,
            last_user_agent: changed(first.user_agent.as_deref(), last.user_agent.clone()),
            is_for_enrolment: session.is_for_enrolment,
            is_browser: session.kind == SessionKind::Browser,
            client_uid: grant.map(|grant| grant.client.as_uuid()),
            scope: grant.map(|grant| grant.scope.as_str().to_owned()),
            resource: grant.and_then(|grant| grant.resource.clone()),
            browser_session_id: grant.map(|grant| grant.browser.as_uuid()),
        }
    }
}

impl TryFrom<Model> for Session {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "sessions", id: row.id };
        let kind = row.kind()?;
        let previous = row.previous_hashed_refresh_token;
        let last_ip_address = unless_changed(row.ip_address.as_deref(), row.last_ip_address);
        let last_user_agent = unless_changed(row.user_agent.as_deref(), row.last_user_agent);
        Ok(Self {
            id: SessionId::from_uuid(row.id),
            user_id: UserId::from_uuid(row.user_id),
            kind,
            generation: row.generation,
            rekeyed_generation: row.rekeyed_generation,
            refresh_jti: TokenId::from_stored(row.refresh_jti),
            hashed_refresh_token: named.digest("hashed_refresh_token", &row.hashed_refresh_token)?,
            previous_hashed_refresh_token: previous
                .map(|bytes| named.digest("previous_hashed_refresh_token", &bytes))
                .transpose()?,
            rotated_at: row.rotated_at.0,
            created_at: row.created_at.0,
            authenticated_at: row.authenticated_at.0,
            assurance: Assurance {
                acr: Acr::from_name(&row.acr).ok_or_else(|| named.inconsistent("acr"))?,
                amr: Amr::from_stored(&row.amr),
            },
            is_for_enrolment: row.is_for_enrolment,
            last_used_at: row.last_used_at.0,
            expires_at: row.expires_at.0,
            max_expires_at: row.max_expires_at.0,
            revoked: revocation(named, row.revoked_at, row.revoked_reason)?,
            client: named.client("ip_address", row.ip_address, row.user_agent)?,
            last_client: named.client("last_ip_address", last_ip_address, last_user_agent)?,
            epoch: row.epoch,
        })
    }
}

impl Model {
    /// What holds the session.
    pub(crate) fn kind(&self) -> Result<SessionKind, StoreError> {
        let named = Row { table: "sessions", id: self.id };
        let Some(client) = self.client_uid else {
            return Ok(if self.is_browser { SessionKind::Browser } else { SessionKind::Api });
        };
        match (&self.scope, self.browser_session_id) {
            (Some(scope), Some(browser)) if !self.is_browser => {
                Ok(SessionKind::Application(Box::new(ClientGrant {
                    client: ClientUid::from_uuid(client),
                    scope: Scope::from_stored(scope.clone()),
                    resource: self.resource.clone(),
                    browser: SessionId::from_uuid(browser),
                })))
            }
            _ => Err(named.inconsistent("client_uid")),
        }
    }
}

/// Returns the client's address, or the empty string.
pub(crate) fn address_text(client: &ClientInfo) -> String {
    client.ip_address.map_or_else(String::new, |address| address.to_string())
}

/// Returns the value of a `last_` column: NULL if it equals `first`, which saves space and is what rows from before the
/// column have, and the empty string if there is no value any more.
fn changed(first: Option<&str>, last: Option<String>) -> Option<String> {
    (first != last.as_deref()).then(|| last.unwrap_or_default())
}

/// Reads the value of a `last_` column.
fn unless_changed(first: Option<&str>, last: Option<String>) -> Option<String> {
    let last = last.or_else(|| first.map(ToOwned::to_owned));
    last.filter(|text| !text.is_empty())
}

fn revocation(
    named: Row,
    at: Option<Timestamp>,
    reason: Option<String>,
) -> Result<Option<Revocation>, StoreError> {
    match (at, reason.as_deref().map(RevocationReason::from_name)) {
        (None, None) => Ok(None),
        (Some(at), Some(Some(reason))) => Ok(Some(Revocation { at: at.0, reason })),
        _ => Err(named.inconsistent("revoked_reason")),
    }
}
