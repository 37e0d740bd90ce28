//! Columns of an import source and their types.

use inwren_domain::account::import::SourceTable;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};

use super::super::dialect::Dialect;
use super::SourceError;
use super::table::Table;

/// A column as the database describes it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: String,
    /// Its type name in the database.
    pub(super) kind: String,
    /// PostgreSQL's category of the type, which a domain shares with its base type.
    category: String,
}

/// Returns the columns of a table in their order.
pub(super) async fn of(connection: &impl ConnectionTrait, table: &Table) -> Result<Vec<Found>, DbErr> {
    let question = match Dialect::of(connection) {
        Dialect::Sqlite => format!(
            "SELECT name AS name, lower(type) AS kind, '' AS category FROM pragma_table_info({})",
            table.bare_literal()
        ),
        Dialect::Postgres => format!(
            "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS kind, typcategory::text AS category \
             FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid \
             WHERE attrelid = to_regclass({}) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            table.as_literal()
        ),
    };
    let rows =
        connection.query_all_raw(Statement::from_string(connection.get_database_backend(), question)).await?;
    let found = |row: &QueryResult| {
        Ok(Found {
            name: row.try_get("", "name")?,
            kind: row.try_get("", "kind")?,
            category: row.try_get("", "category")?,
        })
    };
    rows.iter().map(found).collect()
}

const REQUIRED: [&str; 3] = ["id", "email", "hashed_password"];
const TIMES: [&str; 2] = ["created_at", "updated_at"];
/// All columns that the import reads, in the order of the original's model.
const ALL: [&str; 10] = [
    "id",
    "email",
    "hashed_password",
    "is_active",
    "is_superuser",
    "is_verified",
    "tier",
    "hashed_refresh_token",
    "created_at",
    "updated_at",
];

/// The columns of a table that the import reads.
#[derive(Debug)]
pub(super) struct Known {
    columns: Vec<(&'static str, Found)>,
    ignored: Vec<String>,
}

impl Known {
    pub(super) fn among(table: &Table, found: &[Found]) -> Result<Self, SourceError> {
        if found.is_empty() {
            return Err(SourceError::NoTable(table.to_string()));
        }
        let names = || found.iter().map(|column| column.name.clone());
        let find = |name: &str| found.iter().find(|column| column.name == name);
        if let Some(column) = REQUIRED.into_iter().find(|column| find(column).is_none()) {
            let found = names().collect();
            return Err(SourceError::NoColumn { table: table.to_string(), column, found });
        }
        let columns = ALL.into_iter().filter_map(|column| Some((column, find(column)?.clone()))).collect();
        let ignored = names().filter(|name| !ALL.contains(&name.as_str())).collect();
        Ok(Self { columns, ignored })
    }

    fn column(&self, name: &str) -> Option<&Found> {
        self.columns.iter().find(|(known, _)| *known == name).map(|(_, found)| found)
    }

    /// Returns the list of columns for a `SELECT`, each by its expression. The id gets the alias `key`. The refresh
    /// token, of which only the presence is read, gets the alias `has_refresh_token`.
    pub(super) fn select_list(&self, expression: fn(&Self, &str) -> String) -> String {
        let name = |column| match column {
            "id" => "key",
            "hashed_refresh_token" => "has_refresh_token",
            column => column,
        };
        ALL.map(|column| format!("{} AS {}", expression(self, column), name(column))).join(", ")
    }

    /// Describes the table for the report. `is_verified` never counts as missing, because only one of the two known
    /// models has it.
    pub(super) fn describe(&self, table: &Table, rows: u64) -> SourceTable {
        let is_missing = |column: &&'static str| self.column(column).is_none() && *column != "is_verified";
        SourceTable {
            name: table.to_string(),
            rows,
            id_type: self.column("id").map(|id| id.kind.clone()).unwrap_or_default(),
            read: self.columns.iter().map(|(name, _)| *name).collect(),
            missing: ALL.iter().filter(|column| is_missing(column)).copied().collect(),
            ignored: self.ignored.clone(),
        }
    }
}

/// Returns the expression that reads a column of PostgreSQL as bytes in UTF-8, or NULL if it does not exist. It reads
/// time types as microseconds since 1970.
pub(super) fn postgres_expression(known: &Known, column: &str) -> String {
    let Some(found) = known.column(column) else {
        return if column == "hashed_refresh_token" { "false" } else { "NULL::bytea" }.to_owned();
    };
    let is_time_of_day = ["time ", "time("].iter().any(|kind| found.kind.starts_with(kind));
    let is_time = found.category == "D" && !is_time_of_day;
    match column {
        "hashed_refresh_token" => format!("({column} IS NOT NULL)"),
        // A time without a zone counts as UTC. An infinite time is read as NULL.
        time if TIMES.contains(&time) && is_time => format!(
            "CASE WHEN isfinite({column}) THEN round(extract(epoch FROM {column})::numeric * 1000000)::bigint END"
        ),
        "id" if found.kind == "bytea" => format!("convert_to(encode({column}, 'hex'), 'UTF8')"),
        _ if found.kind == "bytea" => column.to_owned(),
        // Text in a database without an encoding may not be UTF-8, so its bytes are read unchanged.
        _ => format!(
            "CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN decode(replace({column}::text, '\\', '\\\\'), 'escape') \
             ELSE convert_to({column}::text, 'UTF8') END"
        ),
    }
}

/// Returns the expression that reads a column of SQLite as text, or NULL if it does not exist.
pub(super) fn sqlite_expression(known: &Known, column: &str) -> String {
    if known.column(column).is_none() {
        return if column == "hashed_refresh_token" { "0" } else { "NULL" }.to_owned();
    }
    match column {
        "id" => "CASE typeof(id) WHEN 'blob' THEN hex(id) ELSE CAST(id AS TEXT) END".to_owned(),
        "hashed_refresh_token" => format!("({column} IS NOT NULL)"),
        _ => format!("CAST({column} AS TEXT)"),
    }
}
