use inwren_domain::client::ClientUid;
use inwren_domain::kernel::TokenDigest;
use sea_orm::entity::prelude::*;
use time::OffsetDateTime;

use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "client_assertions")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) client_uid: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) digest: Vec<u8>,
        pub(crate) expires_at: Timestamp,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl Model {
    /// The row of an assertion that the client used.
    pub(crate) fn of(client: ClientUid, digest: &TokenDigest, expires_at: OffsetDateTime) -> Self {
        Self {
            client_uid: client.as_uuid(),
            digest: digest.as_bytes().to_vec(),
            expires_at: Timestamp(expires_at),
        }
    }
}
