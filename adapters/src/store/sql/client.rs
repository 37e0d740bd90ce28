//! SQL statements for service clients.

use async_trait::async_trait;
use inwren_domain::client::ServiceClientId;
use inwren_domain::client::{ServiceClient, ServiceClientReader, ServiceClientRepository};
use inwren_domain::kernel::StoreError;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QueryTrait,
};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::service_clients::{Column, Entity, Model};
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl ServiceClientReader for SqlView {
    async fn by_id(&mut self, id: ServiceClientId) -> Result<Option<ServiceClient>, StoreError> {
        let row = Entity::find_by_id(id.as_uuid()).one(self.connection()).await;
        row.map_err(store_error)?.map(ServiceClient::try_from).transpose()
    }

    async fn all(&mut self) -> Result<Vec<ServiceClient>, StoreError> {
        let query = Entity::find().order_by_asc(Column::CreatedAt).order_by_asc(Column::Id);
        let rows = query.all(self.connection()).await.map_err(store_error)?;
        rows.into_iter().map(ServiceClient::try_from).collect()
    }
}

#[async_trait]
impl ServiceClientRepository for SqlUnit {
    async fn insert(&mut self, client: &ServiceClient) -> Result<bool, StoreError> {
        // A violation would abort the transaction in PostgreSQL, so the statement avoids it.
        let mut insert = Entity::insert(Model::from(client).into_active_model()).into_query();
        insert.on_conflict(OnConflict::column(Column::Name).do_nothing().to_owned());
        let done = self.connection().execute(&insert).await.map_err(store_error)?;
        Ok(done.rows_affected() == 1)
    }

    async fn revoke(&mut self, id: ServiceClientId, at: OffsetDateTime) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::RevokedAt.is_null())
            .col_expr(Column::RevokedAt, Expr::val(Timestamp(at)))
            .exec(self.connection())
            .await;
        Ok(done.map_err(store_error)?.rows_affected == 1)
    }
}
