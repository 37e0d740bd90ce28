//! SQL statements for authorization codes and consents.

use async_trait::async_trait;
use inwren_domain::client::ClientUid;
use inwren_domain::kernel::{StoreError, TokenDigest, UserId};
use inwren_domain::provider::{
    AuthorizationCode, AuthorizationCodeId, AuthorizationCodeReader, AuthorizationCodeRepository, Consent,
    ConsentReader, ConsentRepository,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::authorization_codes::{Column, Entity, Model};
use super::entity::consents;
use super::sweep::sweep;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl AuthorizationCodeReader for SqlView {
    async fn by_digest(&mut self, digest: &TokenDigest) -> Result<Option<AuthorizationCode>, StoreError> {
        let same = Column::Digest.eq(digest.as_bytes().to_vec());
        let found = Entity::find().filter(same).one(self.connection());
        found.await.map_err(store_error)?.map(AuthorizationCode::try_from).transpose()
    }
}

#[async_trait]
impl AuthorizationCodeRepository for SqlUnit {
    async fn insert(&mut self, code: &AuthorizationCode) -> Result<(), StoreError> {
        let insert = Entity::insert(Model::from(code).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn spend(&mut self, id: AuthorizationCodeId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let valid = Entity::update_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::SpentAt.is_null())
            .filter(Column::AttemptsLeft.gt(0_i16))
            .filter(Column::ExpiresAt.gt(Timestamp(now)))
            .col_expr(Column::SpentAt, Expr::val(Timestamp(now)));
        Ok(valid.exec(self.connection()).await.map_err(store_error)?.rows_affected == 1)
    }

    async fn count_wrong(&mut self, id: AuthorizationCodeId) -> Result<(), StoreError> {
        let counted = Entity::update_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::AttemptsLeft.gt(0_i16))
            .col_expr(Column::AttemptsLeft, Expr::col(Column::AttemptsLeft).sub(1_i16));
        counted.exec(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let expired = Entity::find()
            .filter(Column::ExpiresAt.lt(Timestamp(before)))
            .order_by_asc(Column::ExpiresAt)
            .limit(u64::from(limit));
        sweep(self.connection(), expired, Column::Id).await
    }
}

async fn consent(
    connection: &impl ConnectionTrait,
    user: UserId,
    client: ClientUid,
) -> Result<Option<Consent>, StoreError> {
    let key = (user.as_uuid(), client.as_uuid());
    let row = consents::Entity::find_by_id(key).one(connection).await;
    Ok(row.map_err(store_error)?.map(Consent::from))
}

#[async_trait]
impl ConsentReader for SqlView {
    async fn of(&mut self, user: UserId, client: ClientUid) -> Result<Option<Consent>, StoreError> {
        consent(self.connection(), user, client).await
    }

    async fn of_user(&mut self, user: UserId) -> Result<Vec<Consent>, StoreError> {
        let query = consents::Entity::find()
            .filter(consents::Column::UserId.eq(user.as_uuid()))
            .order_by_asc(consents::Column::CreatedAt)
            .order_by_asc(consents::Column::ClientUid);
        let rows = query.all(self.connection()).await.map_err(store_error)?;
        Ok(rows.into_iter().map(Consent::from).collect())
    }
}

#[async_trait]
impl ConsentRepository for SqlUnit {
    async fn current(&mut self, user: UserId, client: ClientUid) -> Result<Option<Consent>, StoreError> {
        consent(self.connection(), user, client).await
    }

    async fn put(&mut self, consent: &Consent) -> Result<(), StoreError> {
        use consents::{Column, Entity, Model};
        let mut insert = Entity::insert(Model::from(consent).into_active_model()).into_query();
        let mut renewal = OnConflict::columns([Column::UserId, Column::ClientUid]);
        renewal.update_columns([Column::Scope, Column::UpdatedAt]);
        insert.on_conflict(renewal);
        self.connection().execute(&insert).await.map_err(store_error)?;
        Ok(())
    }

    async fn delete(&mut self, user: UserId, client: ClientUid) -> Result<bool, StoreError> {
        let key = (user.as_uuid(), client.as_uuid());
        let done = consents::Entity::delete_by_id(key).exec(self.connection()).await;
        Ok(done.map_err(store_error)?.rows_affected == 1)
    }
}
