use inwren_domain::account::Tier;
use inwren_domain::credential::PasswordHash;
use inwren_domain::kernel::{Email, Locale, StoreError};
use inwren_domain::pending_registration::{PendingRegistration, VerificationId};
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "pending_registrations")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) email: String,
        pub(crate) email_normalized: String,
        pub(crate) hashed_password: String,
        pub(crate) tier: String,
        pub(crate) locale: Option<String>,
        pub(crate) hashed_token: Vec<u8>,
        pub(crate) key_id: i64,
        pub(crate) code_round: i64,
        pub(crate) attempts_left: i16,
        pub(crate) code_expires_at: Timestamp,
        pub(crate) ip_address: Option<String>,
        pub(crate) user_agent: Option<String>,
        pub(crate) created_at: Timestamp,
        pub(crate) expires_at: Timestamp,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&PendingRegistration> for Model {
    fn from(registration: &PendingRegistration) -> Self {
        Self {
            id: registration.id.as_uuid(),
            email: registration.email.as_str().to_owned(),
            email_normalized: registration.email.normalized().to_owned(),
            hashed_password: registration.password.expose().to_owned(),
            tier: registration.tier.as_str().to_owned(),
            locale: registration.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            hashed_token: registration.hashed_token.as_bytes().to_vec(),
            key_id: registration.key_id.get().into(),
            code_round: registration.code_round,
            attempts_left: registration.attempts_left,
            code_expires_at: Timestamp(registration.code_expires_at),
            ip_address: registration.client.ip_address.map(|address| address.to_string()),
            user_agent: registration.client.user_agent.clone(),
            created_at: Timestamp(registration.created_at),
            expires_at: Timestamp(registration.expires_at),
        }
    }
}

impl TryFrom<Model> for PendingRegistration {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "pending_registrations", id: row.id };
        Ok(Self {
            id: VerificationId::from_uuid(row.id),
            email: Email::from_stored(row.email, row.email_normalized),
            password: PasswordHash::from_phc(row.hashed_password),
            tier: Tier::from_stored(row.tier),
            locale: row.locale.as_deref().and_then(Locale::parse),
            hashed_token: named.digest("hashed_token", &row.hashed_token)?,
            key_id: named.secret_key(row.key_id)?,
            code_round: row.code_round,
            attempts_left: row.attempts_left,
            code_expires_at: row.code_expires_at.0,
            client: named.client("ip_address", row.ip_address, row.user_agent)?,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
        })
    }
}
