//! The statements that make room for a session, in the words of both databases: each parameter is first named in its place.

/// How many unrevoked sessions the user `$1` has of the epoch `$2`, counted up to `$3`.
pub(super) const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM sessions \
    WHERE user_id = $1 AND epoch = $2 AND revoked_at IS NULL LIMIT $3) AS counted";

/// Revokes, at `$1` and for the reason `$2`, the `$5` least recently used sessions of the user `$3` and the epoch `$4`. Those
/// that have expired go first.
pub(super) const REVOKE: &str = "UPDATE sessions SET revoked_at = $1, revoked_reason = $2 WHERE id IN \
    (SELECT id FROM sessions WHERE user_id = $3 AND epoch = $4 AND revoked_at IS NULL \
    ORDER BY expires_at > $1, last_used_at, id LIMIT $5)";

/// Takes the `$3` newest sessions of the user `$1` from the epoch `$2` to the next one.
pub(super) const KEEP: &str = "UPDATE sessions SET epoch = epoch + 1 WHERE id IN \
    (SELECT id FROM sessions WHERE user_id = $1 AND epoch = $2 AND revoked_at IS NULL \
    ORDER BY created_at DESC, id DESC LIMIT $3)";

/// Ends all sessions of the user `$1` that are not of the next epoch.
pub(super) const END: &str = "UPDATE users SET sessions_epoch = sessions_epoch + 1 WHERE id = $1";
