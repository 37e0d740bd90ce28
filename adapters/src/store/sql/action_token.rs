//! SQL statements for action tokens.

use async_trait::async_trait;
use inwren_domain::action_token::{
    ActionToken, ActionTokenId, ActionTokenReader, ActionTokenRepository, Purpose,
};
use inwren_domain::kernel::{Email, StoreError, TokenDigest, UserId};
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType};
use sea_orm::{ColumnTrait, DeleteMany, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::action_tokens::{Column, Entity, Model};
use super::sweep::sweep;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl ActionTokenReader for SqlView {
    async fn by_id(&mut self, id: ActionTokenId) -> Result<Option<ActionToken>, StoreError> {
        let row = Entity::find_by_id(id.as_uuid()).one(self.connection()).await;
        row.map_err(store_error)?.map(ActionToken::try_from).transpose()
    }

    async fn newest_of(&mut self, user: UserId, purpose: Purpose) -> Result<Option<ActionToken>, StoreError> {
        let newest = Entity::find()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::Purpose.eq(purpose.as_str()))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .one(self.connection());
        newest.await.map_err(store_error)?.map(ActionToken::try_from).transpose()
    }
}

#[async_trait]
impl ActionTokenRepository for SqlUnit {
    async fn insert(&mut self, token: &ActionToken) -> Result<(), StoreError> {
        if token.purpose != Purpose::UndoEmail {
            self.delete_tokens(of(token.user_id).filter(Column::Purpose.eq(token.purpose.as_str()))).await?;
        }
        let insert = Entity::insert(Model::from(token).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn spend(
        &mut self,
        id: ActionTokenId,
        digest: &TokenDigest,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let valid = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::HashedToken.eq(digest.as_bytes().to_vec()))
            .filter(Column::ExpiresAt.gt(Timestamp(now)));
        Ok(self.delete_tokens(valid).await? == 1)
    }

    async fn count_code(
        &mut self,
        id: ActionTokenId,
        now: OffsetDateTime,
    ) -> Result<Option<i16>, StoreError> {
        let counted = Entity::update_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::WrongCodes.lt(ActionToken::WRONG_CODES))
            .filter(Column::ExpiresAt.gt(Timestamp(now)))
            .col_expr(Column::WrongCodes, Expr::col(Column::WrongCodes).add(1_i16))
            .exec_with_returning(self.connection())
            .await
            .map_err(store_error)?;
        Ok(counted.into_iter().next().map(|row| ActionToken::WRONG_CODES - row.wrong_codes))
    }

    async fn void(&mut self, user: UserId, purpose: Purpose) -> Result<u64, StoreError> {
        self.delete_tokens(of(user).filter(Column::Purpose.eq(purpose.as_str()))).await
    }

    async fn take_expired(
        &mut self,
        purpose: Purpose,
        now: OffsetDateTime,
        limit: u16,
    ) -> Result<Vec<ActionToken>, StoreError> {
        // The unit holds the rows that this query locks; on SQLite it holds the whole database.
        let rows = Entity::find()
            .filter(Expr::col(Column::Purpose).eq(constant(purpose)))
            .filter(Column::ExpiresAt.lt(Timestamp(now)))
            .order_by_asc(Column::ExpiresAt)
            .limit(u64::from(limit))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(self.connection())
            .await
            .map_err(store_error)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let taken = Entity::delete_many().filter(Column::Id.is_in(rows.iter().map(|row| row.id)));
        self.delete_tokens(taken).await?;
        rows.into_iter().map(ActionToken::try_from).collect()
    }

    async fn void_all(&mut self, user: UserId) -> Result<u64, StoreError> {
        self.delete_tokens(of(user).filter(Column::Purpose.ne(Purpose::UndoEmail.as_str()))).await
    }

    async fn void_undo_after(&mut self, user: UserId, after: OffsetDateTime) -> Result<u64, StoreError> {
        let later = of(user)
            .filter(Column::Purpose.eq(Purpose::UndoEmail.as_str()))
            .filter(Column::CreatedAt.gt(Timestamp(after)));
        self.delete_tokens(later).await
    }

    async fn is_reserved(
        &mut self,
        email: &Email,
        except: UserId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let found = Entity::find()
            .filter(Column::EmailNormalized.eq(email.normalized()))
            .filter(Expr::col(Column::Purpose).eq(constant(Purpose::UndoEmail)))
            .filter(Column::UserId.ne(except.as_uuid()))
            .filter(Column::ExpiresAt.gt(Timestamp(now)))
            .one(self.connection());
        Ok(found.await.map_err(store_error)?.is_some())
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let expired = Entity::find()
            .filter(Column::ExpiresAt.lt(Timestamp(before)))
            .filter(Expr::col(Column::Purpose).ne(constant(Purpose::KeepFactors)))
            .order_by_asc(Column::ExpiresAt)
            .limit(u64::from(limit));
        sweep(self.connection(), expired, Column::Id).await
    }
}

impl SqlUnit {
    async fn delete_tokens(&self, delete: DeleteMany<Entity>) -> Result<u64, StoreError> {
        Ok(delete.exec(self.connection()).await.map_err(store_error)?.rows_affected)
    }
}

/// Returns the purpose as a literal and not as a parameter: a planner can match it with the condition of a partial
/// index.
fn constant(purpose: Purpose) -> Expr {
    Expr::Constant(purpose.as_str().into())
}

fn of(user: UserId) -> DeleteMany<Entity> {
    Entity::delete_many().filter(Column::UserId.eq(user.as_uuid()))
}
