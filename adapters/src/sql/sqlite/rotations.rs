use std::sync::LazyLock;

use inwren_domain::ports::{Rotation, RotationOutcome, StoreError};
use rusqlite::{Connection, params_from_iter};
use sea_orm::{IdenStatic as _, Iterable as _};

use super::super::entity::sessions;
use super::super::error::file_error;
use super::rows::{session_values, session_with_user, statement};

/// Sets all that a session may change, which is all but its first two columns: what it is known by and whose it is. To
/// set these to what they are would have their indexes written anew.
static CHANGE: LazyLock<String> = LazyLock::new(|| {
    let numbered = sessions::Column::iter().enumerate().skip(2);
    let set: Vec<String> =
        numbered.map(|(place, column)| format!("{} = ?{}", column.as_str(), place + 1)).collect();
    format!("UPDATE sessions SET {} WHERE id = ?1 AND user_id = ?2", set.join(", "))
});

/// Exchanges the token as [`Rotation::refusal`] says.
pub(super) fn rotate(connection: &Connection, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
    let found = session_with_user(connection, rotation.session_id).map_err(file_error)??;
    let Some((session, user)) = found else { return Ok(RotationOutcome::Unknown) };
    if let Some(refusal) = rotation.refusal(&session, &user) {
        return Ok(refusal);
    }
    let rotated = rotation.applied_to(&session);
    let values = params_from_iter(session_values(&rotated));
    statement(connection, &CHANGE).and_then(|mut change| change.execute(values)).map_err(file_error)?;
    Ok(RotationOutcome::Rotated(rotated, user))
}
