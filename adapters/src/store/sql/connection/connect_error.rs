use std::io;

use inwren_domain::kernel::StoreError;
use sea_orm::sqlx;
use sea_orm::sqlx::postgres::PgDatabaseError;

use super::error::driver_error;

/// Why the connection to the database failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of a SQLite database can be neither found nor created.
    #[error("the database file cannot be made: {0}")]
    File(#[from] io::Error),
    /// The database cannot store every address.
    #[error(
        "the database has the encoding {0}; it must be UTF8. Create one with CREATE DATABASE inwren ENCODING 'UTF8' \
         TEMPLATE template0 (and LOCALE 'C.UTF-8' if the server's locale has another encoding)"
    )]
    Encoding(String),
    /// The file of a SQLite database is about to be replaced.
    #[error("the database is being restored from a backup")]
    BeingRestored,
    /// The database answers, but refuses the connection permanently.
    #[error("the database refuses: {0}")]
    Refused(StoreError),
    /// The database does not answer, or not now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ConnectError {
    fn from(error: sqlx::Error) -> Self {
        let told = driver_error(&error);
        if is_final(&error) { Self::Refused(told) } else { Self::Store(told) }
    }
}

/// Returns whether a retry would fail again: wrong user or password (SQLSTATE class 28), no such database (3D), another
/// kind of TLS than the URL requires, a file that is no SQLite database (26).
fn is_final(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error.try_downcast_ref::<PgDatabaseError>().is_some() {
                code.starts_with("28") || code.starts_with("3D")
            } else {
                code == "26"
            }
        }
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => true,
        _ => false,
    }
}
