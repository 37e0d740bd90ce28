//! Export of all users at one moment, in one read-only transaction.

use std::collections::HashMap;

use async_trait::async_trait;
use inwren_domain::account::import::{UserFactors, UserSnapshot};
use inwren_domain::credential::Account;
use inwren_domain::factor::Factor;
use inwren_domain::kernel::{StoreError, UserId};
use sea_orm::{
    AccessMode, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IsolationLevel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, TransactionOptions,
};
use uuid::Uuid;

use super::connection::Connection;
use super::connection::error::store_error;
use super::connection::pool::{Pool, Turn};
use super::dialect::Dialect;
use super::entity::users::{Column, Entity};
use super::entity::{factors, recovery_codes};

/// Reads batches by the primary key in one transaction, each from where the last one ended.
///
/// While it is open, PostgreSQL keeps the row versions that the transaction can see, and SQLite keeps its write-ahead
/// log.
pub(super) struct SqlSnapshot {
    connection: Connection<DatabaseTransaction>,
    after: Option<Uuid>,
    _turn: Turn,
}

impl SqlSnapshot {
    pub(super) async fn take(readers: &Pool) -> Result<Self, StoreError> {
        let options = of_one_moment(Dialect::of(readers));
        let (transaction, turn) = readers.begin(options).await.map_err(store_error)?;
        let connection = Connection::new(transaction, readers.timeout().clone());
        if Dialect::of(&connection) == Dialect::Postgres {
            // The reader may need a long time per batch, and it holds no lock for which others would wait.
            let patient = "SET LOCAL idle_in_transaction_session_timeout = 0";
            connection.execute_unprepared(patient).await.map_err(store_error)?;
        }
        let mut snapshot = Self { connection, after: None, _turn: turn };
        // The first read fixes the moment of the snapshot.
        snapshot.read(1).await.map_err(store_error)?;
        Ok(snapshot)
    }

    async fn read(&mut self, limit: u16) -> Result<Vec<super::entity::users::Model>, sea_orm::DbErr> {
        let mut select = Entity::find().order_by_asc(Column::Id).limit(u64::from(limit));
        if let Some(after) = self.after {
            select = select.filter(Column::Id.gt(after));
        }
        select.all(&self.connection).await
    }
}

/// Returns the options of a read-only transaction that sees one moment.
pub(super) fn of_one_moment(dialect: Dialect) -> TransactionOptions {
    match dialect {
        // SQLite readers see one moment in any transaction, and SQLite supports neither option.
        Dialect::Sqlite => TransactionOptions::default(),
        Dialect::Postgres => TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        },
    }
}

#[async_trait]
impl UserSnapshot for SqlSnapshot {
    async fn count(&mut self) -> Result<u64, StoreError> {
        Entity::find().count(&self.connection).await.map_err(store_error)
    }

    async fn next(&mut self, limit: u16) -> Result<Vec<Account>, StoreError> {
        let rows = self.read(limit).await.map_err(store_error)?;
        if let Some(last) = rows.last() {
            self.after = Some(last.id);
        }
        Ok(rows.into_iter().map(Account::from).collect())
    }

    async fn factors_of(&mut self, users: &[UserId]) -> Result<Vec<UserFactors>, StoreError> {
        let select = factors::Entity::find()
            .filter(factors::Column::UserId.is_in(users.iter().map(|user| user.as_uuid())))
            .filter(factors::Column::IsConfirmed.eq(true))
            .order_by_asc(factors::Column::CreatedAt)
            .order_by_asc(factors::Column::Id);
        let mut found: HashMap<UserId, UserFactors> = HashMap::new();
        for row in select.all(&self.connection).await.map_err(store_error)? {
            let factor = Factor::try_from(row)?;
            of_user(&mut found, factor.user_id).factors.push(factor);
        }
        let select = recovery_codes::Entity::find()
            .filter(recovery_codes::Column::UserId.is_in(found.keys().map(|user| user.as_uuid())))
            .order_by_asc(recovery_codes::Column::Digest);
        for row in select.all(&self.connection).await.map_err(store_error)? {
            let (user, digest) = row.into_code()?;
            of_user(&mut found, user).recovery_codes.push(digest);
        }
        Ok(found.into_values().collect())
    }
}

fn of_user(found: &mut HashMap<UserId, UserFactors>, user: UserId) -> &mut UserFactors {
    found.entry(user).or_insert_with(|| UserFactors { user, factors: Vec::new(), recovery_codes: Vec::new() })
}
