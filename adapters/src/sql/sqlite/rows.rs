//! Rows as they stand in a statement of this folder, and the statements that name all of their columns.

use std::sync::LazyLock;

use inwren_domain::model::{AuditEvent, Session, SessionId, User};
use inwren_domain::ports::StoreError;
use rusqlite::types::{FromSql, Type, Value};
use rusqlite::{CachedStatement, Connection, Row, params};
use sea_orm::{IdenStatic, Iterable};
use uuid::Uuid;

use super::super::entity::{audit_events, sessions, users};
use super::super::timestamp::{Timestamp, from_micros, to_micros};

/// The session and its user.
static SESSION_WITH_USER: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<String> =
        columns::<sessions::Column>("s").chain(columns::<users::Column>("u")).collect();
    let columns = columns.join(", ");
    format!("SELECT {columns} FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = ?1")
});

/// What finds the user with a value in this column.
pub(super) fn user_by(column: users::Column) -> String {
    let columns: Vec<String> = columns::<users::Column>("u").collect();
    format!("SELECT {} FROM users AS u WHERE u.{} = ?1", columns.join(", "), column.as_str())
}

/// The names of all columns of a table that is called so.
fn columns<C: Iterable + IdenStatic>(table: &str) -> impl Iterator<Item = String> {
    C::iter().map(move |column| format!("{table}.{}", column.as_str()))
}

/// What adds a row to a table.
pub(super) fn insertion<C: Iterable + IdenStatic>(table: &str) -> String {
    let columns: Vec<&str> = C::iter().map(|column| column.as_str()).collect();
    let parameters = vec!["?"; columns.len()];
    format!("INSERT INTO \"{table}\" ({}) VALUES ({})", columns.join(", "), parameters.join(", "))
}

/// The statement, prepared once for each connection.
pub(super) fn statement<'a>(connection: &'a Connection, text: &str) -> rusqlite::Result<CachedStatement<'a>> {
    // As the driver logs its statements.
    tracing::event!(target: "sqlx::query", tracing::Level::DEBUG, db.statement = text);
    connection.prepare_cached(text)
}

/// All rows that a question finds.
pub(super) fn all<T>(
    connection: &Connection,
    question: &str,
    arguments: impl rusqlite::Params,
    read: impl Fn(&mut Columns<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = statement(connection, question)?;
    let rows = statement.query_map(arguments, |row| read(&mut Columns { row, next: 0 }))?;
    rows.collect()
}

/// The session of this id with its user, as they are now. What fails is the statement, or what it has found.
pub(super) fn session_with_user(
    connection: &Connection,
    id: SessionId,
) -> rusqlite::Result<Result<Option<(Session, User)>, StoreError>> {
    let id = id.as_uuid();
    let rows = all(connection, &SESSION_WITH_USER, params![id.as_bytes().as_slice()], |columns| {
        Ok((session(columns)?, user(columns)?))
    })?;
    let found = rows.into_iter().next();
    Ok(found.map(|(session, user)| Ok((session.try_into()?, user.into()))).transpose())
}

/// The values of a row, in the order in which the question names them.
pub(super) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl Columns<'_> {
    pub(super) fn value<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let place = self.next;
        self.next += 1;
        self.row.get(place)
    }

    fn id(&mut self) -> rusqlite::Result<Uuid> {
        self.value().map(Uuid::from_bytes)
    }

    fn time(&mut self) -> rusqlite::Result<Timestamp> {
        let micros = self.value()?;
        self.timestamp(micros)
    }

    fn optional_time(&mut self) -> rusqlite::Result<Option<Timestamp>> {
        let micros: Option<i64> = self.value()?;
        micros.map(|micros| self.timestamp(micros)).transpose()
    }

    /// The value that was read last, as a time.
    fn timestamp(&self, micros: i64) -> rusqlite::Result<Timestamp> {
        let place = self.next - 1;
        let out_of_range = || {
            let name = self.row.as_ref().column_name(place).unwrap_or_default().to_owned();
            rusqlite::Error::InvalidColumnType(place, name, Type::Integer)
        };
        from_micros(micros).map(Timestamp).ok_or_else(out_of_range)
    }
}

// Fields are read and written in the order in which they stand here, which is that of the columns.

pub(super) fn session(columns: &mut Columns<'_>) -> rusqlite::Result<sessions::Model> {
    Ok(sessions::Model {
        id: columns.id()?,
        user_id: columns.id()?,
        generation: columns.value()?,
        rekeyed_generation: columns.value()?,
        refresh_jti: columns.value()?,
        hashed_refresh_token: columns.value()?,
        previous_hashed_refresh_token: columns.value()?,
        rotated_at: columns.time()?,
        created_at: columns.time()?,
        authenticated_at: columns.time()?,
        last_used_at: columns.time()?,
        expires_at: columns.time()?,
        max_expires_at: columns.time()?,
        revoked_at: columns.optional_time()?,
        revoked_reason: columns.value()?,
        ip_address: columns.value()?,
        user_agent: columns.value()?,
        epoch: columns.value()?,
        last_ip_address: columns.value()?,
        last_user_agent: columns.value()?,
    })
}

pub(super) fn user(columns: &mut Columns<'_>) -> rusqlite::Result<users::Model> {
    Ok(users::Model {
        id: columns.id()?,
        email: columns.value()?,
        hashed_password: columns.value()?,
        is_active: columns.value()?,
        is_superuser: columns.value()?,
        tier: columns.value()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
        email_normalized: columns.value()?,
        credential_version: columns.value()?,
        sessions_epoch: columns.value()?,
    })
}

pub(super) fn session_values(session: &Session) -> [Value; 20] {
    let row = sessions::Model::from(session);
    [
        id(row.id),
        id(row.user_id),
        row.generation.into(),
        row.rekeyed_generation.into(),
        row.refresh_jti.into(),
        row.hashed_refresh_token.into(),
        row.previous_hashed_refresh_token.into(),
        time(row.rotated_at),
        time(row.created_at),
        time(row.authenticated_at),
        time(row.last_used_at),
        time(row.expires_at),
        time(row.max_expires_at),
        row.revoked_at.map(time).into(),
        row.revoked_reason.into(),
        row.ip_address.into(),
        row.user_agent.into(),
        row.epoch.into(),
        row.last_ip_address.into(),
        row.last_user_agent.into(),
    ]
}

pub(super) fn user_values(user: &User) -> [Value; 11] {
    let row = users::Model::from(user);
    [
        id(row.id),
        row.email.into(),
        row.hashed_password.into(),
        row.is_active.into(),
        row.is_superuser.into(),
        row.tier.into(),
        time(row.created_at),
        time(row.updated_at),
        row.email_normalized.into(),
        row.credential_version.into(),
        row.sessions_epoch.into(),
    ]
}

pub(super) fn event_values(event: &AuditEvent) -> [Value; 8] {
    let row = audit_events::Model::from(event);
    [
        id(row.id),
        time(row.occurred_at),
        row.kind.into(),
        id(row.user_id),
        row.session_id.map(id).into(),
        row.actor_id.map(id).into(),
        row.ip_address.into(),
        row.user_agent.into(),
    ]
}

pub(super) fn id(uuid: Uuid) -> Value {
    uuid.into_bytes().to_vec().into()
}

pub(super) fn time(timestamp: Timestamp) -> Value {
    to_micros(timestamp.0).into()
}
