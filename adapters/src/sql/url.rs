//! What a database URL says.

use std::path::PathBuf;
use std::str::FromStr;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;

use super::connect::ConnectError;

const POSTGRES: [&str; 2] = ["postgres", "postgresql"];
const SQLITE: [&str; 1] = ["sqlite"];

/// The parameters of a PostgreSQL URL that the driver honours. It would pass over any other with a warning, and an
/// operator who has misspelt `sslmode` would never know.
const POSTGRES_PARAMETERS: [&str; 20] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[",
    "options%5B",
];

/// Which database is meant.
#[derive(Debug)]
pub(super) enum Target {
    Postgres(Box<PgConnectOptions>),
    Sqlite(PathBuf),
}

/// Whether a database could be connected to by this URL, as far as the URL alone tells.
pub fn check(url: &str) -> Result<(), ConnectError> {
    parse(url).map(drop)
}

pub(super) fn parse(url: &str) -> Result<Target, ConnectError> {
    if let Some(rest) = without_scheme(url, &POSTGRES) {
        postgres(rest)
    } else if let Some(rest) = without_scheme(url, &SQLITE) {
        sqlite(rest)
    } else {
        Err(ConnectError::Url("it begins with neither postgres:// nor sqlite://".to_owned()))
    }
}

/// The rest of a URL of one of these databases. SQLAlchemy writes behind it by which driver it is spoken to, as in
/// `postgresql+asyncpg://`, which is nothing to us.
fn without_scheme<'a>(url: &'a str, databases: &[&str]) -> Option<&'a str> {
    let (scheme, rest) = url.split_once("://")?;
    let (database, driver) = scheme.split_once('+').unwrap_or((scheme, "none"));
    let is_driver = !driver.is_empty() && driver.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_driver && databases.contains(&database)).then_some(rest)
}

fn postgres(rest: &str) -> Result<Target, ConnectError> {
    if let Some(unknown) = parameter_names(rest).find(|name| !is_postgres_parameter(name)) {
        // It may be a piece of the password that is no parameter at all.
        let is_name = unknown.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_".contains(&byte));
        let is_told = is_name && !rest.split_once('?').is_some_and(|(_, query)| query.contains('@'));
        return Err(ConnectError::Url(match is_told {
            true => format!("the parameter {unknown} is not known"),
            false => "a parameter is not known; in a password ? and & are written %3F and %26".to_owned(),
        }));
    }
    let options = PgConnectOptions::from_str(&format!("postgres://{rest}")).map_err(unusable)?;
    Ok(Target::Postgres(Box::new(options)))
}

fn parameter_names(url: &str) -> impl Iterator<Item = &str> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty())
}

fn is_postgres_parameter(name: &str) -> bool {
    POSTGRES_PARAMETERS
        .iter()
        .any(|known| if known.starts_with("options") { name.starts_with(known) } else { name == *known })
}

/// The path as the driver reads it, with its `%` escapes. The only parameter that says nothing else than what is done
/// anyway is `mode=rwc`.
fn sqlite(rest: &str) -> Result<Target, ConnectError> {
    let path = match rest.split_once('?') {
        None | Some((_, "")) => rest.trim_end_matches('?'),
        Some((path, "mode=rwc")) => path,
        Some(_) => return Err(ConnectError::Url("a SQLite URL has no parameters".to_owned())),
    };
    // SQLAlchemy counts one slash more: what it writes as `sqlite:///./data.db` lies in the working folder.
    let path = path.strip_prefix('/').filter(|path| path.starts_with("./")).unwrap_or(path);
    if path.is_empty() || path == ":memory:" {
        return Err(ConnectError::Url(
            "a SQLite URL names a file; what is kept in memory is memory:".to_owned(),
        ));
    }
    let options = SqliteConnectOptions::from_str(&format!("sqlite://{path}")).map_err(unusable)?;
    Ok(Target::Sqlite(options.get_filename().to_owned()))
}

/// The driver's words name the part that is wrong, but never the password.
fn unusable(error: sea_orm::sqlx::Error) -> ConnectError {
    ConnectError::Url(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn path_of(url: &str) -> PathBuf {
        match parse(url) {
            Ok(Target::Sqlite(path)) => path,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn every_postgres_scheme_names_the_same() {
        for scheme in [
            "postgres",
            "postgresql",
            "postgresql+asyncpg",
            "postgres+psycopg2",
            "postgresql+psycopg",
            "postgresql+pg8000",
        ] {
            let url = format!("{scheme}://inwren:s%40fe@db.example:5433/auth?sslmode=verify-full");
            let Ok(Target::Postgres(options)) = parse(&url) else { panic!("{url}") };
            assert_eq!(options.get_host(), "db.example");
            assert_eq!(options.get_port(), 5433);
            assert_eq!(options.get_username(), "inwren");
            assert_eq!(options.get_database(), Some("auth"));
            assert!(matches!(options.get_ssl_mode(), sea_orm::sqlx::postgres::PgSslMode::VerifyFull));
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused_and_the_password_not_told() {
        for query in ["ssl=require", "sslmod=require", "sslmode=off", "sslmode=require&x=1", "port=x"] {
            let refused = parse(&format!("postgresql+asyncpg://u:hunter2@h/d?{query}"));
            let Err(ConnectError::Url(message)) = refused else { panic!("{query}: {refused:?}") };
            assert!(!message.contains("hunter2"));
        }
        assert!(parse("postgres://h/d?options=-c%20geqo%3Doff&options[work_mem]=8MB").is_ok());
        assert!(parse("postgres://u:hunter2@h:port/d").is_err_and(|e| !e.to_string().contains("hunter2")));
    }

    #[test]
    fn a_sqlite_path_is_relative_or_absolute() {
        assert_eq!(path_of("sqlite://data/inwren.db"), Path::new("data/inwren.db"));
        assert_eq!(path_of("sqlite:///srv/inwren.db"), Path::new("/srv/inwren.db"));
        assert_eq!(path_of("sqlite+aiosqlite://data/inwren.db"), Path::new("data/inwren.db"));
        assert_eq!(path_of("sqlite:///./data/inwren.db"), Path::new("./data/inwren.db"));
        assert_eq!(path_of("sqlite+pysqlite:///./inwren.db"), Path::new("./inwren.db"));
        assert_eq!(path_of("sqlite://a%3Fb.db?mode=rwc"), Path::new("a?b.db"));
    }

    #[test]
    fn a_sqlite_url_names_a_file_and_nothing_else() {
        for url in ["sqlite://", "sqlite://:memory:", "sqlite://a.db?mode=memory", "sqlite://a.db?mode=ro"] {
            assert!(parse(url).is_err(), "{url}");
        }
        for url in ["mysql://h/d", "mysql+asyncpg://h/d", "postgres+://h/d", "postgres+a+b://h/d"] {
            assert!(parse(url).is_err(), "{url}");
        }
        assert!(parse("inwren.db").is_err());
    }
}
