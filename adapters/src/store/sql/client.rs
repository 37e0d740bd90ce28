//! SQL statements for clients.

use std::collections::BTreeMap;

use async_trait::async_trait;
use inwren_domain::client::{
    Client, ClientId, ClientReader, ClientRepository, ClientSecret, ClientSecretId, ClientUid,
};
use inwren_domain::kernel::{Page, PageRequest, StoreError, TokenDigest};
use sea_orm::sea_query::{LockBehavior, LockType, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::account::undoing_failure;
use super::connection::error::{is_unique_violation, store_error};
use super::connection::timestamp::Timestamp;
use super::entity::clients::{Column, Entity, Model};
use super::entity::{client_assertions, client_secrets};
use super::sweep::MAX_ARGUMENTS;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl ClientReader for SqlView {
    async fn by_id(&mut self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let row = Entity::find().filter(Column::ClientId.eq(id.as_str())).one(self.connection()).await;
        row.map_err(store_error)?.map(Client::try_from).transpose()
    }

    async fn by_uid(&mut self, uid: ClientUid) -> Result<Option<Client>, StoreError> {
        let row = Entity::find_by_id(uid.as_uuid()).one(self.connection()).await;
        row.map_err(store_error)?.map(Client::try_from).transpose()
    }

    async fn secrets(&mut self, client: ClientUid) -> Result<Vec<ClientSecret>, StoreError> {
        let query = client_secrets::Entity::find()
            .filter(client_secrets::Column::ClientUid.eq(client.as_uuid()))
            .order_by_asc(client_secrets::Column::CreatedAt)
            .order_by_asc(client_secrets::Column::Id);
        let rows = query.all(self.connection()).await.map_err(store_error)?;
        rows.into_iter().map(ClientSecret::try_from).collect()
    }

    async fn page(&mut self, page: PageRequest<ClientId>) -> Result<Page<Client, ClientId>, StoreError> {
        let mut query = Entity::find();
        if let Some(after) = &page.after {
            query = query.filter(Column::ClientId.gt(after.as_str()));
        }
        let rows = query
            .order_by_asc(Column::ClientId)
            .limit(u64::from(page.limit()) + 1)
            .all(self.connection())
            .await
            .map_err(store_error)?;
        let found = rows.into_iter().map(Client::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_one_more(found, page.limit(), |client: &Client| client.id.clone()))
    }

    async fn all(&mut self) -> Result<Vec<Client>, StoreError> {
        let query = Entity::find().order_by_asc(Column::CreatedAt).order_by_asc(Column::Uid);
        let rows = query.all(self.connection()).await.map_err(store_error)?;
        rows.into_iter().map(Client::try_from).collect()
    }
}

#[async_trait]
impl ClientRepository for SqlUnit {
    async fn insert(&mut self, client: &Client) -> Result<bool, StoreError> {
        // A violation would abort the transaction in PostgreSQL, so the statement avoids it.
        let mut insert = Entity::insert(Model::from(client).into_active_model()).into_query();
        // Whichever unique index is violated.
        insert.on_conflict(OnConflict::new().do_nothing().to_owned());
        let done = self.connection().execute(&insert).await.map_err(store_error)?;
        Ok(done.rows_affected() == 1)
    }

    async fn update(&mut self, client: &Client) -> Result<bool, StoreError> {
        let mut row = Model::from(client).into_active_model().reset_all();
        for column in [Column::Uid, Column::ClientId, Column::CreatedAt] {
            row.not_set(column);
        }
        let update = Entity::update_many().filter(Column::Uid.eq(client.uid.as_uuid())).set(row);
        match undoing_failure(self.connection(), update).await {
            Ok(rows) => Ok(!rows.is_empty()),
            Err(error) if is_unique_violation(&error) => Ok(false),
            Err(error) => Err(store_error(error)),
        }
    }

    async fn delete(&mut self, client: ClientUid) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(client.as_uuid()).exec(self.connection()).await;
        Ok(done.map_err(store_error)?.rows_affected == 1)
    }

    async fn lock(&mut self, client: ClientUid) -> Result<Option<Client>, StoreError> {
        let row = self.locked(client, LockType::NoKeyUpdate).await?;
        row.map(Client::try_from).transpose()
    }

    async fn insert_secret(&mut self, secret: &ClientSecret) -> Result<(), StoreError> {
        let insert = client_secrets::Entity::insert(client_secrets::Model::from(secret).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn count_secrets(&mut self, client: ClientUid) -> Result<usize, StoreError> {
        let count = client_secrets::Entity::find()
            .select_only()
            .column_as(client_secrets::Column::Id.count(), "secrets")
            .filter(client_secrets::Column::ClientUid.eq(client.as_uuid()));
        let count: Option<i64> = count.into_tuple().one(self.connection()).await.map_err(store_error)?;
        Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or_default())
    }

    async fn delete_secret(&mut self, id: ClientSecretId, client: ClientUid) -> Result<bool, StoreError> {
        let delete = client_secrets::Entity::delete_many()
            .filter(client_secrets::Column::Id.eq(id.as_uuid()))
            .filter(client_secrets::Column::ClientUid.eq(client.as_uuid()));
        Ok(delete.exec(self.connection()).await.map_err(store_error)?.rows_affected == 1)
    }

    async fn use_assertion(
        &mut self,
        client: ClientUid,
        digest: &TokenDigest,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        use client_assertions::{Column, Entity, Model};
        // The row refers to the client, which another unit may be deleting.
        if self.locked(client, LockType::KeyShare).await?.is_none() {
            return Ok(false);
        }
        let row = Model::of(client, digest, expires_at);
        let mut insert = Entity::insert(row.into_active_model()).into_query();
        let same = OnConflict::columns([Column::ClientUid, Column::Digest]).do_nothing().to_owned();
        insert.on_conflict(same);
        let done = self.connection().execute(&insert).await.map_err(store_error)?;
        Ok(done.rows_affected() == 1)
    }

    async fn sweep_assertions(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        use client_assertions::{Column, Entity};
        // A separate query finds the rows, as in `sweep`: a planner may run a subquery more than once.
        let expired: Vec<(Uuid, Vec<u8>)> = Entity::find()
            .select_only()
            .column(Column::ClientUid)
            .column(Column::Digest)
            .filter(Column::ExpiresAt.lt(Timestamp(before)))
            .order_by_asc(Column::ExpiresAt)
            .limit(u64::from(limit))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .into_tuple()
            .all(self.connection())
            .await
            .map_err(store_error)?;
        let mut of_clients: BTreeMap<Uuid, Vec<Vec<u8>>> = BTreeMap::new();
        for (client, digest) in expired {
            of_clients.entry(client).or_default().push(digest);
        }
        let mut swept = 0;
        for (client, digests) in of_clients {
            for some in digests.chunks(MAX_ARGUMENTS) {
                let delete = Entity::delete_many()
                    .filter(Column::ClientUid.eq(client))
                    .filter(Column::Digest.is_in(some.iter().cloned()));
                swept += delete.exec(self.connection()).await.map_err(store_error)?.rows_affected;
            }
        }
        Ok(swept)
    }
}

impl SqlUnit {
    async fn locked(&self, client: ClientUid, lock: LockType) -> Result<Option<Model>, StoreError> {
        let row = Entity::find_by_id(client.as_uuid()).lock(lock).one(self.connection()).await;
        row.map_err(store_error)
    }
}
