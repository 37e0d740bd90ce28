//! Statements that make room for a session, for both databases: each parameter first appears in the order of its
//! number.

use inwren_domain::account::User;
use inwren_domain::session::{Eviction, RevocationReason, SessionStart};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use super::connection::timestamp::Timestamp;

/// Counts the unrevoked sessions of the user `$1` in the epoch `$2`, up to `$3`.
pub(super) const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM sessions \
    WHERE user_id = $1 AND epoch = $2 AND revoked_at IS NULL LIMIT $3) AS counted";

/// Revokes, at `$1` and for the reason `$2`, the `$5` least recently used sessions of the user `$3` in the epoch `$4`.
/// Expired sessions go first.
pub(super) const REVOKE: &str = "UPDATE sessions SET revoked_at = $1, revoked_reason = $2 WHERE id IN \
    (SELECT id FROM sessions WHERE user_id = $3 AND epoch = $4 AND revoked_at IS NULL \
    ORDER BY expires_at > $1, last_used_at, id LIMIT $5)";

/// Moves the `$3` newest sessions of the user `$1` from the epoch `$2` to the next one.
pub(super) const KEEP: &str = "UPDATE sessions SET epoch = epoch + 1 WHERE id IN \
    (SELECT id FROM sessions WHERE user_id = $1 AND epoch = $2 AND revoked_at IS NULL \
    ORDER BY created_at DESC, id DESC LIMIT $3)";

/// Ends all sessions of the user `$1` that are not in the next epoch.
pub(super) const END: &str = "UPDATE users SET sessions_epoch = sessions_epoch + 1 WHERE id = $1";

/// Revokes sessions to make room, and returns the user's epoch afterwards. The unit has locked the user, so that the
/// count is exact.
pub(super) async fn make_room(
    connection: &impl ConnectionTrait,
    start: &SessionStart,
    user: &User,
) -> Result<i64, DbErr> {
    let statement = |text: &str, values: &[Value]| {
        Statement::from_sql_and_values(connection.get_database_backend(), text, values.to_vec())
    };
    let (id, epoch) = (Value::from(user.id.as_uuid()), Value::from(user.sessions_epoch));
    let limit = |count: u32| Value::from(i64::from(count));
    let count = statement(COUNT, &[id.clone(), epoch.clone(), limit(start.counted_sessions())]);
    let row = connection.query_one_raw(count).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    match start.eviction(u32::try_from(count).unwrap_or(u32::MAX)) {
        Eviction::None => {}
        Eviction::LeastRecentlyUsed(count) => {
            let at = Timestamp(start.session.created_at);
            let reason = RevocationReason::SessionLimit.as_str();
            let values = [at.into(), reason.into(), id, epoch, limit(count)];
            connection.execute_raw(statement(REVOKE, &values)).await?;
        }
        Eviction::AllButNewest(count) => {
            connection.execute_raw(statement(KEEP, &[id.clone(), epoch, limit(count)])).await?;
            connection.execute_raw(statement(END, &[id])).await?;
            return Ok(user.sessions_epoch + 1);
        }
    }
    Ok(user.sessions_epoch)
}
