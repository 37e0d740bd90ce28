//! Users who are new on PostgreSQL, where what costs are the round trips.

use std::sync::LazyLock;

use inwren_domain::account::{Inserted, Registration};
use inwren_domain::kernel::StoreError;
use sea_orm::IntoActiveModel;

use super::database_clock::DATABASE_TIME;
use super::deadline::{self, in_time};
use super::entity::{audit_events, users};
use super::pool::Pool;
use super::rows_postgres::{insertion, insertion_anyway, statement, values_of};

/// Adds the user and its event by one statement.
pub(super) async fn register(pool: &Pool, registration: &Registration) -> Result<Inserted, StoreError> {
    let user = users::Model::from(&registration.account).into_active_model();
    let event = audit_events::Model::from(&registration.event).into_active_model();
    let mut values = values_of::<users::Entity>(&user);
    values.extend(values_of::<audit_events::Entity>(&event));
    let row = deadline::write(pool, |deadline| statement(&REGISTRATION, &values, deadline)).await?;
    Ok(if row.is_some() { Inserted::Inserted } else { Inserted::EmailTaken })
}

/// The event is written only if the user is: the index of addresses decides. It may wait for another registration of the
/// address, so that the deadline is checked after the insertion, and undoes it.
static REGISTRATION: LazyLock<String> = LazyLock::new(|| {
    let mut next = 1;
    let user = insertion_anyway::<users::Entity>(&mut next);
    let event = insertion::<audit_events::Entity>("made", &mut next);
    let in_time = in_time(&format!("${next}"));
    format!(
        "WITH made AS ({user} ON CONFLICT (email_normalized) DO NOTHING RETURNING id), event AS ({event}) \
         SELECT {in_time} AS in_time, clock_timestamp() AS {DATABASE_TIME} FROM made"
    )
});
