use std::sync::LazyLock;

use inwren_domain::account::User;
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{Eviction, RevocationReason, SessionStart, SessionStartOutcome};
use rusqlite::{Connection, params};

use super::audit::record;
use super::rows::{all, insert, insertion, statement, user_by};
use crate::store::sql::connection::error::file_error;
use crate::store::sql::connection::timestamp::to_micros;
use crate::store::sql::entity::row::TableRow;
use crate::store::sql::entity::{sessions, users};
use crate::store::sql::session_eviction;

static USER: LazyLock<String> = LazyLock::new(|| user_by(users::Column::Id));
static NEW_SESSION: LazyLock<String> = LazyLock::new(insertion::<sessions::Entity>);
const NEW_HASH: &str = "UPDATE users SET hashed_password = ?2 WHERE id = ?1";

/// Starts the session if the user has not changed since the password check.
pub(super) fn open(connection: &Connection, start: &SessionStart) -> Result<SessionStartOutcome, StoreError> {
    let id = start.session.user_id.as_uuid();
    let id = id.as_bytes().as_slice();
    let found = all(connection, &USER, params![id], users::Model::read).map_err(file_error)?;
    let found = found.into_iter().next().map(User::from);
    let Some(mut user) = found.filter(|user| start.fits(user)) else {
        return Ok(SessionStartOutcome::ChangedMeanwhile);
    };
    let mut write = || {
        if let Some(hash) = &start.rehashed {
            statement(connection, NEW_HASH)?.execute(params![id, hash.expose()])?;
        }
        make_room(connection, start, &mut user)?;
        let session = start.session_of(&user);
        insert(connection, &NEW_SESSION, sessions::Model::from(&session))?;
        record(connection, &start.event)
    };
    write().map_err(file_error)?;
    Ok(SessionStartOutcome::Opened(user))
}

/// Revokes sessions to make room.
fn make_room(connection: &Connection, start: &SessionStart, user: &mut User) -> rusqlite::Result<()> {
    let (id, epoch) = (user.id.as_uuid(), user.sessions_epoch);
    let id = id.as_bytes().as_slice();
    let most = start.counted_sessions();
    let count = statement(connection, session_eviction::COUNT)?
        .query_row(params![id, epoch, most], |row| row.get(0))?;
    match start.eviction(count) {
        Eviction::None => {}
        Eviction::LeastRecentlyUsed(count) => {
            let at = to_micros(start.session.created_at);
            let reason = RevocationReason::SessionLimit.as_str();
            statement(connection, session_eviction::REVOKE)?
                .execute(params![at, reason, id, epoch, count])?;
        }
        Eviction::AllButNewest(count) => {
            statement(connection, session_eviction::KEEP)?.execute(params![id, epoch, count])?;
            statement(connection, session_eviction::END)?.execute(params![id])?;
            user.sessions_epoch += 1;
        }
    }
    Ok(())
}
