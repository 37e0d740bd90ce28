//! Rotation of refresh tokens on PostgreSQL. [`Rotation::refusal`] and [`Rotation::applied_to`] define what it does.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use inwren_domain::account::User;
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{Rotation, RotationOutcome, Session};
use sea_orm::sea_query::{ArrayType, Value};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, IdenStatic, Iterable, QueryResult, Statement};

use crate::store::sql::connection::Connection;
use crate::store::sql::connection::batcher::{Batcher, Job, Worker};
use crate::store::sql::connection::database_clock::DATABASE_TIME;
use crate::store::sql::connection::error::store_error;
use crate::store::sql::connection::pool::Pool;
use crate::store::sql::connection::timestamp::Timestamp;
use crate::store::sql::entity::{sessions, users};
use crate::store::sql::session_lookup::with_user;

/// One task, so that callers that arrive while an exchange waits for the disk share the next one.
const TASKS: usize = 1;
/// How often an exchange is tried if the session has changed each time.
const ATTEMPTS: u8 = 4;

type Exchanged = Option<(Session, User)>;

/// Exchanges tokens for all concurrent callers with one statement, and determines the reason of each refusal
/// separately.
pub(crate) struct Rotations {
    pool: Pool,
    batcher: Batcher<Job<Rotation, Exchanged>>,
}

impl Rotations {
    /// Creates rotations over a pool. A caller waits for `max_wait` at most.
    pub(crate) fn over(pool: Pool, max_wait: Duration) -> Self {
        let batcher = Batcher::start(TASKS, max_wait, pool.clone());
        Self { pool, batcher }
    }

    /// Exchanges a token. A unit that takes the user's rights away revokes the session in the same transaction, so that
    /// one of the two finds the other's row and waits for it.
    pub(crate) async fn rotate(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        let exchanged: Exchanged = self.batcher.submit(rotation.clone()).await?;
        if let Some((session, user)) = exchanged {
            return Ok(RotationOutcome::Rotated(session, user));
        }
        let connection = Connection::on(self.pool.clone());
        for _ in 0..ATTEMPTS {
            let Some((session, user)) = with_user(&connection, rotation.session_id).await? else {
                return Ok(RotationOutcome::Unknown);
            };
            if let Some(refusal) = rotation.refusal(&session, &user) {
                return Ok(refusal);
            }
            // Only a lock of another transaction prevented the exchange, or a wrong reading of the clock.
            self.pool.clock().forget();
            let write_by = self.pool.timeout().end().write_by;
            let alone = exchange(&self.pool, &[(rotation, write_by)], Locked::WaitedFor).await?;
            if let Some((session, user)) = alone.into_iter().flatten().next() {
                return Ok(RotationOutcome::Rotated(session, user));
            }
        }
        Err(StoreError::Busy("a session changed all through a rotation".to_owned()))
    }
}

impl Worker<Job<Rotation, Exchanged>> for Pool {
    /// Exchanges the tokens of the batch with one statement.
    async fn work(&self, batch: &mut [Job<Rotation, Exchanged>]) -> Result<(), StoreError> {
        let asked: Vec<Asked<'_>> = batch.iter().map(|job| (&job.question, job.write_by)).collect();
        let exchanged = exchange(self, &asked, Locked::Skipped).await?;
        for (job, exchanged) in batch.iter_mut().zip(exchanged) {
            job.answer(Ok(exchanged));
        }
        Ok(())
    }
}

/// A rotation and its deadline: from that moment on it must not be made.
type Asked<'a> = (&'a Rotation, Instant);

/// How a statement handles a session that another transaction has locked.
#[derive(Clone, Copy)]
enum Locked {
    /// Skips it, so that no caller waits for another caller's session.
    Skipped,
    /// Waits for it.
    WaitedFor,
}

const PLACE: &str = "place";
const SESSION_PREFIX: &str = "session_";
const USER_PREFIX: &str = "user_";

static SKIPPING: LazyLock<String> = LazyLock::new(|| statement("SKIP LOCKED"));
static WAITING: LazyLock<String> = LazyLock::new(|| statement(""));

