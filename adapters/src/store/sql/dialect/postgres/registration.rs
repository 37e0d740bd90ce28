//! Registration on PostgreSQL, where the round trips dominate the cost.

use std::sync::LazyLock;

use inwren_domain::account::{Inserted, Registration};
use inwren_domain::kernel::StoreError;
use sea_orm::IntoActiveModel;

use super::insert::{insertion, insertion_anyway, statement, values_of};
use crate::store::sql::connection::database_clock::DATABASE_TIME;
use crate::store::sql::connection::deadline::{self, in_time};
use crate::store::sql::connection::pool::Pool;
use crate::store::sql::entity::{audit_events, users};

/// Inserts the user and its event with one statement.
pub(crate) async fn register(pool: &Pool, registration: &Registration) -> Result<Inserted, StoreError> {
    let user = users::Model::from(&registration.account).into_active_model();
    let event = audit_events::Model::from(&registration.event).into_active_model();
    let mut values = values_of::<users::Entity>(&user);
    values.extend(values_of::<audit_events::Entity>(&event));
    let row = deadline::write(pool, |deadline| statement(&REGISTRATION, &values, deadline)).await?;
    Ok(if row.is_some() { Inserted::Inserted } else { Inserted::EmailTaken })
}

/// Inserts the event only if the user is inserted, which the index of addresses decides. The insertion may wait for
/// another registration of the address, so the deadline is checked after it and undoes it.
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
