use std::sync::LazyLock;

use inwren_domain::account::{Inserted, Registration};
use inwren_domain::kernel::StoreError;
use rusqlite::Connection;

use super::audit::record;
use super::rows::{insert, insertion};
use crate::store::sql::connection::error::file_error;
use crate::store::sql::entity::users;

static NEW_USER: LazyLock<String> =
    LazyLock::new(|| format!("{} ON CONFLICT (email_normalized) DO NOTHING", insertion::<users::Entity>()));

/// Inserts the user and its event. The index of addresses decides whether the address is free.
pub(super) fn register(connection: &Connection, registration: &Registration) -> Result<Inserted, StoreError> {
    let row = users::Model::from(&registration.account);
    if insert(connection, &NEW_USER, row).map_err(file_error)? == 0 {
        return Ok(Inserted::EmailTaken);
    }
    record(connection, &registration.event).map_err(file_error)?;
    Ok(Inserted::Inserted)
}
