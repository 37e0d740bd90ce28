//! SQL statements for pending registrations.

use async_trait::async_trait;
use inwren_domain::kernel::{Email, StoreError, TokenDigest};
use inwren_domain::pending_registration::{
    PendingRegistration, PendingRegistrationReader, PendingRegistrationRepository, VerificationId,
};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select};
use time::OffsetDateTime;
use uuid::Uuid;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::pending_registrations::{Column, Entity, Model};
use super::sweep::sweep;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl PendingRegistrationReader for SqlView {
    async fn by_id(&mut self, id: VerificationId) -> Result<Option<PendingRegistration>, StoreError> {
        let row = Entity::find_by_id(id.as_uuid()).one(self.connection()).await;
        row.map_err(store_error)?.map(PendingRegistration::try_from).transpose()
    }

    async fn newest_of(&mut self, email: &Email) -> Result<Option<PendingRegistration>, StoreError> {
        let row = newest_first(email).one(self.connection()).await;
        row.map_err(store_error)?.map(PendingRegistration::try_from).transpose()
    }
}

#[async_trait]
impl PendingRegistrationRepository for SqlUnit {
    async fn insert(&mut self, registration: &PendingRegistration) -> Result<(), StoreError> {
        let insert = Entity::insert(Model::from(registration).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        let kept: Vec<Uuid> = newest_first(&registration.email)
            .select_only()
            .column(Column::Id)
            .limit(u64::from(PendingRegistration::PER_ADDRESS))
            .into_tuple()
            .all(self.connection())
            .await
            .map_err(store_error)?;
        if kept.len() == usize::from(PendingRegistration::PER_ADDRESS) {
            let excess = Entity::delete_many()
                .filter(Column::EmailNormalized.eq(registration.email.normalized()))
                .filter(Column::Id.is_not_in(kept));
            excess.exec(self.connection()).await.map_err(store_error)?;
        }
        Ok(())
    }

    async fn count_attempt(
        &mut self,
        id: VerificationId,
        now: OffsetDateTime,
    ) -> Result<Option<PendingRegistration>, StoreError> {
        let mut counted = Entity::update_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::AttemptsLeft.gt(0_i16))
            .filter(Column::CodeExpiresAt.gt(Timestamp(now)))
            .filter(Column::ExpiresAt.gt(Timestamp(now)))
            .col_expr(Column::AttemptsLeft, Expr::col(Column::AttemptsLeft).sub(1_i16))
            .exec_with_returning(self.connection())
            .await
            .map_err(store_error)?;
        counted.pop().map(PendingRegistration::try_from).transpose()
    }

    async fn renew_code(
        &mut self,
        id: VerificationId,
        round: i64,
        attempts: i16,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::CodeRound.eq(round - 1))
            .col_expr(Column::CodeRound, Expr::val(round))
            .col_expr(Column::AttemptsLeft, Expr::val(attempts))
            .col_expr(Column::CodeExpiresAt, Expr::val(Timestamp(expires_at)))
            .exec(self.connection())
            .await;
        Ok(done.map_err(store_error)?.rows_affected == 1)
    }

    async fn spend(
        &mut self,
        id: VerificationId,
        digest: &TokenDigest,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::HashedToken.eq(digest.as_bytes().to_vec()))
            .filter(Column::ExpiresAt.gt(Timestamp(now)))
            .exec(self.connection())
            .await;
        Ok(done.map_err(store_error)?.rows_affected == 1)
    }

    async fn delete_all(&mut self, email: &Email) -> Result<u64, StoreError> {
        let all = Entity::delete_many().filter(Column::EmailNormalized.eq(email.normalized()));
        Ok(all.exec(self.connection()).await.map_err(store_error)?.rows_affected)
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let expired = Entity::find()
            .filter(Column::ExpiresAt.lt(Timestamp(before)))
            .order_by_asc(Column::ExpiresAt)
            .limit(u64::from(limit));
        sweep(self.connection(), expired, Column::Id).await
    }
}

fn newest_first(email: &Email) -> Select<Entity> {
    Entity::find()
        .filter(Column::EmailNormalized.eq(email.normalized()))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
}
