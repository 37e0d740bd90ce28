//! SQL statements for credentials.

use async_trait::async_trait;
use inwren_domain::account::User;
use inwren_domain::authn::Acr;
use inwren_domain::credential::{Account, CredentialReader, CredentialRepository, PasswordHash};
use inwren_domain::kernel::{Email, StoreError, UserId};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, UpdateMany};
use time::OffsetDateTime;

use super::account::only;
use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::users::{Column, Entity};
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl CredentialReader for SqlView {
    async fn by_id(&mut self, id: UserId) -> Result<Option<Account>, StoreError> {
        let row = Entity::find_by_id(id.as_uuid()).one(self.connection()).await;
        Ok(row.map_err(store_error)?.map(Account::from))
    }

    async fn by_email(&mut self, email: &Email) -> Result<Option<Account>, StoreError> {
        if let Some(found) = self.session_lookup().local_read(|readers| readers.account_by_email(email)) {
            return Ok(found);
        }
        let same = Column::EmailNormalized.eq(email.normalized());
        let row = Entity::find().filter(same).one(self.connection()).await;
        Ok(row.map_err(store_error)?.map(Account::from))
    }
}

#[async_trait]
impl CredentialRepository for SqlUnit {
    async fn password_of(&mut self, id: UserId) -> Result<Option<PasswordHash>, StoreError> {
        let found = Entity::find_by_id(id.as_uuid()).select_only().column(Column::HashedPassword);
        let hash: Option<Option<String>> =
            found.into_tuple().one(self.connection()).await.map_err(store_error)?;
        Ok(hash.flatten().map(PasswordHash::from_phc))
    }

    async fn change_password(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        self.changes_one(with_hash(next_version(id, expected_version, at), hash)).await
    }

    async fn rehash(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
    ) -> Result<bool, StoreError> {
        self.changes_one(with_hash(of_version(id, expected_version), hash)).await
    }

    async fn advance_version(
        &mut self,
        id: UserId,
        expected_version: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        self.changes_one(next_version(id, expected_version, at)).await
    }

    async fn change_factors(
        &mut self,
        id: UserId,
        expected_version: i64,
        highest_acr: Acr,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let changed = next_version(id, expected_version, at)
            .col_expr(Column::HighestAcr, Expr::val(highest_acr.as_str()));
        self.changes_one(changed).await
    }

    async fn void_password(
        &mut self,
        id: UserId,
        expected_version: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let voided = next_version(id, expected_version, at)
            .col_expr(Column::HashedPassword, Expr::val(Option::<String>::None));
        self.changes_one(voided).await
    }
}

impl SqlUnit {
    async fn changes_one(&self, update: UpdateMany<Entity>) -> Result<bool, StoreError> {
        let done = update.exec(self.connection()).await.map_err(store_error)?;
        Ok(done.rows_affected == 1)
    }
}

fn of_version(id: UserId, expected_version: i64) -> UpdateMany<Entity> {
    only(id).filter(Column::CredentialVersion.eq(expected_version))
}

fn next_version(id: UserId, expected_version: i64, at: OffsetDateTime) -> UpdateMany<Entity> {
    of_version(id, expected_version)
        .col_expr(Column::UpdatedAt, Expr::val(Timestamp(at)))
        // Computed here, because SQLite would turn the successor of the largest integer into a floating-point number.
        .col_expr(Column::CredentialVersion, Expr::val(User::next_credential_version(expected_version)))
}

fn with_hash(update: UpdateMany<Entity>, hash: &PasswordHash) -> UpdateMany<Entity> {
    update.col_expr(Column::HashedPassword, Expr::val(hash.expose()))
}
