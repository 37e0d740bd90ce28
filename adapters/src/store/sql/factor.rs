//! SQL statements for second factors.

use async_trait::async_trait;
use inwren_domain::factor::{
    Budget, CredentialId, Factor, FactorId, FactorName, FactorReader, FactorRepository, PasskeyUse, Spent,
};
use inwren_domain::kernel::{StoreError, TokenDigest, UserId};
use inwren_domain::keyring::SecretKeyId;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DeleteMany, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select, UpdateMany,
};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::factors::{Column, Entity, Model, PASSKEY, TOTP};
use super::entity::{factor_budgets, recovery_codes};
use super::factor_budget;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl FactorReader for SqlView {
    async fn of_user(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        factors(self.connection(), oldest_first(user)).await
    }

    async fn by_credential(&mut self, id: &CredentialId) -> Result<Option<Factor>, StoreError> {
        let found = Entity::find().filter(Column::CredentialId.eq(id.as_bytes().to_vec()));
        Ok(factors(self.connection(), found).await?.pop())
    }

    async fn recovery_codes_left(&mut self, user: UserId) -> Result<u64, StoreError> {
        recovery_codes_left(self.connection(), user).await
    }

    async fn budgets(&mut self, user: UserId) -> Result<Vec<Spent>, StoreError> {
        factor_budget::of_user(self.connection(), user).await
    }

    async fn sealed_with(&mut self, key: SecretKeyId, limit: u16) -> Result<Vec<Factor>, StoreError> {
        let sealed = Entity::find().filter(Column::KeyId.eq(i64::from(key.get()))).limit(u64::from(limit));
        factors(self.connection(), sealed).await
    }
}

#[async_trait]
impl FactorRepository for SqlUnit {
    async fn of_user(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        factors(self.connection(), oldest_first(user)).await
    }

    async fn insert(&mut self, factor: &Factor) -> Result<bool, StoreError> {
        // A violation would abort the transaction in PostgreSQL, so the statement avoids it.
        let mut insert = Entity::insert(Model::from(factor).into_active_model()).into_query();
        insert.on_conflict(OnConflict::column(Column::CredentialId).do_nothing().to_owned());
        let done = self.connection().execute(&insert).await.map_err(store_error)?;
        Ok(done.rows_affected() == 1)
    }

    async fn confirm_totp(&mut self, id: FactorId, user: UserId, step: i64) -> Result<bool, StoreError> {
        let confirmed = of_kind(id, user, TOTP)
            .filter(Column::IsConfirmed.eq(false))
            .col_expr(Column::IsConfirmed, Expr::val(true))
            .col_expr(Column::LastStep, Expr::val(step));
        self.updates_factor(confirmed).await
    }

    async fn accept_step(
        &mut self,
        id: FactorId,
        user: UserId,
        step: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let accepted = of_kind(id, user, TOTP)
            .filter(Column::IsConfirmed.eq(true))
            .filter(Column::LastStep.lt(step))
            .col_expr(Column::LastStep, Expr::val(step))
            .col_expr(Column::LastUsedAt, Expr::val(Timestamp(at)));
        self.updates_factor(accepted).await
    }

    async fn use_passkey(
        &mut self,
        id: FactorId,
        user: UserId,
        expected_count: u32,
        used: PasskeyUse,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let used = of_kind(id, user, PASSKEY)
            .filter(Column::SignCount.eq(i64::from(expected_count)))
            .col_expr(Column::SignCount, Expr::val(i64::from(used.sign_count)))
            .col_expr(Column::IsBackedUp, Expr::val(used.is_backed_up))
            .col_expr(Column::LastUsedAt, Expr::val(Timestamp(at)));
        self.updates_factor(used).await
    }

    async fn rename(&mut self, id: FactorId, user: UserId, name: &FactorName) -> Result<bool, StoreError> {
        self.updates_factor(only(id, user).col_expr(Column::Name, Expr::val(name.as_str()))).await
    }

    async fn remove(&mut self, id: FactorId, user: UserId) -> Result<bool, StoreError> {
        Ok(self.delete_rows(of(user).filter(Column::Id.eq(id.as_uuid()))).await? == 1)
    }

    async fn remove_unconfirmed(&mut self, user: UserId) -> Result<(), StoreError> {
        self.delete_rows(of(user).filter(Column::IsConfirmed.eq(false))).await?;
        Ok(())
    }

    async fn remove_all(&mut self, user: UserId) -> Result<u64, StoreError> {
        self.delete_rows(recovery_codes_of(user)).await?;
        self.reopen_budgets(user, None).await?;
        self.delete_rows(of(user)).await
    }

