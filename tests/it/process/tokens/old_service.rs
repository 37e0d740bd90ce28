//! The real binary replaces the legacy service, with its `.env`, its key and its tokens.

use std::fs;

use inwren_adapters::crypto::keys::KeyPair;
use inwren_tests::app::forge::Forger;
use inwren_tests::app::old_service;
use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, LineEnding};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::process::support::client::{PASSWORD, join, me, register};
use crate::process::support::database::{Storage, block_on, execute};

/// Its table, as SQLAlchemy creates it on PostgreSQL. SQLite accepts it as well.
pub(crate) const TABLE: &str = "CREATE TABLE users (
    id UUID NOT NULL PRIMARY KEY,
    email VARCHAR(255) NOT NULL UNIQUE,
    hashed_password VARCHAR(255) NOT NULL,
    is_active BOOLEAN NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    tier VARCHAR(10) NOT NULL,
    hashed_refresh_token VARCHAR(255),
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL
)";

/// The current time, by the clock of the process.
fn now() -> OffsetDateTime {
    let since = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970");
    OffsetDateTime::UNIX_EPOCH + since
}

/// A key pair in the format that OpenSSL created for the legacy service: PKCS#1.
fn keys(folder: &TempFolder) -> KeyPair {
    let pair = KeyPair::generate(2048).expect("a key");
    let private = rsa::RsaPrivateKey::from_pkcs8_pem(&pair.to_pem().expect("PEM")).expect("a key");
    let pem = private.to_pkcs1_pem(LineEnding::LF).expect("PEM");
    assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    fs::create_dir(folder.path().join("keys")).expect("a folder");
    fs::write(folder.path().join("keys/jwt-private.pem"), pem.as_bytes()).expect("a file");
    // On one line, as a variable contains it.
    let public = pair.public().to_pem().expect("PEM").replace('\n', "\\n");
    fs::write(folder.path().join("keys/jwt-public.pem"), public).expect("a file");
    pair
}

/// Its `.env` file, with all kinds of lines that such files contain. The database URL is split into variables, as its
/// operators do.
fn env_file(storage: &Storage) -> String {
    let url = storage.url();
    let (_, rest) = url.split_once("://").expect("a URL");
    let (host, name) = rest.rsplit_once('/').expect("a database");
    let lines = [
        "\u{feff}# Settings of the accounts service",
        "PROJECT_NAME=Orchard Accounts   # shown in the docs",
        "export ALGORITHM='RS256'",
        "SECRET_KEY=\"it's $ecret # and \\\"quoted\\\"\"",
        "BACKEND_CORS_ORIGINS=[\"http://localhost:3000\", \"https://orchard.example\"]",
        "DESCRIPTION=It's an orchard",
        "DEBUG = False",
        "",
        "    PRIVATE_KEY_PATH = keys/jwt-private.pem",
        "PUBLIC_KEY_PATH=\"keys/jwt-public.pem\"",
        "ACCESS_TOKEN_EXPIRE_MINUTES=20",
        "REFRESH_TOKEN_EXPIRE_DAYS=\"3\"",
        "BANNER='two",
        "lines = of it'",
        &format!("POSTGRES_HOST={host}"),
        &format!("POSTGRES_DB={name}"),
        "DATABASE_URL=postgresql+asyncpg://${POSTGRES_HOST}/${POSTGRES_DB:-app}",
        "SMTP_PASSWORD=",
        "SENTRY_DSN",
        "",
    ];
    lines.join("\r\n")
}

#[test]
fn its_env_file_and_its_keys_work_as_they_are() {
    let (folder, storage) = (TempFolder::new(), Storage::postgres());
    let pair = keys(&folder);
    fs::write(folder.path().join(".env"), env_file(&storage)).expect("a file");
    let until = now() + Duration::days(1);
    let program = Program::bare(folder.path()).env("PORT", "0").env("RATE_LIMIT_ENABLED", "false");
    let service = program.clone().env("LEGACY_TOKENS_UNTIL", until.format(&Rfc3339).unwrap()).start();
    let mut connection = service.connect();
    assert_eq!(connection.call(&Call::get("/")).unwrap().text("name"), "Orchard Accounts");
    let ann = join(&mut connection, "ann@example.org").unwrap();
    let lifetime = |token: &str| {
        let claims = inwren_tests::app::forge::open(token).1;
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
    };
    assert_eq!((lifetime(&ann.access), lifetime(&ann.refresh)), (20 * 60, 3 * 86_400));
    assert_eq!(inwren_tests::app::forge::open(&ann.access).0["kid"], pair.public().id());

    let old_token = |subject: &str| {
        let claims = old_service::claims(subject, now().unix_timestamp());
        old_service::token(&Forger::with(&pair), &claims)
    };
    // Ann registered in Inwren, so no token of the legacy service belongs to her.
    let id = connection.call(&me(&ann.access)).unwrap().expect(200).text("id");
    for subject in [id.as_str(), "ann@example.org"] {
        connection.call(&me(&old_token(subject))).unwrap().expect(401);
    }
    let adopted = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a";
    let line = json!({
        "id": adopted, "email": "old@example.org", "hashed_password": null, "is_active": true, "is_superuser": false,
    });
    let import = program.clone().args(["users", "import", "-"]).input(&format!("{line}\n"));
    import.run().with_code(0);
    let token = old_token(adopted);
    for token in [&token, &old_token("old@example.org")] {
        connection.call(&me(token)).unwrap().expect(200);
    }
    let log = service.stop();
    assert!(log.contains("LEGACY_TOKENS_UNTIL"), "{log}");
    assert!(!log.contains("$ecret"), "{log}");

    let service = program.start();
    service.call(&me(&token)).expect(401);
    service.call(&register("bob@example.org", PASSWORD)).expect(201);
    let log = service.stop();
    assert!(!log.contains("LEGACY_TOKENS_UNTIL"), "{log}");
    let tables = storage.ask("SELECT count(*) AS n FROM users");
    assert_eq!(tables[0].try_get::<i64>("", "n").unwrap(), 3);
}

