use inwren_domain::action_token::{ActionToken, ActionTokenId, Purpose};
use inwren_domain::kernel::{Email, SessionId, StoreError, UserId};
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "action_tokens")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) user_id: Uuid,
        pub(crate) purpose: String,
        pub(crate) email: String,
        pub(crate) email_normalized: String,
        pub(crate) hashed_token: Vec<u8>,
        pub(crate) key_id: i64,
        pub(crate) credential_version: i64,
        pub(crate) session_id: Option<Uuid>,
        pub(crate) ip_address: Option<String>,
        pub(crate) user_agent: Option<String>,
        pub(crate) created_at: Timestamp,
        pub(crate) expires_at: Timestamp,
        pub(crate) wrong_codes: i16,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&ActionToken> for Model {
    fn from(token: &ActionToken) -> Self {
        Self {
            id: token.id.as_uuid(),
            user_id: token.user_id.as_uuid(),
            purpose: token.purpose.as_str().to_owned(),
            email: token.email.as_str().to_owned(),
            email_normalized: token.email.normalized().to_owned(),
            hashed_token: token.hashed_token.as_bytes().to_vec(),
            key_id: token.key_id.get().into(),
            credential_version: token.credential_version,
            session_id: token.session_id.map(SessionId::as_uuid),
            ip_address: token.client.ip_address.map(|address| address.to_string()),
            user_agent: token.client.user_agent.clone(),
            created_at: Timestamp(token.created_at),
            expires_at: Timestamp(token.expires_at),
            wrong_codes: token.wrong_codes,
        }
    }
}

impl TryFrom<Model> for ActionToken {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "action_tokens", id: row.id };
        Ok(Self {
            id: ActionTokenId::from_uuid(row.id),
            user_id: UserId::from_uuid(row.user_id),
            purpose: Purpose::from_name(&row.purpose).ok_or_else(|| named.inconsistent("purpose"))?,
            email: Email::from_stored(row.email, row.email_normalized),
            hashed_token: named.digest("hashed_token", &row.hashed_token)?,
            key_id: named.secret_key(row.key_id)?,
            credential_version: row.credential_version,
            session_id: row.session_id.map(SessionId::from_uuid),
            client: named.client("ip_address", row.ip_address, row.user_agent)?,
            wrong_codes: row.wrong_codes,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
        })
    }
}
