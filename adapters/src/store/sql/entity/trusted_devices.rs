use inwren_domain::kernel::{StoreError, UserId};
use inwren_domain::trusted_device::{TrustedDevice, TrustedDeviceId};
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "trusted_devices")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) user_id: Uuid,
        pub(crate) digest: Vec<u8>,
        pub(crate) credential_version: i64,
        pub(crate) created_at: Timestamp,
        pub(crate) expires_at: Timestamp,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&TrustedDevice> for Model {
    fn from(device: &TrustedDevice) -> Self {
        Self {
            id: device.id.as_uuid(),
            user_id: device.user_id.as_uuid(),
            digest: device.digest.as_bytes().to_vec(),
            credential_version: device.credential_version,
            created_at: Timestamp(device.created_at),
            expires_at: Timestamp(device.expires_at),
        }
    }
}

impl TryFrom<Model> for TrustedDevice {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "trusted_devices", id: row.id };
        Ok(Self {
            id: TrustedDeviceId::from_uuid(row.id),
            user_id: UserId::from_uuid(row.user_id),
            digest: named.digest("digest", &row.digest)?,
            credential_version: row.credential_version,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
        })
    }
}
