//! Comparison of a database file's schema with that of the migrations.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use sea_orm::sqlx::sqlite::SqlitePoolOptions;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqlxSqliteConnector, Statement};

use super::error::{FileError, database};
use super::options;

/// Tables that SQLite creates by itself: planner statistics and the last automatic ids.
const INTERNAL: [&str; 3] = ["sqlite_stat1", "sqlite_stat4", "sqlite_sequence"];

/// A table, an index, a trigger or a view that differs from those of the migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    kind: String,
    name: String,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// An ordinary table of another program, or an index of one.
    OtherTable,
    Unknown,
    Changed,
    Missing,
}

impl Deviation {
    /// Returns whether it is a table of another program, or an index of such a table. No write of this service affects
    /// it.
    pub fn is_other_table(&self) -> bool {
        self.how == How::OtherTable
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::OtherTable | How::Unknown => "unknown",
            How::Changed => "changed",
            How::Missing => "missing",
        };
        // Escaped, because the name comes from the file.
        write!(f, "{} {} ({how})", self.kind, self.name.escape_debug())
    }
}

/// Compares a database file with a database that has the schema of its migrations. It only reads the file. No other
/// process may write to it meanwhile.
///
/// It compares every table, index, trigger and view with its whole definition: columns, defaults, checks, generated
/// columns, foreign keys. It ignores white space and case.
pub async fn deviations(path: &Path, reference: &DatabaseConnection) -> Result<Vec<Deviation>, FileError> {
    let failed = |error: DbErr| FileError::Database {
        path: path.to_owned(),
        error: crate::store::sql::connection::error::store_error(error),
    };
    let file = options(path).read_only(true).immutable(true);
    let pool =
        SqlitePoolOptions::new().max_connections(1).connect_with(file).await.map_err(database(path))?;
    let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
    let found = schema(&connection).await;
    connection.close().await.map_err(failed)?;
    Ok(compare(found.map_err(failed)?, schema(reference).await.map_err(failed)?))
}

/// By kind and name, the table of an object and its definition.
type Schema = BTreeMap<(String, String), (String, String)>;

async fn schema(connection: &DatabaseConnection) -> Result<Schema, DbErr> {
    let question = "SELECT type, name, tbl_name, coalesce(sql, '') AS sql FROM sqlite_schema";
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Sqlite, question)).await?;
    let mut schema = Schema::new();
    for row in rows {
        let text = |column: &str| row.try_get::<String>("", column);
        let (kind, name) = (text("type")?, text("name")?);
        if kind != "table" || !INTERNAL.contains(&name.as_str()) {
            schema.insert((kind, name), (text("tbl_name")?, normalised(&text("sql")?)));
        }
    }
    Ok(schema)
}

fn compare(found: Schema, mut expected: Schema) -> Vec<Deviation> {
    let ours = expected.clone();
    let is_ours = |table: &str| ours.contains_key(&("table".to_owned(), table.to_owned()));
    let mut deviations = Vec::new();
    for ((kind, name), definition) in found {
        let how = match expected.remove(&(kind.clone(), name.clone())) {
            Some(expected) if expected == definition => continue,
            Some(_) => How::Changed,
            None => {
                let (table, sql) = &definition;
                let is_plain = match kind.as_str() {
                    "table" => sql.starts_with("create table "),
                    kind => kind == "index",
                };
                if is_plain && !is_ours(table) { How::OtherTable } else { How::Unknown }
            }
        };
        deviations.push(Deviation { kind, name, how });
    }
    let missing = expected.into_keys().map(|(kind, name)| Deviation { kind, name, how: How::Missing });
    deviations.extend(missing);
    deviations
}

/// Returns a definition without insignificant differences: case and repeated white space outside quotes.
fn normalised(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut quote = None;
    for c in sql.chars() {
        match quote {
            Some(end) => {
                text.push(c);
                if c == end {
                    quote = None;
                }
            }
            None if c.is_ascii_whitespace() => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            None => {
                quote = match c {
                    '\'' | '"' | '`' => Some(c),
                    '[' => Some(']'),
                    _ => None,
                };
                text.push(c.to_ascii_lowercase());
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema_of(objects: &[(&str, &str, &str, &str)]) -> Schema {
        let key = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        let object = |(kind, name, table, sql): &(&str, &str, &str, &str)| {
            (key(kind, name), ((*table).to_owned(), normalised(sql)))
        };
        objects.iter().map(object).collect()
    }

    #[test]
    fn every_difference_is_named() {
        let users =
            ("table", "users", "users", "CREATE TABLE users (\n  id TEXT,  n INTEGER DEFAULT 'A  b')");
        let index = ("index", "users_idx", "users", "CREATE INDEX users_idx ON users (n)");
        let expected = || schema_of(&[users, index]);
        let told = |found: &[(&str, &str, &str, &str)]| -> Vec<String> {
            compare(schema_of(found), expected()).iter().map(ToString::to_string).collect()
        };
        let same = ("table", "users", "users", "create table users ( id text, n integer default 'A  b')");
        assert!(
            told(&[
                ("table", "users", "users", "create table users (id text, n integer default 'A  b')"),
                index
            ])
            .contains(&"table users (changed)".to_owned())
        );
        assert_eq!(told(&[same, index]), [""; 0]);
        assert_eq!(told(&[users]), ["index users_idx (missing)"]);
        let other =
            ("table", "users", "users", "CREATE TABLE users (\n  id TEXT,  n INTEGER DEFAULT 'a  b')");
        assert_eq!(told(&[other, index]), ["table users (changed)"]);
        let trigger =
            ("trigger", "t\n", "users", "CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; END");
        assert_eq!(told(&[users, index, trigger]), ["trigger t\\n (unknown)"]);
        let moved = ("index", "users_idx", "others", "CREATE INDEX users_idx ON users (n)");
        assert_eq!(told(&[users, moved]), ["index users_idx (changed)"]);
    }

    #[test]
    fn other_tables_are_told_apart_from_what_touches_ours() {
        let users = ("table", "users", "users", "CREATE TABLE users (id)");
        for (object, is_other) in [
            (("table", "posts", "posts", "CREATE TABLE posts (id)"), true),
            (("index", "posts_idx", "posts", "CREATE INDEX posts_idx ON posts (id)"), true),
            (("table", "posts", "posts", "CREATE VIRTUAL TABLE posts USING fts5(id)"), false),
            (("index", "x", "users", "CREATE UNIQUE INDEX x ON users (id)"), false),
            (("trigger", "t", "posts", "CREATE TRIGGER t AFTER INSERT ON posts BEGIN SELECT 1; END"), false),
            (("view", "v", "v", "CREATE VIEW v AS SELECT 1"), false),
        ] {
            let found = compare(schema_of(&[users, object]), schema_of(&[users]));
            assert_eq!(
                found.iter().map(Deviation::is_other_table).collect::<Vec<_>>(),
                [is_other],
                "{object:?}"
            );
        }
    }
}
