//! Parsing of database URLs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;

use crate::store::sql::file::SqliteFile;

/// Parameters of a PostgreSQL URL that the driver supports. The driver would ignore others with a warning, and an
/// operator who has misspelt `sslmode` would not notice.
const POSTGRES_PARAMETERS: [&str; 18] = [
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
];

/// A parameter that other drivers support and this one does not.
struct Implied {
    name: &'static str,
    /// Values that request the default behaviour.
    values: &'static [&'static str],
    /// Advice for any other value.
    instead: &'static str,
}

const IMPLIED: [Implied; 6] = [
    Implied {
        name: "channel_binding",
        values: &["prefer", "disable"],
        instead: "this driver has no channel binding. Leave it out; sslmode=verify-full with sslrootcert makes sure of the server",
    },
    Implied {
        name: "target_session_attrs",
        values: &["any"],
        instead: "this driver does not choose among servers. Leave it out, and name the primary as the host",
    },
    Implied {
        name: "client_encoding",
        values: &["utf8", "utf-8", "auto"],
        instead: "it is always UTF-8. Leave it out",
    },
    Implied {
        name: "gssencmode",
        values: &["prefer", "disable"],
        instead: "this driver has no GSSAPI encryption. Leave it out, and use sslmode",
    },
    Implied {
        name: "connect_timeout",
        values: &[],
        instead: "leave it out, and set DATABASE_CONNECT_TIMEOUT to the seconds that the start waits",
    },
    Implied { name: "ssl", values: &[], instead: "write sslmode in its place, as in sslmode=require" },
];

/// The target of a parsed `DATABASE_URL`. Neither `Display` nor `Debug` shows a password.
#[derive(Clone)]
pub enum SqlTarget {
    /// A PostgreSQL server.
    Postgres(PostgresTarget),
    /// A SQLite file.
    Sqlite(SqliteFile),
}

/// A database on a PostgreSQL server, with the credentials for it.
#[derive(Clone)]
pub struct PostgresTarget(Box<PgConnectOptions>);

/// Why a database URL cannot be used. The message contains no password.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The URL is not that of a database that this adapter supports.
    #[error("the database URL cannot be used: {}", SCHEMES)]
    UnknownScheme,
    /// The URL is malformed, or requests an unsupported feature.
    #[error("the database URL cannot be used: {0}")]
    Unusable(String),
}

const SCHEMES: &str = "it begins with neither postgres:// nor sqlite://";

impl SqlTarget {
    /// Parses `postgres://…` (also `postgresql://` and `postgresql+asyncpg://`) or `sqlite://PATH`. A path that begins
    /// with a slash is absolute. With a driver, as in `sqlite+aiosqlite:///PATH`, a URL has the same meaning as in
    /// SQLAlchemy. The name of the driver does not matter.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = url.split_once(':').ok_or(TargetError::UnknownScheme)?;
        let (database, driver) =
            scheme.split_once('+').map_or((scheme, None), |(name, driver)| (name, Some(driver)));
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let rest = rest.strip_prefix("//").filter(|_| driver.is_none_or(is_name));
        let rest = rest.ok_or_else(|| TargetError::Unusable(SCHEMES.to_owned()));
        match database {
            "postgres" | "postgresql" => Ok(Self::Postgres(postgres(rest?)?)),
            "sqlite" => Ok(Self::Sqlite(sqlite(driver.is_some(), rest?)?)),
            _ => Err(TargetError::UnknownScheme),
        }
    }
}

impl PostgresTarget {
    /// Returns the connection options for the driver.
    pub(crate) fn options(&self) -> PgConnectOptions {
        (*self.0).clone()
    }
}

/// The address without credentials and parameters.
impl fmt::Display for SqlTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(target) => write!(f, "{target}"),
            Self::Sqlite(file) => write!(f, "sqlite://{}", file.path().display()),
        }
    }
}

impl fmt::Debug for SqlTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlTarget({self})")
    }
}

