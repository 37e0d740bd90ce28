use inwren_domain::client::{ClientSecret, ClientSecretId, ClientUid};
use inwren_domain::kernel::StoreError;
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "client_secrets")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) client_uid: Uuid,
        pub(crate) digest: Vec<u8>,
        pub(crate) created_at: Timestamp,
        pub(crate) expires_at: Option<Timestamp>,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&ClientSecret> for Model {
    fn from(secret: &ClientSecret) -> Self {
        Self {
            id: secret.id.as_uuid(),
            client_uid: secret.client.as_uuid(),
            digest: secret.digest.as_bytes().to_vec(),
            created_at: Timestamp(secret.created_at),
            expires_at: secret.expires_at.map(Timestamp),
        }
    }
}

impl TryFrom<Model> for ClientSecret {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "client_secrets", id: row.id };
        Ok(Self {
            id: ClientSecretId::from_uuid(row.id),
            client: ClientUid::from_uuid(row.client_uid),
            digest: named.digest("digest", &row.digest)?,
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|at| at.0),
        })
    }
}
