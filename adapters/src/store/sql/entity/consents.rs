use inwren_domain::client::{ClientUid, Scope};
use inwren_domain::kernel::UserId;
use inwren_domain::provider::Consent;
use sea_orm::entity::prelude::*;

use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "consents")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) user_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) client_uid: Uuid,
        pub(crate) scope: String,
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&Consent> for Model {
    fn from(consent: &Consent) -> Self {
        Self {
            user_id: consent.user_id.as_uuid(),
            client_uid: consent.client.as_uuid(),
            scope: consent.scope.as_str().to_owned(),
            created_at: Timestamp(consent.created_at),
            updated_at: Timestamp(consent.updated_at),
        }
    }
}

impl From<Model> for Consent {
    fn from(row: Model) -> Self {
        Self {
            user_id: UserId::from_uuid(row.user_id),
            client: ClientUid::from_uuid(row.client_uid),
            scope: Scope::from_stored(row.scope),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}
