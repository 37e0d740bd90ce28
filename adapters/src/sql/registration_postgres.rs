//! Users who are new on PostgreSQL, where what costs are the round trips.

use std::sync::LazyLock;

use inwren_domain::ports::{Inserted, Registration, StoreError};
use sea_orm::{ConnectionTrait, DbBackend, IntoActiveModel, Statement};

use super::connection::Connection;
use super::entity::{audit_events, users};
use super::error::store_error;
use super::pool::Pool;
use super::rows_postgres::{insertion, insertion_anyway, values_of};

/// Adds the user and its event by one statement.
pub(super) async fn register(pool: &Pool, registration: &Registration) -> Result<Inserted, StoreError> {
    let user = users::Model::from(&registration.user).into_active_model();
    let event = audit_events::Model::from(&registration.event).into_active_model();
    let mut values = values_of::<users::Entity>(&user);
    values.extend(values_of::<audit_events::Entity>(&event));
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, REGISTRATION.as_str(), values);
    let row = Connection::on(pool.clone()).query_one_raw(statement).await.map_err(store_error)?;
    Ok(if row.is_some() { Inserted::Inserted } else { Inserted::EmailTaken })
}

/// The event is written only if the user is: the index of addresses decides.
static REGISTRATION: LazyLock<String> = LazyLock::new(|| {
    let mut next = 1;
    let user = insertion_anyway::<users::Entity>("users", &mut next);
    let event = insertion::<audit_events::Entity>("audit_events", "made", &mut next);
    format!(
        "WITH made AS ({user} ON CONFLICT (email_normalized) DO NOTHING RETURNING id), event AS ({event}) \
         SELECT id FROM made"
    )
});
