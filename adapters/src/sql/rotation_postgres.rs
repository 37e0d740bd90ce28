//! The rotation of a refresh token on PostgreSQL. What it does is said by [`Rotation::refusal`] and [`Rotation::applied_to`].

use std::fmt::Write;
use std::sync::LazyLock;

use inwren_domain::model::{Session, User};
use inwren_domain::ports::{Rotation, RotationOutcome, StoreError};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, FromQueryResult, IdenStatic, Iterable, Statement,
};

use super::connection::Connection;
use super::entity::{sessions, users};
use super::error::store_error;
use super::patience::Patience;
use super::sessions::with_user;
use super::timestamp::Timestamp;

/// How often the exchange is tried if what it finds has changed every time by when it looks.
const ATTEMPTS: u8 = 4;

/// The exchange by one statement, which takes place only if all holds that [`Rotation::refusal`] asks for. Only when it
/// has not is it found out why.
///
/// It locks the session's row and no other. Whoever takes the user's rights away revokes the session in the same
/// transaction, so that one of the two finds the other's row and waits for it.
pub(super) async fn in_one_statement(
    pool: &DatabaseConnection,
    patience: &Patience,
    rotation: &Rotation,
) -> Result<RotationOutcome, StoreError> {
    let connection = Connection::new(pool.clone(), patience.clone());
    for _ in 0..ATTEMPTS {
        if let Some((session, user)) = exchange(&connection, rotation).await? {
            return Ok(RotationOutcome::Rotated(session, user));
        }
        let Some((session, user)) = with_user(&connection, rotation.session_id).await? else {
            return Ok(RotationOutcome::Unknown);
        };
        if let Some(refusal) = rotation.refusal(&session, &user) {
            return Ok(refusal);
        }
    }
    Err(StoreError::Busy("a session changed all through a rotation".to_owned()))
}

const SESSION_PREFIX: &str = "session_";
const USER_PREFIX: &str = "user_";

static EXCHANGE: LazyLock<String> = LazyLock::new(|| {
    let session = sessions::Column::iter().map(|column| (SESSION_PREFIX, "s", column.as_str()));
    let user = users::Column::iter().map(|column| (USER_PREFIX, "u", column.as_str()));
    let mut sql = "UPDATE sessions AS s SET generation = $1, refresh_jti = $2, hashed_refresh_token = $3, \
         previous_hashed_refresh_token = $4, rotated_at = $5, last_used_at = $5, expires_at = $6 \
         FROM users AS u \
         WHERE s.id = $7 AND s.user_id = $8 AND u.id = s.user_id AND u.is_active \
         AND s.revoked_at IS NULL AND s.expires_at > $5 AND s.max_expires_at > $5 \
         AND s.hashed_refresh_token = $4 AND s.max_expires_at >= $6 RETURNING "
        .to_owned();
    for (place, (prefix, table, column)) in session.chain(user).enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(sql, "{comma}{table}.{column} AS {prefix}{column}");
    }
    sql
});

async fn exchange(
    connection: &Connection<DatabaseConnection>,
    rotation: &Rotation,
) -> Result<Option<(Session, User)>, StoreError> {
    let values = [
        rotation.generation.into(),
        rotation.refresh_jti.as_str().into(),
        rotation.hashed_refresh_token.as_bytes().to_vec().into(),
        rotation.presented.as_bytes().to_vec().into(),
        Timestamp(rotation.at).into(),
        Timestamp(rotation.expires_at).into(),
        rotation.session_id.as_uuid().into(),
        rotation.user_id.as_uuid().into(),
    ];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, EXCHANGE.as_str(), values);
    let Some(row) = connection.query_one_raw(statement).await.map_err(store_error)? else {
        return Ok(None);
    };
    let session = sessions::Model::from_query_result(&row, SESSION_PREFIX).map_err(store_error)?;
    let user = users::Model::from_query_result(&row, USER_PREFIX).map_err(store_error)?;
    Ok(Some((session.try_into()?, user.try_into()?)))
}
