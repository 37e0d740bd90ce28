//! Rows in the statements of this folder, and the statements that list all of their columns.

use std::sync::LazyLock;

use inwren_domain::account::User;
use inwren_domain::kernel::{SessionId, StoreError};
use inwren_domain::session::Session;
use rusqlite::{CachedStatement, Connection, params, params_from_iter};
use sea_orm::{EntityTrait, IdenStatic, Iterable};

use crate::store::sql::entity::row::{Columns, TableRow};
use crate::store::sql::entity::{sessions, users};

/// Selects a session and its user.
static SESSION_WITH_USER: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<String> =
        columns::<sessions::Column>("s").chain(columns::<users::Column>("u")).collect();
    let columns = columns.join(", ");
    format!("SELECT {columns} FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = ?1")
});

/// Returns the statement that selects the user with a value in this column.
pub(super) fn user_by(column: users::Column) -> String {
    let columns: Vec<String> = columns::<users::Column>("u").collect();
    format!("SELECT {} FROM users AS u WHERE u.{} = ?1", columns.join(", "), column.as_str())
}

/// Returns the names of all columns of a table, prefixed with its alias.
fn columns<C: Iterable + IdenStatic>(table: &str) -> impl Iterator<Item = String> {
    C::iter().map(move |column| format!("{table}.{}", column.as_str()))
}

/// Returns the `INSERT` of one row. [`TableRow::into_values`] returns its parameters.
pub(super) fn insertion<E: EntityTrait>() -> String {
    let columns: Vec<&str> = E::Column::iter().map(|column| column.as_str()).collect();
    let parameters = vec!["?"; columns.len()];
    let table = E::default().table_name();
    format!("INSERT INTO \"{table}\" ({}) VALUES ({})", columns.join(", "), parameters.join(", "))
}

/// Executes an [`insertion`], and returns the number of inserted rows.
pub(super) fn insert(connection: &Connection, text: &str, row: impl TableRow) -> rusqlite::Result<usize> {
    statement(connection, text)?.execute(params_from_iter(row.into_values()))
}

/// Returns the statement, prepared once per connection.
pub(super) fn statement<'a>(connection: &'a Connection, text: &str) -> rusqlite::Result<CachedStatement<'a>> {
    // Logged as the driver logs its statements.
    tracing::event!(target: "sqlx::query", tracing::Level::DEBUG, db.statement = text);
    connection.prepare_cached(text)
}

/// Returns all rows of a query.
pub(super) fn all<T>(
    connection: &Connection,
    question: &str,
    arguments: impl rusqlite::Params,
    read: impl Fn(&mut Columns<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = statement(connection, question)?;
    let rows = statement.query_map(arguments, |row| read(&mut Columns::of(row)))?;
    rows.collect()
}

/// Returns the session with this id and its user in their current state. The outer error is that of the statement, the
/// inner one that of the row.
pub(super) fn session_with_user(
    connection: &Connection,
    id: SessionId,
) -> rusqlite::Result<Result<Option<(Session, User)>, StoreError>> {
    let id = id.as_uuid();
    let rows = all(connection, &SESSION_WITH_USER, params![id.as_bytes().as_slice()], |columns| {
        Ok((sessions::Model::read(columns)?, users::Model::read(columns)?))
    })?;
    let found = rows.into_iter().next();
    Ok(found.map(|(session, user)| Ok((session.try_into()?, user.into()))).transpose())
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::path::{Path, PathBuf};

    use rusqlite::types::Value;
    use sea_orm::{ColumnTrait, ColumnType, Database, DatabaseConnection, IntoActiveModel};

    use super::*;
    use crate::store::sql::connection::Connection as DriverConnection;
    use crate::store::sql::connection::statement_timeout::StatementTimeout;
    use crate::store::sql::entity::{audit_events, client_secrets};

    /// Returns a value that no other column of the row has. Booleans alternate.
    fn distinct<C: ColumnTrait>(column: C, place: u8) -> Value {
        match column.def().get_column_type() {
            ColumnType::Uuid => vec![place; 16].into(),
            ColumnType::String(_) | ColumnType::Text => format!("text {place}").into(),
            ColumnType::Boolean => place.is_multiple_of(2).into(),
            ColumnType::BigInteger | ColumnType::TimestampWithTimeZone => i64::from(place).into(),
            ColumnType::VarBinary(_) | ColumnType::Blob => vec![place; 32].into(),
            other => panic!("no value for {other:?}"),
        }
    }

    /// Creates a file with an empty table.
    async fn file_with<E: EntityTrait>(path: &Path) -> (Connection, DriverConnection<DatabaseConnection>) {
        let file = Connection::open(path).unwrap();
        let columns: Vec<&str> = E::Column::iter().map(|column| column.as_str()).collect();
        // Columns without a type store every value unchanged.
        let table = format!("CREATE TABLE {} ({})", E::default().table_name(), columns.join(", "));
        file.execute_batch(&table).unwrap();
        let driver = Database::connect(format!("sqlite://{}", path.display())).await.unwrap();
        (file, DriverConnection::new(driver, StatementTimeout::new(None)))
    }

    /// Reads and writes a row with a different value in each column, through sea-orm by name and through [`TableRow`]
    /// by position: both must agree.
    async fn both_paths_agree<E>(folder: &Path)
    where
        E: EntityTrait,
        E::Model: TableRow + IntoActiveModel<E::ActiveModel> + Clone + Debug + PartialEq + Sync,
    {
        let table = E::default().table_name().to_owned();
        let (file, driver) = file_with::<E>(&folder.join(format!("{table}.db"))).await;
        let names: Vec<String> = columns::<E::Column>("t").collect();
        let select = format!("SELECT {} FROM {table} AS t", names.join(", "));
        let read = || all(&file, &select, [], E::Model::read).unwrap();
        let clear = || file.execute_batch(&format!("DELETE FROM {table}")).unwrap();

        for (column, place) in E::Column::iter().zip(1..) {
            let name = column.as_str();
            let set = match place {
                1 => format!("INSERT INTO {table} ({name}) VALUES (?1)"),
                _ => format!("UPDATE {table} SET {name} = ?1"),
            };
            file.execute(&set, [distinct(column, place)]).unwrap();
        }
        let row = E::find().one(&driver).await.unwrap().unwrap();
        assert_eq!(read(), std::slice::from_ref(&row), "{table}: read by position");

        clear();
        assert_eq!(insert(&file, &insertion::<E>(), row.clone()).unwrap(), 1);
        assert_eq!(
            E::find().all(&driver).await.unwrap(),
            std::slice::from_ref(&row),
            "{table}: written by position"
        );

        clear();
        E::insert(row.clone().into_active_model()).exec_without_returning(&driver).await.unwrap();
        assert_eq!(read(), [row], "{table}: written by name");
    }

    #[tokio::test]
    async fn positions_and_names_agree_in_every_table() {
        let folder: PathBuf = std::env::temp_dir().join(format!("inwren-rows-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        both_paths_agree::<users::Entity>(&folder).await;
        both_paths_agree::<sessions::Entity>(&folder).await;
        both_paths_agree::<audit_events::Entity>(&folder).await;
        both_paths_agree::<client_secrets::Entity>(&folder).await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
