//! Deletion of rows in batches.

use inwren_domain::kernel::StoreError;
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::connection::error::store_error;

/// Larger than a batch, and below the limit of arguments of either database.
pub(super) const MAX_ARGUMENTS: usize = 1_000;

/// Deletes the rows that a query finds, by their `id`, and returns how many. Concurrent sweeps take different rows, and
/// do not wait for each other.
///
/// A separate query finds the rows: a planner may run a subquery more than once, and each run would find others.
pub(super) async fn sweep<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    found: Select<E>,
    id: E::Column,
) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = found
        .select_only()
        .column(id)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(connection)
        .await
        .map_err(store_error)?;
    let mut swept = 0;
    for some in ids.chunks(MAX_ARGUMENTS) {
        let delete = E::delete_many().filter(id.is_in(some.iter().copied()));
        swept += delete.exec(connection).await.map_err(store_error)?.rows_affected;
    }
    Ok(swept)
}