    async fn reseal(
        &mut self,
        id: FactorId,
        expected: &[u8],
        key: SecretKeyId,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let resealed = Entity::update_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::SealedSecret.eq(expected.to_vec()))
            .col_expr(Column::KeyId, Expr::val(i64::from(key.get())))
            .col_expr(Column::SealedSecret, Expr::val(sealed.to_vec()));
        self.updates_factor(resealed).await
    }

    async fn replace_recovery_codes(
        &mut self,
        user: UserId,
        digests: &[TokenDigest],
    ) -> Result<(), StoreError> {
        self.delete_rows(recovery_codes_of(user)).await?;
        if digests.is_empty() {
            return Ok(());
        }
        let rows = digests.iter().map(|digest| recovery_codes::Model::of(user, digest));
        let insert = recovery_codes::Entity::insert_many(rows.map(IntoActiveModel::into_active_model));
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn spend_recovery_code(&mut self, user: UserId, digest: &TokenDigest) -> Result<bool, StoreError> {
        let same = recovery_codes::Column::Digest.eq(digest.as_bytes().to_vec());
        Ok(self.delete_rows(recovery_codes_of(user).filter(same)).await? == 1)
    }

    async fn recovery_codes_left(&mut self, user: UserId) -> Result<u64, StoreError> {
        recovery_codes_left(self.connection(), user).await
    }

    async fn take_code(
        &mut self,
        user: UserId,
        budget: Budget,
        now: OffsetDateTime,
    ) -> Result<Option<Spent>, StoreError> {
        factor_budget::take(self.connection(), user, budget, now).await
    }

    async fn return_code(&mut self, user: UserId, budget: Budget) -> Result<(), StoreError> {
        factor_budget::give_back(self.connection(), user, budget).await
    }

    async fn reopen_budgets(&mut self, user: UserId, except: Option<Budget>) -> Result<(), StoreError> {
        use factor_budgets::Column as Spent;
        let others = except.map(|kept| Spent::Budget.ne(kept.as_str()));
        let opened = factor_budgets::Entity::delete_many()
            .filter(Spent::UserId.eq(user.as_uuid()))
            .filter(Condition::all().add_option(others));
        self.delete_rows(opened).await?;
        Ok(())
    }
}

impl SqlUnit {
    async fn updates_factor(&self, update: UpdateMany<Entity>) -> Result<bool, StoreError> {
        Ok(update.exec(self.connection()).await.map_err(store_error)?.rows_affected == 1)
    }

    async fn delete_rows<E: EntityTrait>(&self, delete: DeleteMany<E>) -> Result<u64, StoreError> {
        Ok(delete.exec(self.connection()).await.map_err(store_error)?.rows_affected)
    }
}

async fn factors(
    connection: &impl ConnectionTrait,
    select: Select<Entity>,
) -> Result<Vec<Factor>, StoreError> {
    let rows = select.all(connection).await.map_err(store_error)?;
    rows.into_iter().map(Factor::try_from).collect()
}

fn oldest_first(user: UserId) -> Select<Entity> {
    Entity::find()
        .filter(Column::UserId.eq(user.as_uuid()))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
}

async fn recovery_codes_left(connection: &impl ConnectionTrait, user: UserId) -> Result<u64, StoreError> {
    let left = recovery_codes::Entity::find()
        .select_only()
        .column_as(recovery_codes::Column::UserId.count(), "left")
        .filter(recovery_codes::Column::UserId.eq(user.as_uuid()));
    let left: Option<i64> = left.into_tuple().one(connection).await.map_err(store_error)?;
    Ok(left.map_or(0, i64::unsigned_abs))
}

fn of(user: UserId) -> DeleteMany<Entity> {
    Entity::delete_many().filter(Column::UserId.eq(user.as_uuid()))
}

fn recovery_codes_of(user: UserId) -> DeleteMany<recovery_codes::Entity> {
    recovery_codes::Entity::delete_many().filter(recovery_codes::Column::UserId.eq(user.as_uuid()))
}

/// The factor, if it is one of the user.
fn only(id: FactorId, user: UserId) -> UpdateMany<Entity> {
    Entity::update_many().filter(Column::Id.eq(id.as_uuid())).filter(Column::UserId.eq(user.as_uuid()))
}

fn of_kind(id: FactorId, user: UserId, kind: &str) -> UpdateMany<Entity> {
    only(id, user).filter(Column::Kind.eq(kind))
}
