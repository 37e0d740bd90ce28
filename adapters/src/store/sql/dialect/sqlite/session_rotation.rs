use inwren_domain::kernel::StoreError;
use inwren_domain::session::{Rotation, RotationOutcome};
use rusqlite::{Connection, params};

use super::rows::{session_with_user, statement};
use crate::store::sql::connection::error::file_error;
use crate::store::sql::entity::sessions;

/// Sets only the columns that a rotation changes: SQLite writes the indexes of all columns that an update names.
const CHANGE: &str = "UPDATE sessions SET generation = ?2, refresh_jti = ?3, hashed_refresh_token = ?4,
    previous_hashed_refresh_token = ?5, rotated_at = ?6, last_used_at = ?7, expires_at = ?8,
    last_ip_address = ?9, last_user_agent = ?10 WHERE id = ?1";

/// Exchanges the token under the conditions of [`Rotation::refusal`].
pub(super) fn rotate(connection: &Connection, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
    let found = session_with_user(connection, rotation.session_id).map_err(file_error)??;
    let Some((session, user)) = found else { return Ok(RotationOutcome::Unknown) };
    if let Some(refusal) = rotation.refusal(&session, &user) {
        return Ok(refusal);
    }
    let rotated = rotation.applied_to(&session);
    let row = sessions::Model::from(&rotated);
    let values = params![
        row.id,
        row.generation,
        row.refresh_jti,
        row.hashed_refresh_token,
        row.previous_hashed_refresh_token,
        row.rotated_at,
        row.last_used_at,
        row.expires_at,
        row.last_ip_address,
        row.last_user_agent,
    ];
    statement(connection, CHANGE).and_then(|mut change| change.execute(values)).map_err(file_error)?;
    Ok(RotationOutcome::Rotated(rotated, user))
}
