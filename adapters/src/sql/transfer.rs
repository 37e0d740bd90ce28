//! The statements on users by the hundred.

use async_trait::async_trait;
use inwren_domain::model::{Email, User, UserId};
use inwren_domain::ports::{StoreError, UserTransfer};
use sea_orm::sea_query::{Expr, ExprTrait, LockType, OnConflict, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Set,
};
use uuid::Uuid;

use super::entity::sessions;
use super::entity::users::{ActiveModel, Column, Entity, Model};
use super::error::{is_unique_violation, store_error};
use super::unit::SqlUnit;
use super::users::undoing_failure;

/// Each has eleven values, and SQLite takes 32,766 in a statement.
const USERS_IN_A_STATEMENT: usize = 1_000;

#[async_trait]
impl UserTransfer for SqlUnit {
    async fn holders(&mut self, ids: &[UserId], emails: &[Email]) -> Result<Vec<User>, StoreError> {
        let condition = Condition::any()
            .add(Column::Id.is_in(ids.iter().map(|id| id.as_uuid())))
            .add(Column::EmailNormalized.is_in(emails.iter().map(Email::normalized)));
        // In one order for everybody, so that two who lock some of the same never wait for each other.
        let found = Entity::find().filter(condition).order_by_asc(Column::Id).lock(LockType::NoKeyUpdate);
        let rows = found.all(self.connection()).await.map_err(store_error)?;
        Ok(rows.into_iter().map(User::from).collect())
    }

    async fn insert_new(&mut self, users: &[User]) -> Result<Vec<UserId>, StoreError> {
        let mut inserted = Vec::with_capacity(users.len());
        for some in users.chunks(USERS_IN_A_STATEMENT) {
            let rows = some.iter().map(|user| Model::from(user).into_active_model());
            let mut insert = Entity::insert_many(rows).into_query();
            // Whichever index it is that says no.
            insert.on_conflict(OnConflict::new().do_nothing().to_owned()).returning_col(Column::Id);
            let rows = self.connection().query_all(&insert).await.map_err(store_error)?;
            for row in rows {
                let id: Uuid = row.try_get("", "id").map_err(store_error)?;
                inserted.push(UserId::from_uuid(id));
            }
        }
        for some in inserted.chunks(USERS_IN_A_STATEMENT) {
            self.leave_old_sessions_behind(some).await?;
        }
        Ok(inserted)
    }

    async fn replace(&mut self, user: &User) -> Result<bool, StoreError> {
        let update = Entity::update_many()
            .filter(Column::Id.eq(user.id.as_uuid()))
            .set(every_column(Model::from(user)));
        match undoing_failure(self.connection(), update).await {
            Ok(rows) => Ok(!rows.is_empty()),
            Err(error) if is_unique_violation(&error) => Ok(false),
            Err(error) => Err(store_error(error)),
        }
    }
}

impl SqlUnit {
    /// A user who was deleted may have left sessions that are not swept yet. One who is new with the same id begins with the
    /// epoch after theirs.
    async fn leave_old_sessions_behind(&self, users: &[UserId]) -> Result<(), StoreError> {
        let of_user = Expr::col((sessions::Entity, sessions::Column::UserId)).equals((Entity, Column::Id));
        let next = Query::select()
            .expr(Expr::col(sessions::Column::Epoch).max().add(1))
            .from(sessions::Entity)
            .and_where(of_user.clone())
            .take();
        let left = Query::select().expr(Expr::cust("1")).from(sessions::Entity).and_where(of_user).take();
        let update = Entity::update_many()
            .col_expr(Column::SessionsEpoch, Expr::SubQuery(None, Box::new(next.into())))
            .filter(Column::Id.is_in(users.iter().map(|user| user.as_uuid())))
            .filter(Expr::exists(left));
        update.exec(self.connection()).await.map_err(store_error)?;
        Ok(())
    }
}

fn every_column(row: Model) -> ActiveModel {
    ActiveModel {
        id: sea_orm::ActiveValue::NotSet,
        email: Set(row.email),
        hashed_password: Set(row.hashed_password),
        is_active: Set(row.is_active),
        is_superuser: Set(row.is_superuser),
        tier: Set(row.tier),
        created_at: Set(row.created_at),
        updated_at: Set(row.updated_at),
        email_normalized: Set(row.email_normalized),
        credential_version: Set(row.credential_version),
        sessions_epoch: Set(row.sessions_epoch),
    }
}
