//! SQL statements for challenges.

use async_trait::async_trait;
use inwren_domain::challenge::{
    Challenge, ChallengeId, ChallengePurpose, ChallengeReader, ChallengeRepository,
};
use inwren_domain::kernel::{StoreError, TokenDigest};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::challenges::{Column, Entity, Model};
use super::sweep::sweep;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl ChallengeReader for SqlView {
    async fn by_digest(
        &mut self,
        digest: &TokenDigest,
        purpose: ChallengePurpose,
    ) -> Result<Option<Challenge>, StoreError> {
        let found = Entity::find()
            .filter(Column::Digest.eq(digest.as_bytes().to_vec()))
            .filter(Column::Purpose.eq(purpose.as_str()))
            .one(self.connection());
        found.await.map_err(store_error)?.map(Challenge::try_from).transpose()
    }
}

#[async_trait]
impl ChallengeRepository for SqlUnit {
    async fn insert(&mut self, challenge: &Challenge) -> Result<(), StoreError> {
        let insert = Entity::insert(Model::from(challenge).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn take_attempt(
        &mut self,
        id: ChallengeId,
        now: OffsetDateTime,
    ) -> Result<Option<i16>, StoreError> {
        let taken = Entity::update_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::AttemptsLeft.gt(0_i16))
            .filter(Column::ExpiresAt.gt(Timestamp(now)))
            .col_expr(Column::AttemptsLeft, Expr::col(Column::AttemptsLeft).sub(1_i16))
            .exec_with_returning(self.connection())
            .await
            .map_err(store_error)?;
        Ok(taken.into_iter().next().map(|row| row.attempts_left))
    }

    async fn spend(&mut self, id: ChallengeId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let valid = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::ExpiresAt.gt(Timestamp(now)));
        Ok(valid.exec(self.connection()).await.map_err(store_error)?.rows_affected == 1)
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let expired = Entity::find()
            .filter(Column::ExpiresAt.lt(Timestamp(before)))
            .order_by_asc(Column::ExpiresAt)
            .limit(u64::from(limit));
        sweep(self.connection(), expired, Column::Id).await
    }
}