/// Returns the statement that exchanges the tokens of several rotations, each only under the conditions of
/// [`Rotation::refusal`]. It first locks the rows of the sessions, and then changes them as the lock found them, if the
/// deadline has not passed. It locks no other rows.
///
/// An unknown address or user agent is passed as the empty string, because the driver sends no NULL in an array. A
/// value that equals that of the login becomes NULL, as in all session rows.
fn statement(locked: &str) -> String {
    let session = sessions::Column::iter().map(|column| ("s", SESSION_PREFIX, column.as_str()));
    let user = users::Column::iter().map(|column| ("locked", USER_PREFIX, column.as_str()));
    let (mut users, mut returned) = (String::new(), format!("locked.{PLACE}"));
    // Writing to a string cannot fail.
    for (_, prefix, column) in user.clone() {
        let _ = write!(users, ", u.{column} AS {prefix}{column}");
    }
    for (table, prefix, column) in session {
        let _ = write!(returned, ", {table}.{column} AS {prefix}{column}");
    }
    for (table, prefix, column) in user {
        let _ = write!(returned, ", {table}.{prefix}{column}");
    }
    format!(
        "WITH locked AS (\
         SELECT asked.*{users} FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bigint[], $5::text[], \
         $6::bytea[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[]) WITH ORDINALITY AS asked (asked_id, \
         owner, presented, next_generation, next_jti, next_token, at, expiry, deadline, client_address, client_agent, {PLACE}) \
         JOIN sessions AS s ON s.id = asked.asked_id AND s.user_id = asked.owner \
         JOIN users AS u ON u.id = s.user_id \
         WHERE u.is_active AND s.epoch = u.sessions_epoch AND s.revoked_at IS NULL AND s.expires_at > asked.at AND s.max_expires_at > asked.at \
         AND s.hashed_refresh_token = asked.presented AND s.max_expires_at >= asked.expiry \
         FOR NO KEY UPDATE OF s {locked}) \
         UPDATE sessions AS s SET generation = next_generation, refresh_jti = next_jti, \
         hashed_refresh_token = next_token, previous_hashed_refresh_token = presented, rotated_at = locked.at, \
         last_used_at = locked.at, expires_at = locked.expiry, \
         last_ip_address = NULLIF(client_address, COALESCE(s.ip_address, '')), \
         last_user_agent = NULLIF(client_agent, COALESCE(s.user_agent, '')) \
         FROM locked WHERE s.id = locked.asked_id AND s.hashed_refresh_token = locked.presented \
         AND clock_timestamp() < locked.deadline RETURNING {returned}, clock_timestamp() AS {DATABASE_TIME}"
    )
}

/// Exchanges the tokens, and returns the sessions in the order of the rotations.
async fn exchange(pool: &Pool, asked: &[Asked<'_>], locked: Locked) -> Result<Vec<Exchanged>, StoreError> {
    let connection = Connection::on(pool.clone());
    let reading = pool.clock().read(&connection).await.map_err(store_error)?;
    let array = |of: ArrayType, values| Value::Array(of, Some(Box::new(values)));
    let column = |of: ArrayType, value: fn(&Rotation) -> Value| {
        array(of, asked.iter().map(|(rotation, _)| value(rotation)).collect())
    };
    let deadline = |(_, write_by): &Asked<'_>| Timestamp(reading.at(*write_by)).into();
    let values = [
        column(ArrayType::Uuid, |asked| asked.session_id.as_uuid().into()),
        column(ArrayType::Uuid, |asked| asked.user_id.as_uuid().into()),
        column(ArrayType::Bytes, |asked| asked.presented.as_bytes().to_vec().into()),
        column(ArrayType::BigInt, |asked| asked.generation.into()),
        column(ArrayType::String, |asked| asked.refresh_jti.as_str().into()),
        column(ArrayType::Bytes, |asked| asked.hashed_refresh_token.as_bytes().to_vec().into()),
        column(ArrayType::TimeDateTimeWithTimeZone, |asked| Timestamp(asked.at).into()),
        column(ArrayType::TimeDateTimeWithTimeZone, |asked| Timestamp(asked.expires_at).into()),
        array(ArrayType::TimeDateTimeWithTimeZone, asked.iter().map(deadline).collect()),
        column(ArrayType::String, |asked| sessions::address_text(&asked.client).into()),
        column(ArrayType::String, |asked| asked.client.user_agent.clone().unwrap_or_default().into()),
    ];
    let sql = match locked {
        Locked::Skipped => SKIPPING.as_str(),
        Locked::WaitedFor => WAITING.as_str(),
    };
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let sent = Instant::now();
    let rows = connection.query_all_raw(statement).await.map_err(store_error)?;
    if let Some(row) = rows.first() {
        pool.clock().note(sent, row).map_err(store_error)?;
    }
    let mut exchanged = vec![None; asked.len()];
    for row in &rows {
        let place: i64 = row.try_get("", PLACE).map_err(store_error)?;
        let place = usize::try_from(place).ok().and_then(|place| exchanged.get_mut(place.checked_sub(1)?));
        if let Some(place) = place {
            *place = Some(session_and_user(row)?);
        }
    }
    Ok(exchanged)
}

fn session_and_user(row: &QueryResult) -> Result<(Session, User), StoreError> {
    let session = sessions::Model::from_query_result(row, SESSION_PREFIX).map_err(store_error)?;
    let user = users::Model::from_query_result(row, USER_PREFIX).map_err(store_error)?;
    Ok((session.try_into()?, user.into()))
}
