//! Which columns of a table are read, and as what.

use inwren_domain::ports::ForeignTable;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::ForeignError;
use super::table::Table;

/// The columns of a table with their types, in their order.
pub(super) async fn of(
    connection: &impl ConnectionTrait,
    table: &Table,
) -> Result<Vec<(String, String)>, DbErr> {
    let backend = connection.get_database_backend();
    let question = match backend {
        DbBackend::Sqlite => format!(
            "SELECT name AS name, lower(type) AS kind FROM pragma_table_info({})",
            table.bare_literal()
        ),
        _ => format!(
            "SELECT attname::text AS name, CASE WHEN typtype = 'e' THEN 'enum' ELSE format_type(atttypid, NULL) END AS kind \
             FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid \
             WHERE attrelid = to_regclass({}) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            table.as_literal()
        ),
    };
    let rows = connection.query_all_raw(Statement::from_string(backend, question)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "name")?, row.try_get("", "kind")?))).collect()
}

const REQUIRED: [&str; 3] = ["id", "email", "hashed_password"];
const FLAGS: [&str; 3] = ["is_active", "is_superuser", "is_verified"];
const TIMES: [&str; 2] = ["created_at", "updated_at"];
/// All that is read, in the order of the original's model.
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

/// The columns of a table that are read.
#[derive(Debug)]
pub(super) struct Known {
    columns: Vec<(&'static str, String)>,
    ignored: Vec<String>,
}

impl Known {
    pub(super) fn among(
        table: &Table,
        found: &[(String, String)],
        backend: DbBackend,
    ) -> Result<Self, ForeignError> {
        if found.is_empty() {
            return Err(ForeignError::NoTable(table.to_string()));
        }
        let names = || found.iter().map(|(name, _)| name.clone());
        let type_of = |column: &str| found.iter().find(|(name, _)| name == column).map(|(_, kind)| kind);
        if let Some(column) = REQUIRED.into_iter().find(|column| type_of(column).is_none()) {
            let found = names().collect();
            return Err(ForeignError::NoColumn { table: table.to_string(), column, found });
        }
        let columns: Vec<(&'static str, String)> =
            ALL.into_iter().filter_map(|column| Some((column, type_of(column)?.clone()))).collect();
        // SQLite takes anything in any column, whatever its type is called.
        if backend != DbBackend::Sqlite {
            for (column, kind) in &columns {
                if !is_readable(column, kind) {
                    return Err(ForeignError::ColumnType { column, kind: kind.clone() });
                }
            }
        }
        let ignored = names().filter(|name| !ALL.contains(&name.as_str())).collect();
        Ok(Self { columns, ignored })
    }

    pub(super) fn kind(&self, column: &str) -> Option<&str> {
        self.columns.iter().find(|(name, _)| *name == column).map(|(_, kind)| kind.as_str())
    }

    /// All that is read, for a `SELECT`, each column as its expression. What only identifies a row or only is there or not is
    /// called so.
    pub(super) fn select_list(&self, expression: fn(&Self, &str) -> String) -> String {
        let name = |column| match column {
            "id" => "key",
            "hashed_refresh_token" => "has_refresh_token",
            column => column,
        };
        ALL.map(|column| format!("{} AS {}", expression(self, column), name(column))).join(", ")
    }

    /// What is told of the table. A column that only one of the two known models has is missed by none.
    pub(super) fn describe(&self, table: &Table, rows: u64) -> ForeignTable {
        let is_missing = |column: &&'static str| self.kind(column).is_none() && *column != "is_verified";
        ForeignTable {
            name: table.to_string(),
            rows,
            id_type: self.kind("id").unwrap_or_default().to_owned(),
            read: self.columns.iter().map(|(name, _)| *name).collect(),
            missing: ALL.iter().filter(|column| is_missing(column)).copied().collect(),
            ignored: self.ignored.clone(),
        }
    }
}

fn is_text(kind: &str) -> bool {
    matches!(kind, "text" | "character varying" | "character" | "enum" | "citext" | "name")
}

fn is_integer(kind: &str) -> bool {
    matches!(kind, "smallint" | "integer" | "bigint")
}

fn is_readable(column: &str, kind: &str) -> bool {
    match column {
        "id" => kind == "uuid" || is_integer(kind) || is_text(kind),
        "hashed_password" => is_text(kind) || kind == "bytea",
        "hashed_refresh_token" => true,
        flag if FLAGS.contains(&flag) => kind == "boolean" || is_integer(kind),
        time if TIMES.contains(&time) => kind == "date" || kind.starts_with("timestamp"),
        _ => is_text(kind),
    }
}

/// The expression that reads a column of PostgreSQL, or NULL where there is none.
pub(super) fn postgres_expression(known: &Known, column: &str) -> String {
    let Some(kind) = known.kind(column) else {
        return match column {
            "hashed_refresh_token" => "false".to_owned(),
            flag if FLAGS.contains(&flag) => "NULL::boolean".to_owned(),
            time if TIMES.contains(&time) => "NULL::bigint".to_owned(),
            _ => "NULL::text".to_owned(),
        };
    };
    match column {
        "hashed_refresh_token" => format!("({column} IS NOT NULL)"),
        flag if FLAGS.contains(&flag) && is_integer(kind) => format!("({column} <> 0)"),
        flag if FLAGS.contains(&flag) => column.to_owned(),
        // A time without a zone counts as UTC; one at the end of all times is none.
        time if TIMES.contains(&time) => format!(
            "CASE WHEN isfinite({column}) THEN round(extract(epoch FROM {column})::numeric * 1000000)::bigint END"
        ),
        _ if kind == "bytea" => format!("convert_from({column}, 'UTF8')"),
        _ => format!("{column}::text"),
    }
}

/// The expression that reads a column of SQLite, or NULL where there is none.
pub(super) fn sqlite_expression(known: &Known, column: &str) -> String {
    if known.kind(column).is_none() {
        return if column == "hashed_refresh_token" { "0" } else { "NULL" }.to_owned();
    }
    match column {
        "id" => "CASE typeof(id) WHEN 'blob' THEN hex(id) ELSE CAST(id AS TEXT) END".to_owned(),
        "hashed_refresh_token" => format!("({column} IS NOT NULL)"),
        flag if FLAGS.contains(&flag) => format!("CAST({column} AS INTEGER)"),
        _ => format!("CAST({column} AS TEXT)"),
    }
}
