use inwren_domain::client::ServiceClientId;
use inwren_domain::client::{ServiceClient, ServiceClientName};
use inwren_domain::kernel::StoreError;
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "service_clients")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) name: String,
        pub(crate) hashed_secret: Vec<u8>,
        pub(crate) created_at: Timestamp,
        pub(crate) revoked_at: Option<Timestamp>,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&ServiceClient> for Model {
    fn from(client: &ServiceClient) -> Self {
        Self {
            id: client.id.as_uuid(),
            name: client.name.as_str().to_owned(),
            hashed_secret: client.hashed_secret.as_bytes().to_vec(),
            created_at: Timestamp(client.created_at),
            revoked_at: client.revoked_at.map(Timestamp),
        }
    }
}

impl TryFrom<Model> for ServiceClient {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "service_clients", id: row.id };
        Ok(Self {
            id: ServiceClientId::from_uuid(row.id),
            name: ServiceClientName::parse(&row.name).map_err(|_| named.inconsistent("name"))?,
            hashed_secret: named.digest("hashed_secret", &row.hashed_secret)?,
            created_at: row.created_at.0,
            revoked_at: row.revoked_at.map(|at| at.0),
        })
    }
}
