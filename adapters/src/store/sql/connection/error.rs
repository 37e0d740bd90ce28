//! Conversion of database errors into store errors.
//!
//! The messages go to the log, so they contain nothing from a row or an argument: they keep only the code and the
//! primary message of a database's answer, and only the code if such messages quote values.

use inwren_domain::kernel::StoreError;
use sea_orm::sqlx;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

pub(crate) fn store_error(error: DbErr) -> StoreError {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => driver_error(&error),
        DbErr::Type(_) => unreadable("a value that is NULL"),
        error => StoreError::Unavailable(error.to_string()),
    }
}

/// Returns whether a statement failed because its row would not have been unique.
pub(crate) fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// SQLSTATE for division by zero, with which a [late](super::deadline::in_time) write fails. No other statement
/// divides.
const TOO_LATE: &str = "22012";

/// Returns whether a write failed because its deadline had passed.
pub(crate) fn is_too_late(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == TOO_LATE)
}

pub(crate) fn driver_error(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => database_error(error.as_ref()),
        sqlx::Error::ColumnDecode { index, .. } => unreadable(index),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Configuration(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Unavailable("the database driver failed".to_owned()),
    }
}

/// Converts errors as [`store_error`] does, for statements that did not go through the driver.
pub(crate) fn file_error(error: rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            sqlite_error(&failure.extended_code.to_string(), message.as_deref().unwrap_or_default())
        }
        rusqlite::Error::InvalidColumnType(_, name, _) => unreadable(&name),
        rusqlite::Error::FromSqlConversionFailure(place, ..)
        | rusqlite::Error::IntegralValueOutOfRange(place, _)
        | rusqlite::Error::Utf8Error(place, _) => unreadable(&place.to_string()),
        _ => StoreError::Unavailable("the database file could not be asked".to_owned()),
    }
}

fn database_error(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        postgres_error(&code, error.message())
    } else {
        sqlite_error(&code, error.message())
    }
}

/// Classifies by SQLSTATE: serialization failure, deadlock, lock not available and query cancelled are temporary.
fn postgres_error(code: &str, message: &str) -> StoreError {
    // Messages of the classes 22 (data exception) and 23 (constraint violation) quote values.
    let quotes_values = code.starts_with("22") || code.starts_with("23");
    let text = if quotes_values { format!("SQLSTATE {code}") } else { format!("SQLSTATE {code}: {message}") };
    match code {
        TOO_LATE => StoreError::Busy(format!("{text}: it was too late to write")),
        "40001" | "40P01" | "55P03" | "57014" => StoreError::Busy(text),
        _ => StoreError::Unavailable(text),
    }
}

/// Classifies by the primary result code, which is the low byte: `SQLITE_BUSY` and `SQLITE_LOCKED` are temporary.
fn sqlite_error(code: &str, message: &str) -> StoreError {
    let text = format!("SQLite code {code}: {message}");
    match code.parse::<i32>().map(|code| code & 0xff) {
        Ok(5 | 6) => StoreError::Busy(text),
        _ => StoreError::Unavailable(text),
    }
}

/// Returns the error for a value of another type than its column's. Only its position in the result is known.
fn unreadable(place: &str) -> StoreError {
    let id = place.trim_matches('"').to_owned();
    StoreError::Inconsistent { table: "(unknown)", column: "(unreadable)", id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_busy() {
        for code in ["40001", "40P01", "55P03", "57014", TOO_LATE] {
            assert!(matches!(postgres_error(code, ""), StoreError::Busy(_)), "{code}");
        }
        for code in ["5", "6", "261", "517", "262"] {
            assert!(matches!(sqlite_error(code, ""), StoreError::Busy(_)), "{code}");
        }
    }

    #[test]
    fn everything_else_is_unavailable() {
        for code in ["53300", "53100", "25006", "57P01", "57P03", "08006", "42P01", "23505", ""] {
            assert!(matches!(postgres_error(code, ""), StoreError::Unavailable(_)), "{code}");
        }
        for code in ["13", "10", "778", "14", "26", "8", "2067", ""] {
            assert!(matches!(sqlite_error(code, ""), StoreError::Unavailable(_)), "{code}");
        }
        for error in [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed, sqlx::Error::WorkerCrashed] {
            assert!(matches!(driver_error(&error), StoreError::Unavailable(_)), "{error}");
        }
    }

    #[test]
    fn no_value_gets_into_the_log() {
        let quoted = "invalid input syntax for type uuid: \"ann@example.org\"";
        assert!(!postgres_error("22P02", quoted).to_string().contains("ann"));
        assert!(postgres_error("57P01", "terminating connection").to_string().contains("terminating"));
    }
}