/// The address without credentials and parameters.
impl fmt::Display for PostgresTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.0;
        match options.get_socket() {
            Some(socket) => write!(f, "postgres://{}", socket.display())?,
            None => write!(f, "postgres://{}:{}", options.get_host(), options.get_port())?,
        }
        options.get_database().map_or(Ok(()), |name| write!(f, "/{name}"))
    }
}

impl fmt::Debug for PostgresTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresTarget({self})")
    }
}

fn postgres(rest: &str) -> Result<PostgresTarget, TargetError> {
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let pairs = query.split('#').next().unwrap_or_default();
    let mut honoured = Vec::new();
    for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if is_postgres_parameter(name) {
            honoured.push(pair);
        } else if let Some(implied) = IMPLIED.iter().find(|implied| implied.name == name) {
            if !implied.values.contains(&value.to_ascii_lowercase().as_str()) {
                return Err(TargetError::Unusable(format!("the parameter {name}: {}", implied.instead)));
            }
        } else {
            return Err(unknown_parameter(name, query));
        }
    }
    let mut url = format!("postgres://{address}");
    if !honoured.is_empty() {
        url = format!("{url}?{}", honoured.join("&"));
    }
    let options = PgConnectOptions::from_str(&url).map_err(unusable)?;
    Ok(PostgresTarget(Box::new(options)))
}

/// Returns the error for an unknown parameter. The parameter may be a part of the password, so only a plain name is
/// shown.
fn unknown_parameter(name: &str, query: &str) -> TargetError {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_".contains(&byte));
    TargetError::Unusable(match is_name && !query.contains('@') {
        true => format!("unknown parameter {name}; the known ones are {}", POSTGRES_PARAMETERS.join(", ")),
        false => "unknown parameter; in a password ? and & are written %3F and %26".to_owned(),
    })
}

fn is_postgres_parameter(name: &str) -> bool {
    POSTGRES_PARAMETERS.contains(&name) || name.starts_with("options[") || name.starts_with("options%5B")
}

/// Parses the file of a SQLite URL. It accepts one parameter, `mode=rwc`, which is the default behaviour.
///
/// A URL with a driver is parsed as by SQLAlchemy, which counts one more slash: three for a relative path and four for
/// an absolute one, without `%` escapes.
fn sqlite(has_driver: bool, rest: &str) -> Result<SqliteFile, TargetError> {
    let written = match rest.split_once('?') {
        None | Some((_, "")) => rest.trim_end_matches('?'),
        Some((path, "mode=rwc")) => path,
        Some(_) => return Err(TargetError::Unusable("a SQLite URL has no parameters".to_owned())),
    };
    let path = match has_driver {
        true => written.strip_prefix('/').ok_or_else(|| {
            let problem = match written {
                "" => NEEDS_A_FILE,
                _ => "with a driver in the scheme it has three slashes before a relative path and four before an absolute one",
            };
            TargetError::Unusable(problem.to_owned())
        })?,
        // SQLAlchemy's `sqlite:///./data.db` can only mean a file in the working folder.
        false => written.strip_prefix('/').filter(|path| path.starts_with("./")).unwrap_or(written),
    };
    if path.is_empty() || path == ":memory:" || path == "/:memory:" {
        return Err(TargetError::Unusable(NEEDS_A_FILE.to_owned()));
    }
    let path = match has_driver {
        true => PathBuf::from(path),
        false => {
            let options = SqliteConnectOptions::from_str(&format!("sqlite://{path}")).map_err(unusable)?;
            options.get_filename().to_owned()
        }
    };
    // Four and more slashes equal one.
    let path: PathBuf = path.components().collect();
    match other_reading(has_driver, written, &path).filter(|other| !path.exists() && other.exists()) {
        Some(other) => Err(TargetError::Unusable(ambiguous(&path, &other))),
        None => Ok(SqliteFile::at(path)),
    }
}

const NEEDS_A_FILE: &str = "a SQLite URL names a file; a database in memory is memory:";

