//! Session start on PostgreSQL, where the round trips dominate the cost.

use std::sync::LazyLock;

use inwren_domain::account::User;
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{SessionStart, SessionStartOutcome};
use inwren_domain::store::UnitOfWork;
use sea_orm::{ActiveValue, FromQueryResult, IntoActiveModel};

use super::insert::{insertion, insertion_with, statement, values_of};
use crate::store::sql::connection::database_clock::DATABASE_TIME;
use crate::store::sql::connection::deadline::{self, in_time};
use crate::store::sql::connection::error::store_error;
use crate::store::sql::connection::pool::Pool;
use crate::store::sql::entity::{audit_events, sessions, users};
use crate::store::sql::unit::SqlUnit;

/// How many more sessions an account must have room for before one statement may start another. A statement sees the
/// state that was committed when it began: it does not count sessions that others started while it waited for the
/// user's row, and this margin leaves room for them. It exceeds the number of connections of several instances.
const ROOM: u16 = 64;

/// Starts a session with one statement if there is plenty of room. An account near its limit, a renewed hash or a
/// concurrent change is rare enough for a unit of several statements.
pub(crate) async fn open(pool: &Pool, start: &SessionStart) -> Result<SessionStartOutcome, StoreError> {
    let plenty = start.max_sessions.saturating_sub(ROOM);
    if start.rehashed.is_none()
        && plenty > 0
        && let Some(user) = in_one_statement(pool, start, plenty).await?
    {
        return Ok(SessionStartOutcome::Opened(user));
    }
    let unit: Box<dyn UnitOfWork> = Box::new(SqlUnit::begin(pool).await?);
    unit.open_session(start).await
}

/// Starts the session if the user meets the conditions and has fewer than `plenty` sessions.
async fn in_one_statement(
    pool: &Pool,
    start: &SessionStart,
    plenty: u16,
) -> Result<Option<User>, StoreError> {
    let mut session = sessions::Model::from(&start.session).into_active_model();
    session.epoch = ActiveValue::NotSet;
    let event = audit_events::Model::from(&start.event).into_active_model();
    let mut values = vec![
        start.session.user_id.as_uuid().into(),
        start.credential_version.into(),
        i64::from(plenty).into(),
    ];
    values.extend(values_of::<sessions::Entity>(&session));
    values.extend(values_of::<audit_events::Entity>(&event));
    let row = deadline::write(pool, |deadline| statement(&OPENING, &values, deadline)).await?;
    let row = row.map(|row| users::Model::from_query_result(&row, "").map_err(store_error)).transpose()?;
    Ok(row.map(User::from))
}

/// Locks the user as a unit does, and checks the conditions of [`SessionStart::fits`] on the row that the lock found. The
/// session gets the epoch of that row. The dependent rows are written only if the user is found and has few sessions.
/// The deadline is checked after the lock.
static OPENING: LazyLock<String> = LazyLock::new(|| {
    let mut next = 4;
    let epoch = (sessions::Column::Epoch, "sessions_epoch");
    let session = insertion_with::<sessions::Entity>("roomy", epoch, &mut next);
    let event = insertion::<audit_events::Entity>("roomy", &mut next);
    let in_time = in_time(&format!("${next}"));
    format!(
        "WITH fitting AS (SELECT * FROM users WHERE id = $1 AND is_active AND credential_version = $2 \
         FOR NO KEY UPDATE), roomy AS (SELECT * FROM fitting WHERE (SELECT count(*) FROM (SELECT 1 FROM sessions AS s \
         WHERE s.user_id = fitting.id AND s.epoch = fitting.sessions_epoch AND s.revoked_at IS NULL LIMIT $3) AS counted) \
         < $3), session AS ({session}), event AS ({event}) \
         SELECT *, {in_time} AS in_time, clock_timestamp() AS {DATABASE_TIME} FROM roomy"
    )
});
