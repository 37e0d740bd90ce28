use inwren_domain::account::{Tier, User};
use inwren_domain::authn::Acr;
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::kernel::{Email, Locale, UserId};
use sea_orm::entity::prelude::*;

use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "users")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) email: String,
        pub(crate) hashed_password: Option<String>,
        pub(crate) is_active: bool,
        pub(crate) is_superuser: bool,
        pub(crate) tier: String,
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
        pub(crate) email_normalized: String,
        pub(crate) credential_version: i64,
        pub(crate) sessions_epoch: i64,
        pub(crate) email_verified_at: Option<Timestamp>,
        pub(crate) email_undeliverable_at: Option<Timestamp>,
        pub(crate) locale: Option<String>,
        pub(crate) highest_acr: String,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&Account> for Model {
    fn from(Account { user, password }: &Account) -> Self {
        Self {
            id: user.id.as_uuid(),
            email: user.email.as_str().to_owned(),
            hashed_password: password.as_ref().map(|hash| hash.expose().to_owned()),
            is_active: user.is_active,
            is_superuser: user.is_superuser,
            tier: user.tier.as_str().to_owned(),
            created_at: Timestamp(user.created_at),
            updated_at: Timestamp(user.updated_at),
            email_normalized: user.email.normalized().to_owned(),
            credential_version: user.credential_version,
            sessions_epoch: user.sessions_epoch,
            email_verified_at: user.email_verified_at.map(Timestamp),
            email_undeliverable_at: user.email_undeliverable_at.map(Timestamp),
            locale: user.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            highest_acr: user.highest_acr.as_str().to_owned(),
        }
    }
}

impl From<Model> for User {
    fn from(row: Model) -> Self {
        Self {
            id: UserId::from_uuid(row.id),
            email: Email::from_stored(row.email, row.email_normalized),
            is_active: row.is_active,
            is_superuser: row.is_superuser,
            tier: Tier::from_stored(row.tier),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            credential_version: row.credential_version,
            sessions_epoch: row.sessions_epoch,
            email_verified_at: row.email_verified_at.map(|at| at.0),
            email_undeliverable_at: row.email_undeliverable_at.map(|at| at.0),
            locale: row.locale.as_deref().and_then(Locale::parse),
            // An unknown level counts as the strictest one, so that it never makes a second factor optional.
            highest_acr: Acr::from_name(&row.highest_acr).unwrap_or(Acr::Phr),
        }
    }
}

impl From<Model> for Account {
    fn from(mut row: Model) -> Self {
        let password = row.hashed_password.take().map(PasswordHash::from_phc);
        Self { user: row.into(), password }
    }
}