/// Returns the path that three slashes mean with the other count of slashes: the plain scheme's absolute path is
/// SQLAlchemy's relative one, and the relative path of a URL with a driver was an absolute one in earlier releases.
fn other_reading(has_driver: bool, written: &str, path: &Path) -> Option<PathBuf> {
    match has_driver {
        _ if written.starts_with("//") => None,
        true => Some(Path::new("/").join(path)),
        false => path.strip_prefix("/").ok().map(Path::to_owned),
    }
}

/// Returns the error for an ambiguous path. Without it, the service would create a new, empty database beside the
/// intended one unnoticed.
fn ambiguous(path: &Path, other: &Path) -> String {
    let unambiguous = |path: &Path| {
        let prefix = if path.is_absolute() { "sqlite:///" } else { "sqlite://" };
        format!("{prefix}{}", path.display())
    };
    format!(
        "it names {}, which does not exist, while {} does, which other programs read it as. Write {} for the existing \
         database, or {} to make a new one",
        path.display(),
        other.display(),
        unambiguous(other),
        unambiguous(path)
    )
}

/// The driver's message names the wrong part, but never the password.
fn unusable(error: sea_orm::sqlx::Error) -> TargetError {
    TargetError::Unusable(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn path_of(url: &str) -> PathBuf {
        match SqlTarget::parse(url) {
            Ok(SqlTarget::Sqlite(file)) => file.path().to_owned(),
            other => panic!("{url}: {other:?}"),
        }
    }

    fn options_of(url: &str) -> PgConnectOptions {
        match SqlTarget::parse(url) {
            Ok(SqlTarget::Postgres(target)) => target.options(),
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn no_password_is_shown() {
        for (url, shown) in [
            ("postgres://ann:hunter2@db/auth", "postgres://db:5432/auth"),
            (
                "postgresql+asyncpg://ann@db:5433/auth?password=hunter2&sslmode=require",
                "postgres://db:5433/auth",
            ),
            ("postgres://ann:hunter2@%2Fsrv%2Fsocket/auth", "postgres:///srv/socket/auth"),
            ("sqlite:///srv/inwren.db", "sqlite:///srv/inwren.db"),
            ("sqlite+aiosqlite:///data/app.db", "sqlite://data/app.db"),
        ] {
            let target = SqlTarget::parse(url).unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(format!("{target:?}"), format!("SqlTarget({shown})"));
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
            let options = options_of(&url);
            assert_eq!(options.get_host(), "db.example");
            assert_eq!(options.get_port(), 5433);
            assert_eq!(options.get_username(), "inwren");
            assert_eq!(options.get_database(), Some("auth"));
            assert!(matches!(options.get_ssl_mode(), sea_orm::sqlx::postgres::PgSslMode::VerifyFull));
        }
    }

    fn problem_of(url: &str) -> String {
        match SqlTarget::parse(url) {
            Err(TargetError::Unusable(problem)) => problem,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused_and_the_password_not_told() {
        for query in ["ssl=require", "sslmod=require", "sslmode=off", "sslmode=require&x=1", "port=x"] {
            let problem = problem_of(&format!("postgresql+asyncpg://u:hunter2@h/d?{query}"));
            assert!(!problem.contains("hunter2"));
        }
        assert!(SqlTarget::parse("postgres://h/d?options=-c%20geqo%3Doff&options[work_mem]=8MB").is_ok());
        for url in
            ["postgres://u:hunter2@h:port/d", "postgres://u:x?hunter2@h/d", "postgres://u:x?hunter#2@h/d"]
        {
            assert!(!problem_of(url).contains("hunter"), "{url}");
        }
        let known = problem_of("postgres://h/d?sslmod=require");
        assert!(known.contains("sslmod;") && known.contains("sslmode") && known.contains("application_name"));
    }

    #[test]
    fn parameters_of_other_drivers_are_read_by_what_they_ask_for() {
        let same = "channel_binding=prefer&target_session_attrs=any&client_encoding=UTF8&gssencmode=disable";
        let options = options_of(&format!("postgres://h/d?{same}&sslmode=require&port=7"));
        assert_eq!((options.get_port(), options.get_database()), (7, Some("d")));
        assert!(matches!(options.get_ssl_mode(), sea_orm::sqlx::postgres::PgSslMode::Require));
        for (query, instead) in [
            ("channel_binding=require", "verify-full"),
            ("target_session_attrs=read-write", "primary"),
            ("client_encoding=latin1", "UTF-8"),
            ("connect_timeout=10", "DATABASE_CONNECT_TIMEOUT"),
            ("ssl=require", "sslmode=require"),
        ] {
            let problem = problem_of(&format!("postgres://h/d?{query}"));
            assert!(problem.contains(instead), "{problem}");
        }
    }

    #[test]
    fn a_sqlite_path_is_relative_or_absolute() {
        assert_eq!(path_of("sqlite://data/inwren.db"), Path::new("data/inwren.db"));
        assert_eq!(path_of("sqlite:///srv/inwren.db"), Path::new("/srv/inwren.db"));
        assert_eq!(path_of("sqlite:////srv/inwren.db"), Path::new("/srv/inwren.db"));
        assert_eq!(path_of("sqlite:///./data/inwren.db"), Path::new("./data/inwren.db"));
        assert_eq!(path_of("sqlite://a%3Fb.db?mode=rwc"), Path::new("a?b.db"));
    }

    #[test]
    fn a_driver_counts_slashes_as_sqlalchemy_does() {
        assert_eq!(path_of("sqlite+aiosqlite:///data/app.db"), Path::new("data/app.db"));
        assert_eq!(path_of("sqlite+aiosqlite:////srv/app.db"), Path::new("/srv/app.db"));
        assert_eq!(path_of("sqlite+pysqlite:///./app.db"), Path::new("./app.db"));
        assert_eq!(path_of("sqlite+aiosqlite:///a%20b.db"), Path::new("a%20b.db"));
        for url in [
            "sqlite+aiosqlite://",
            "sqlite+aiosqlite:///",
            "sqlite+aiosqlite:///:memory:",
            "sqlite:///:memory:",
        ] {
            assert!(problem_of(url).contains("memory:"), "{url}");
        }
        assert!(problem_of("sqlite+aiosqlite://data/app.db").contains("three slashes"));
    }

    #[test]
    fn an_existing_file_under_the_other_reading_is_never_passed_over() {
        let folder = std::env::temp_dir().join(format!("inwren-url-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("app.db");
        std::fs::write(&file, "").unwrap();
        let absolute = file.display();
        // Three slashes, and a path that exists from the root.
        let problem = problem_of(&format!("sqlite+aiosqlite://{absolute}"));
        assert!(problem.contains(&format!("sqlite:///{absolute} for the existing")), "{problem}");
        assert_eq!(path_of(&format!("sqlite:///{absolute}")), file);
        assert_eq!(path_of(&format!("sqlite://{absolute}")), file);
        std::fs::remove_dir_all(&folder).unwrap();
        // Tests run in the folder of the package.
        let problem = problem_of("sqlite:///src/lib.rs");
        assert!(
            problem.contains("sqlite://src/lib.rs") && problem.contains("sqlite:////src/lib.rs"),
            "{problem}"
        );
        assert_eq!(path_of("sqlite:////src/lib.rs"), Path::new("/src/lib.rs"));
    }

    #[test]
    fn a_sqlite_url_names_a_file_and_nothing_else() {
        for url in ["sqlite://", "sqlite://:memory:", "sqlite://a.db?mode=memory", "sqlite://a.db?mode=ro"] {
            assert!(SqlTarget::parse(url).is_err(), "{url}");
        }
        for url in ["mysql://h/d", "mysql+asyncpg://h/d", "postgres+://h/d", "postgres+a+b://h/d"] {
            assert!(SqlTarget::parse(url).is_err(), "{url}");
        }
        assert!(SqlTarget::parse("inwren.db").is_err());
    }
}
