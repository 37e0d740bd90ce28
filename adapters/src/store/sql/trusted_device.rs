//! SQL statements for trusted devices.

use async_trait::async_trait;
use inwren_domain::kernel::{StoreError, TokenDigest, UserId};
use inwren_domain::trusted_device::{TrustedDevice, TrustedDeviceReader, TrustedDeviceRepository};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::trusted_devices::{Column, Entity, Model};
use super::sweep::sweep;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl TrustedDeviceReader for SqlView {
    async fn by_digest(&mut self, digest: &TokenDigest) -> Result<Option<TrustedDevice>, StoreError> {
        let same = Column::Digest.eq(digest.as_bytes().to_vec());
        let found = Entity::find().filter(same).one(self.connection());
        found.await.map_err(store_error)?.map(TrustedDevice::try_from).transpose()
    }
}

#[async_trait]
impl TrustedDeviceRepository for SqlUnit {
    async fn insert(&mut self, device: &TrustedDevice) -> Result<(), StoreError> {
        let insert = Entity::insert(Model::from(device).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn delete_all(&mut self, user: UserId) -> Result<u64, StoreError> {
        let all = Entity::delete_many().filter(Column::UserId.eq(user.as_uuid()));
        Ok(all.exec(self.connection()).await.map_err(store_error)?.rows_affected)
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let ended = Entity::find()
            .filter(Column::ExpiresAt.lt(Timestamp(before)))
            .order_by_asc(Column::ExpiresAt)
            .limit(u64::from(limit));
        sweep(self.connection(), ended, Column::Id).await
    }
}