#[test]
fn its_table_in_the_place_of_ours_is_told_in_one_line() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let url = storage.url();
        let made = if url.starts_with("sqlite") { format!("{url}?mode=rwc") } else { url.clone() };
        block_on(execute(&made, TABLE));
        let program = Program::new(folder.path()).env("DATABASE_URL", &url);
        program.clone().args(["keys", "generate"]).run().with_code(0);
        let production = program.clone().env("ENVIRONMENT", "production");
        for (what, program) in [
            ("serve", program.clone()),
            ("serve in production", production.clone()),
            ("migrate up", program.clone().args(["migrate", "up"])),
            ("users create", program.clone().args(["users", "create", "a@example.org", "--password-stdin"])),
        ] {
            let finished = program.input("a pass phrase of the tests\n").run();
            let said = finished.with_code(1);
            let last = said.trim_end().lines().last().unwrap_or_default();
            for part in ["table `users`", "another service", "inwren adopt", "DATABASE_URL"] {
                assert!(last.contains(part), "{} {what}: {said}", storage.name());
            }
            for part in ["relation", "Execution Error", "already exists", "error returned"] {
                assert!(!said.contains(part), "{} {what}: {said}", storage.name());
            }
        }
        // The failed commands changed nothing that needs to be undone, and the suggested command works.
        let adopted = program.clone().args(["adopt", "--yes"]).run().with_code(0);
        assert!(adopted.contains("users_before_inwren"), "{adopted}");
        program.start().stop();
    }
}

/// In a SQLAlchemy URL, three slashes precede a relative path.
#[test]
fn its_sqlite_url_names_the_file_that_it_named_there() {
    let folder = TempFolder::new();
    let with = |url: &str| Program::bare(folder.path()).env("PORT", "0").env("DATABASE_URL", url);
    let service = with("sqlite://data/app.db").start();
    service.call(&register("ann@example.org", PASSWORD)).expect(201);
    service.stop();
    let absolute = folder.path().join("data/app.db");
    for url in ["sqlite+aiosqlite:///data/app.db", &format!("sqlite+aiosqlite:///{}", absolute.display())] {
        let listed = with(url).args(["users", "export"]).run().with_code(0);
        assert!(listed.contains("ann@example.org"), "{url}: {listed}");
    }
    // Without a driver, the path is absolute, and no file exists there. The error also names the relative path that the
    // operator may mean.
    for command in [&["users", "export"][..], &["config", "check"], &[]] {
        let text = with("sqlite:///data/app.db").args(command).run().with_code(2);
        for part in ["DATABASE_URL", "sqlite://data/app.db", "sqlite:////data/app.db"] {
            assert!(text.contains(part), "{text}");
        }
    }
    let text = with("sqlite+aiosqlite://").run().with_code(2);
    assert!(text.contains("memory:"), "{text}");
}

#[test]
fn a_time_that_has_passed_is_told_and_accepts_nothing() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:");
    let service = program.env("LEGACY_TOKENS_UNTIL", "2020-01-01T00:00:00+02:00").start();
    let log = service.stop();
    assert!(log.contains("LEGACY_TOKENS_UNTIL has passed"), "{log}");
}

#[test]
fn a_time_too_far_ahead_stops_the_start() {
    let folder = TempFolder::new();
    let ahead = |days| {
        let until = now() + Duration::days(days);
        let until = until.format(&Rfc3339).unwrap();
        Program::bare(folder.path()).env("LEGACY_TOKENS_UNTIL", until).args(["config", "check"]).run()
    };
    ahead(89).with_code(0);
    let text = ahead(91).with_code(2);
    assert!(text.contains("LEGACY_TOKENS_UNTIL") && text.contains("90 days"), "{text}");
}

#[test]
fn what_in_the_file_is_a_setting_of_ours_must_be_right() {
    let folder = TempFolder::new();
    let check = |text: &[u8]| {
        fs::write(folder.path().join(".env"), text).unwrap();
        Program::bare(folder.path()).args(["config", "check"]).run()
    };
    check(b"OTHER=\"no end\nPORT=8001\n").with_code(0);
    let text = check(b"A=1\nPROJECT_NAME=\"no end\nPORT=8001\n").with_code(2);
    assert!(text.contains("PROJECT_NAME has an unclosed quote") && !text.contains("no end"), "{text}");
    let text = check(b"A=1\n\nPORT 8001\n").with_code(2);
    assert!(text.contains("line 3") && !text.contains("8001"), "{text}");
    let text = check(b"A=\xff\n").with_code(2);
    assert!(text.contains(".env"), "{text}");
}
