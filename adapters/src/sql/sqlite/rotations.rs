use inwren_domain::ports::{Rotation, RotationOutcome, StoreError};
use rusqlite::{Connection, params_from_iter};

use super::super::error::file_error;
use super::rows::{session_values, session_with_user, statement};

/// Sets what a rotation changes and nothing else: SQLite writes the indexes of all columns that are named here.
const CHANGE: &str = "UPDATE sessions SET generation = ?2, refresh_jti = ?3, hashed_refresh_token = ?4,
    previous_hashed_refresh_token = ?5, rotated_at = ?6, last_used_at = ?7, expires_at = ?8 WHERE id = ?1";

/// Exchanges the token as [`Rotation::refusal`] says.
pub(super) fn rotate(connection: &Connection, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
    let found = session_with_user(connection, rotation.session_id).map_err(file_error)??;
    let Some((session, user)) = found else { return Ok(RotationOutcome::Unknown) };
    if let Some(refusal) = rotation.refusal(&session, &user) {
        return Ok(refusal);
    }
    let rotated = rotation.applied_to(&session);
    let [id, _, generation, _, jti, token, previous, rotated_at, _, _, last_used_at, expires_at, ..] =
        session_values(&rotated);
    let values = [id, generation, jti, token, previous, rotated_at, last_used_at, expires_at];
    statement(connection, CHANGE)
        .and_then(|mut change| change.execute(params_from_iter(values)))
        .map_err(file_error)?;
    Ok(RotationOutcome::Rotated(rotated, user))
}
