//! What a database URL says.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;

use super::connect_error::ConnectError;

const POSTGRES: [&str; 2] = ["postgres", "postgresql"];
const SQLITE: [&str; 1] = ["sqlite"];

/// The parameters of a PostgreSQL URL that the driver honours. It would pass over any other with a warning, and an
/// operator who has misspelt `sslmode` would never know.
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

/// A parameter that other drivers know and this one does not.
struct Implied {
    name: &'static str,
    /// The values that ask for nothing but what is done anyway.
    values: &'static [&'static str],
    /// What to do with any other value.
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

/// Which database is meant.
#[derive(Debug)]
pub(super) enum Target {
    Postgres(Box<PgConnectOptions>),
    Sqlite(PathBuf),
}

/// Checks whether a database could be connected to by this URL, as far as the URL and the names of files tell.
pub fn check(url: &str) -> Result<(), ConnectError> {
    parse(url).map(drop)
}

pub(super) fn parse(url: &str) -> Result<Target, ConnectError> {
    if let Some((_, rest)) = without_scheme(url, &POSTGRES) {
        postgres(rest)
    } else if let Some((has_driver, rest)) = without_scheme(url, &SQLITE) {
        sqlite(has_driver, rest)
    } else {
        Err(ConnectError::Url("it begins with neither postgres:// nor sqlite://".to_owned()))
    }
}

/// Whether SQLAlchemy wrote the URL, which names a driver as in `postgresql+asyncpg://`, and the rest of it. The driver
/// itself is nothing to us.
fn without_scheme<'a>(url: &'a str, databases: &[&str]) -> Option<(bool, &'a str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (database, driver) =
        scheme.split_once('+').map_or((scheme, None), |(name, driver)| (name, Some(driver)));
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (driver.is_none_or(is_name) && databases.contains(&database)).then_some((driver.is_some(), rest))
}

fn postgres(rest: &str) -> Result<Target, ConnectError> {
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let pairs = query.split('#').next().unwrap_or_default();
    let mut honoured = Vec::new();
    for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if is_postgres_parameter(name) {
            honoured.push(pair);
        } else if let Some(implied) = IMPLIED.iter().find(|implied| implied.name == name) {
            if !implied.values.contains(&value.to_ascii_lowercase().as_str()) {
                return Err(ConnectError::Url(format!("the parameter {name}: {}", implied.instead)));
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
    Ok(Target::Postgres(Box::new(options)))
}

/// An unknown parameter may be a piece of the password that is no parameter at all: only a plain name is shown.
fn unknown_parameter(name: &str, query: &str) -> ConnectError {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_".contains(&byte));
    ConnectError::Url(match is_name && !query.contains('@') {
        true => format!("unknown parameter {name}; the known ones are {}", POSTGRES_PARAMETERS.join(", ")),
        false => "unknown parameter; in a password ? and & are written %3F and %26".to_owned(),
    })
}

fn is_postgres_parameter(name: &str) -> bool {
    POSTGRES_PARAMETERS.contains(&name) || name.starts_with("options[") || name.starts_with("options%5B")
}

/// The file that a SQLite URL names. The only parameter that says nothing else than what is done anyway is `mode=rwc`.
///
/// A URL with a driver is read as SQLAlchemy reads it, which counts one slash more: three for a relative path and four for
/// an absolute one, without `%` escapes.
fn sqlite(has_driver: bool, rest: &str) -> Result<Target, ConnectError> {
    let written = match rest.split_once('?') {
        None | Some((_, "")) => rest.trim_end_matches('?'),
        Some((path, "mode=rwc")) => path,
        Some(_) => return Err(ConnectError::Url("a SQLite URL has no parameters".to_owned())),
    };
    let path = match has_driver {
        true => written.strip_prefix('/').ok_or_else(|| {
            let problem = match written {
                "" => NEEDS_A_FILE,
                _ => "with a driver in the scheme it has three slashes before a relative path and four before an absolute one",
            };
            ConnectError::Url(problem.to_owned())
        })?,
        // SQLAlchemy's `sqlite:///./data.db` can mean nothing else than a file in the working folder.
        false => written.strip_prefix('/').filter(|path| path.starts_with("./")).unwrap_or(written),
    };
    if path.is_empty() || path == ":memory:" || path == "/:memory:" {
        return Err(ConnectError::Url(NEEDS_A_FILE.to_owned()));
    }
    let path = match has_driver {
        true => PathBuf::from(path),
        false => {
            let options = SqliteConnectOptions::from_str(&format!("sqlite://{path}")).map_err(unusable)?;
            options.get_filename().to_owned()
        }
    };
    // Four slashes and more are as good as one.
    let path: PathBuf = path.components().collect();
    match other_reading(has_driver, written, &path).filter(|other| !path.exists() && other.exists()) {
        Some(other) => Err(ConnectError::Url(ambiguous(&path, &other))),
        None => Ok(Target::Sqlite(path)),
    }
}

const NEEDS_A_FILE: &str = "a SQLite URL names a file; a database in memory is memory:";

/// The path that three slashes mean by the other count of slashes: the plain scheme's absolute path is SQLAlchemy's relative
/// one, and the relative path of a URL with a driver was an absolute one in earlier releases.
fn other_reading(has_driver: bool, written: &str, path: &Path) -> Option<PathBuf> {
    match has_driver {
        _ if written.starts_with("//") => None,
        true => Some(Path::new("/").join(path)),
        false => path.strip_prefix("/").ok().map(Path::to_owned),
    }
}

/// A new and empty database beside the one that is meant would go unnoticed.
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

    fn problem_of(url: &str) -> String {
        match parse(url) {
            Err(ConnectError::Url(problem)) => problem,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused_and_the_password_not_told() {
        for query in ["ssl=require", "sslmod=require", "sslmode=off", "sslmode=require&x=1", "port=x"] {
            let problem = problem_of(&format!("postgresql+asyncpg://u:hunter2@h/d?{query}"));
            assert!(!problem.contains("hunter2"));
        }
        assert!(parse("postgres://h/d?options=-c%20geqo%3Doff&options[work_mem]=8MB").is_ok());
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
        let Ok(Target::Postgres(options)) = parse(&format!("postgres://h/d?{same}&sslmode=require&port=7"))
        else {
            panic!("refused");
        };
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
        // The tests run in the folder of the package.
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
            assert!(parse(url).is_err(), "{url}");
        }
        for url in ["mysql://h/d", "mysql+asyncpg://h/d", "postgres+://h/d", "postgres+a+b://h/d"] {
            assert!(parse(url).is_err(), "{url}");
        }
        assert!(parse("inwren.db").is_err());
    }
}
