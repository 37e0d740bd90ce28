//! SQL statements for importing users in bulk.

use std::collections::HashMap;

use async_trait::async_trait;
use inwren_domain::account::import::{UserFactors, UserTransfer};
use inwren_domain::credential::Account;
use inwren_domain::factor::Factor;
use inwren_domain::kernel::{Email, StoreError, UserId};
use sea_orm::sea_query::{Expr, ExprTrait, LockType, OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use super::account::undoing_failure;
use super::connection::error::{is_unique_violation, store_error};
use super::entity::row::ROWS_IN_A_STATEMENT;
use super::entity::users::{Column, Entity, Model};
use super::entity::{factors, recovery_codes, sessions};
use super::unit::SqlUnit;

#[async_trait]
impl UserTransfer for SqlUnit {
    async fn holders(&mut self, ids: &[UserId], emails: &[Email]) -> Result<Vec<Account>, StoreError> {
        let condition = Condition::any()
            .add(Column::Id.is_in(ids.iter().map(|id| id.as_uuid())))
            .add(Column::EmailNormalized.is_in(emails.iter().map(Email::normalized)));
        // All units lock in the same order, so that two that lock some of the same rows never deadlock.
        let found = Entity::find().filter(condition).order_by_asc(Column::Id).lock(LockType::NoKeyUpdate);
        let rows = found.all(self.connection()).await.map_err(store_error)?;
        Ok(rows.into_iter().map(Account::from).collect())
    }

    async fn insert_new(&mut self, accounts: &[Account]) -> Result<Vec<UserId>, StoreError> {
        let mut inserted = Vec::with_capacity(accounts.len());
        for some in accounts.chunks(ROWS_IN_A_STATEMENT) {
            let rows = some.iter().map(|account| Model::from(account).into_active_model());
            let mut insert = Entity::insert_many(rows).into_query();
            // Whichever unique index is violated.
            insert.on_conflict(OnConflict::new().do_nothing().to_owned()).returning_col(Column::Id);
            let rows = self.connection().query_all(&insert).await.map_err(store_error)?;
            for row in rows {
                let id: Uuid = row.try_get("", "id").map_err(store_error)?;
                inserted.push(UserId::from_uuid(id));
            }
        }
        for some in inserted.chunks(ROWS_IN_A_STATEMENT) {
            self.leave_old_sessions_behind(some).await?;
        }
        Ok(inserted)
    }

    async fn insert_factors(&mut self, new: &[UserFactors]) -> Result<Vec<UserId>, StoreError> {
        let mut missing: HashMap<Uuid, usize> =
            new.iter().map(|one| (one.user.as_uuid(), one.factors.len())).collect();
        let all: Vec<&Factor> = new.iter().flat_map(|one| &one.factors).collect();
        for some in all.chunks(ROWS_IN_A_STATEMENT) {
            let rows = some.iter().map(|factor| factors::Model::from(*factor).into_active_model());
            let mut insert = factors::Entity::insert_many(rows).into_query();
            // Whichever unique index is violated.
            insert.on_conflict(OnConflict::new().do_nothing().to_owned());
            insert.returning_col(factors::Column::UserId);
            for row in self.connection().query_all(&insert).await.map_err(store_error)? {
                let user: Uuid = row.try_get("", "user_id").map_err(store_error)?;
                missing.entry(user).and_modify(|count| *count -= 1);
            }
        }
        self.insert_recovery_codes(new).await?;
        let users = new.iter().map(|one| one.user);
        Ok(users.filter(|user| missing.get(&user.as_uuid()) == Some(&0)).collect())
    }

    async fn replace(&mut self, account: &Account) -> Result<bool, StoreError> {
        let mut row = Model::from(account).into_active_model().reset_all();
        row.not_set(Column::Id);
        let update = Entity::update_many().filter(Column::Id.eq(account.user.id.as_uuid())).set(row);
        match undoing_failure(self.connection(), update).await {
            Ok(rows) => Ok(!rows.is_empty()),
            Err(error) if is_unique_violation(&error) => Ok(false),
            Err(error) => Err(store_error(error)),
        }
    }
}

impl SqlUnit {
    async fn insert_recovery_codes(&self, new: &[UserFactors]) -> Result<(), StoreError> {
        let of_user = |one: &UserFactors| {
            let rows = one.recovery_codes.iter();
            rows.map(|digest| recovery_codes::Model::of(one.user, digest)).collect::<Vec<_>>()
        };
        let rows: Vec<_> = new.iter().flat_map(of_user).collect();
        for some in rows.chunks(ROWS_IN_A_STATEMENT) {
            let rows = some.iter().cloned().map(IntoActiveModel::into_active_model);
            let insert = recovery_codes::Entity::insert_many(rows);
            insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        }
        Ok(())
    }

    /// Sets the epoch of new users after that of old sessions. A deleted user may have left sessions that are not swept
    /// yet; a new user with the same id must start with a later epoch.
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
