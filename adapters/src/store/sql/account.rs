//! SQL statements for users.

use async_trait::async_trait;
use inwren_domain::account::{Inserted, Updated, User, UserChange, UserFilter, UserReader, UserRepository};
use inwren_domain::credential::{Account, CredentialReader};
use inwren_domain::kernel::{Email, Page, PageRequest, StoreError, UserId};
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Set, TransactionTrait, UpdateMany,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::account_list::{self, Kind};
use super::connection::Connection;
use super::connection::error::{is_unique_violation, store_error};
use super::connection::timestamp::Timestamp;
use super::dialect::Dialect;
use super::entity::users::{ActiveModel, Column, Entity, Model};
use super::session::delete_some;
use super::unit::SqlUnit;
use super::view::SqlView;

/// Key of the PostgreSQL advisory lock: `inwsuper` in ASCII.
const SUPERUSERS_LOCK: i64 = 0x696e_7773_7570_6572;

#[async_trait]
impl UserReader for SqlView {
    async fn by_id(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        let row = Entity::find_by_id(id.as_uuid()).one(self.connection()).await;
        Ok(row.map_err(store_error)?.map(User::from))
    }

    async fn by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        Ok(CredentialReader::by_email(self, email).await?.map(|account| account.user))
    }

    async fn page(&mut self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError> {
        account_list::page(self.connection(), filter, page).await
    }
}

#[async_trait]
impl UserRepository for SqlUnit {
    async fn insert(&mut self, account: &Account) -> Result<Inserted, StoreError> {
        // A violation would abort the transaction in PostgreSQL, so the statement avoids it.
        let mut insert = Entity::insert(Model::from(account).into_active_model()).into_query();
        insert.on_conflict(OnConflict::column(Column::EmailNormalized).do_nothing().to_owned());
        let done = self.connection().execute(&insert).await.map_err(store_error)?;
        Ok(if done.rows_affected() == 1 { Inserted::Inserted } else { Inserted::EmailTaken })
    }

    async fn lock(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        let row = Entity::find_by_id(id.as_uuid()).lock(LockType::NoKeyUpdate).one(self.connection()).await;
        Ok(row.map_err(store_error)?.map(User::from))
    }

    async fn lock_active_superusers(&mut self) -> Result<Vec<UserId>, StoreError> {
        one_at_a_time(self.connection()).await.map_err(store_error)?;
        let ids: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Kind::ACTIVE_SUPERUSER.is_kind())
            // The order of the index, which is the same for all units that lock.
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .lock(LockType::NoKeyUpdate)
            .into_tuple()
            .all(self.connection())
            .await
            .map_err(store_error)?;
        Ok(ids.into_iter().map(UserId::from_uuid).collect())
    }

    async fn update(
        &mut self,
        id: UserId,
        change: &UserChange,
        at: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let update = only(id).set(changed_columns(change, at));
        let rows = if change.email.is_some() {
            match undoing_failure(self.connection(), update).await {
                Err(error) if is_unique_violation(&error) => return Ok(Updated::EmailTaken),
                rows => rows,
            }
        } else {
            update.exec_with_returning(self.connection()).await
        };
        match rows.map_err(store_error)?.pop() {
            Some(row) => Ok(Updated::Updated(row.into())),
            None => Ok(Updated::NotFound),
        }
    }

    async fn delete(&mut self, id: UserId) -> Result<bool, StoreError> {
        delete_some(self.connection(), id).await?;
        let done = Entity::delete_by_id(id.as_uuid()).exec(self.connection()).await;
        Ok(done.map_err(store_error)?.rows_affected == 1)
    }
}

pub(super) fn only(id: UserId) -> UpdateMany<Entity> {
    Entity::update_many().filter(Column::Id.eq(id.as_uuid()))
}

fn changed_columns(change: &UserChange, at: OffsetDateTime) -> ActiveModel {
    let email = change.email.as_ref();
    ActiveModel {
        email: given(email.map(|email| email.as_str().to_owned())),
        email_normalized: given(email.map(|email| email.normalized().to_owned())),
        email_verified_at: given(change.email_verified_at.map(|at| at.map(Timestamp))),
        email_undeliverable_at: given(email.map(|_| None)),
        tier: given(change.tier.as_ref().map(|tier| tier.as_str().to_owned())),
        is_active: given(change.is_active),
        is_superuser: given(change.is_superuser),
        updated_at: Set(Timestamp(at)),
        ..ActiveModel::default()
    }
}

fn given<T: Into<sea_orm::Value>>(value: Option<T>) -> ActiveValue<T> {
    value.map_or(ActiveValue::NotSet, Set)
}

/// Serialises the units that lock the superusers. Each then reads their set only after the previous unit has ended.
/// With row locks alone a unit would use the set from before its wait. It could then hold the row of a former
/// superuser, for which a third unit may wait that holds all the other rows.
async fn one_at_a_time(connection: &Connection<DatabaseTransaction>) -> Result<(), DbErr> {
    if Dialect::of(connection) == Dialect::Postgres {
        let wait = format!("SELECT pg_advisory_xact_lock({SUPERUSERS_LOCK})");
        connection.execute_unprepared(&wait).await?;
    }
    Ok(())
}

/// Runs the update after a savepoint, so that a violation leaves the transaction unchanged.
pub(super) async fn undoing_failure<E: EntityTrait>(
    connection: &Connection<DatabaseTransaction>,
    update: UpdateMany<E>,
) -> Result<Vec<E::Model>, DbErr> {
    let timeout = connection.timeout();
    let savepoint = timeout.wait(connection.inner().begin()).await?;
    let savepoint = Connection::new(savepoint, timeout.clone());
    match update.exec_with_returning(&savepoint).await {
        Ok(rows) => {
            timeout.wait(savepoint.into_inner().0.commit()).await?;
            Ok(rows)
        }
        Err(error) => {
            timeout.wait(savepoint.into_inner().0.rollback()).await?;
            Err(error)
        }
    }
}
