//! A first start without any configuration, and the defaults that production refuses.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use inwren_tests::process::{Call, Program};
use inwren_tests::stores::{PrivatePostgres, TempFolder, TestDatabase};
use serde_json::json;

use crate::process::support::client::{PASSWORD, Tokens, join, login, me, register};
use crate::process::support::database::{Storage, block_on, execute};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
        & 0o777
}

#[test]
fn it_makes_what_it_needs_and_finds_it_again() {
    let folder = TempFolder::new();
    // With any free port the issuer of each start would be another one.
    let program = Program::bare(folder.path()).env("PORT", "0").env("PUBLIC_URL", "http://localhost:8000");
    let service = program.start();
    let tokens = join(&mut service.connect(), "ann@example.org").unwrap();
    let log = service.stop();
    assert!(log.contains("created a signing key") && log.contains("certs/private.pem"), "{log}");
    assert!(log.contains("applied migration"), "{log}");
    assert_eq!(mode(&folder.path().join("certs/private.pem")), 0o600);
    assert_eq!(mode(&folder.path().join("data/inwren.db")), 0o600);
    let key = std::fs::read(folder.path().join("certs/private.pem")).unwrap();

    let service = program.start();
    service.call(&me(&tokens.access)).expect(200);
    Tokens::of(&service.call(&login("ann@example.org", PASSWORD)));
    let log = service.stop();
    assert!(!log.contains("created a signing key") && !log.contains("applied migration"), "{log}");
    assert_eq!(std::fs::read(folder.path().join("certs/private.pem")).unwrap(), key);
}

const NEW_PASSWORD: &str = "another pass phrase of the tests";

/// The token of the link to a new password in the log.
fn reset_token(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("/account/reset?t=")?;
    Some(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect())
}

#[test]
fn a_forgotten_password_is_reset_by_the_link_in_the_log() {
    let folder = TempFolder::new();
    let service = Program::bare(folder.path()).env("PORT", "0").start();
    join(&mut service.connect(), "ann@example.org").unwrap();
    let forgot = Call::post("/auth/password/forgot", &json!({ "email": "ann@example.org" }));
    service.call(&forgot).expect(202);
    service.wait_for("/account/reset?t=");
    let token = reset_token(&service.log()).expect("a link");
    let home = service.call(&Call::get("/").header("Accept", "text/html")).expect(200);
    assert!(home.body.contains("dev/letters"), "{home:?}");
    let viewer = service.call(&Call::get("/dev/letters")).expect(200);
    assert!(viewer.body.contains(&token), "{viewer:?}");
    service.call(&Call::get(&format!("/account/reset?t={token}"))).expect(200);
    let reset = json!({ "token": token, "new_password": NEW_PASSWORD });
    service.call(&Call::post("/auth/password/reset", &reset)).expect(204);
    service.call(&login("ann@example.org", PASSWORD)).expect(401);
    Tokens::of(&service.call(&login("ann@example.org", NEW_PASSWORD)));
    service.stop();
}

#[test]
fn production_shows_letters_to_no_one_but_their_readers() {
    let (folder, storage) = (TempFolder::new(), Storage::sqlite());
    let program = Program::new(folder.path())
        .env("DATABASE_URL", storage.url())
        .env("AUTO_MIGRATE", "true")
        .env("ENVIRONMENT", "production")
        .env("MAIL_DIR", "letters")
        .env("MAIL_FROM", "auth@example.org");
    for command in ["keys", "secrets"] {
        program.clone().args([command, "generate"]).run().with_code(0);
    }
    let service = program.start();
    join(&mut service.connect(), "ann@example.org").unwrap();
    let forgot = Call::post("/auth/password/forgot", &json!({ "email": "ann@example.org" }));
    service.call(&forgot).expect(202);
    service.wait_for("sent a letter");
    service.call(&Call::get("/dev/letters")).expect(404);
    let home = service.call(&Call::get("/").header("Accept", "text/html")).expect(200);
    assert!(!home.body.contains("dev/letters"), "{home:?}");
    let log = service.stop();
    let letters = std::fs::read_dir(folder.path().join("letters")).unwrap();
    let letters: Vec<_> =
        letters.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert!(letter.contains("ann@example.org"), "{letter}");
    assert!(!log.contains("?t=") && !log.contains("ann@example.org"), "{log}");
}

/// The files are private even if the umask of the process lets all users write new files.
#[test]
fn what_it_makes_is_private_from_the_start() {
    let folder = TempFolder::new();
    let program = Program::bare(folder.path()).env("PORT", "0").after("umask 000");
    let service = program.start();
    join(&mut service.connect(), "ann@example.org").unwrap();
    for command in [&["keys", "rotate"][..], &["backup", "backup.db"], &["users", "export", "users.ndjson"]] {
        program.clone().args(command.iter().copied()).run().with_code(0);
    }
    let files = |folder: &Path| -> Vec<(String, u32)> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), mode(&path))).collect()
    };
    let data = files(&folder.path().join("data"));
    for name in ["inwren.db", "inwren.db-wal", "inwren.db-shm", "inwren.db.lock"] {
        assert!(data.iter().any(|(known, _)| known == name), "{name} is not in {data:?}");
    }
    let keys = files(&folder.path().join("certs"));
    assert!(keys.len() >= 5, "{keys:?}");
    for (name, mode) in data.into_iter().chain(keys).filter(|(name, _)| name != "public.pem") {
        assert_eq!(mode, 0o600, "{name}");
    }
    service.stop();
    for (name, expected) in [
        ("data", 0o700),
        ("certs", 0o755),
        ("certs/public.pem", 0o644),
        ("backup.db", 0o600),
        ("users.ndjson", 0o600),
    ] {
        assert_eq!(mode(&folder.path().join(name)), expected, "{name}");
    }
    let elsewhere =
        Program::bare(folder.path()).env("DATABASE_URL", "sqlite://new/deep/inwren.db").after("umask 000");
    elsewhere.args(["restore", "backup.db", "--yes"]).run().with_code(0);
    for (name, expected) in [
        ("new", 0o700),
        ("new/deep", 0o700),
        ("new/deep/inwren.db", 0o600),
        ("new/deep/inwren.db.lock", 0o600),
    ] {
        assert_eq!(mode(&folder.path().join(name)), expected, "{name}");
    }
}

#[test]
fn production_makes_no_key_up() {
    let folder = TempFolder::new();
    let text = Program::new(folder.path()).env("ENVIRONMENT", "production").run().with_code(1);
    for part in ["PRIVATE_KEY_PATH", "certs/private.pem", "inwren keys generate"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!folder.path().join("certs").exists() && !folder.path().join("data").exists());
}

#[test]
fn production_migrates_only_where_it_is_told_to() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        program.clone().args(["keys", "generate"]).run().with_code(0);
        let production = program.env("ENVIRONMENT", "production");
        let text = production.run().with_code(1);
        assert!(text.contains("inwren migrate up") && text.contains("AUTO_MIGRATE"), "{text}");
        let applied = production.clone().args(["migrate", "up"]).run().with_code(0);
        assert!(applied.contains("applied m"), "{applied}");
        let service = production.start();
        service.call(&Call::get("/health")).expect(200);
        service.stop();
    }
}

#[test]
fn the_first_superuser_is_made_once() {
    let folder = TempFolder::new();
    std::fs::write(folder.path().join("secret"), "the first pass phrase of all\n").unwrap();
    let program = Program::new(folder.path())
        .env("FIRST_SUPERUSER_EMAIL", "root@example.org")
        .env("FIRST_SUPERUSER_PASSWORD_FILE", "secret");
    let service = program.start();
    let root = Tokens::of(&service.call(&login("root@example.org", "the first pass phrase of all")));
    service.call(&Call::get("/admin/users").bearer(&root.access)).expect(200);
    assert!(service.stop().contains("created the first superuser"));

    // A changed password in the configuration changes no existing account.
    std::fs::write(folder.path().join("secret"), "another pass phrase").unwrap();
    let service = program.start();
    service.call(&login("root@example.org", "another pass phrase")).expect(401);
    service.call(&login("root@example.org", "the first pass phrase of all")).expect(200);
    assert!(!service.stop().contains("created the first superuser"));
}

/// A configured password that has become too weak is harmless if the service does not use it.
#[test]
fn a_first_password_that_has_become_weak_stops_nothing() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path())
        .env("FIRST_SUPERUSER_EMAIL", "root@example.org")
        .env("FIRST_SUPERUSER_PASSWORD", "the first of all");
    program.start().stop();
    let program = program.env("PASSWORD_CONTEXT_WORDS", "the first of all");
    let service = program.start();
    service.call(&login("root@example.org", "the first of all")).expect(200);
    program.args(["keys", "list"]).run().with_code(0);
}

#[test]
fn a_weak_first_password_stops_the_start() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path())
        .env("FIRST_SUPERUSER_EMAIL", "root@example.org")
        .env("FIRST_SUPERUSER_PASSWORD", "password");
    let text = program.run().with_code(2);
    assert!(text.contains("FIRST_SUPERUSER_PASSWORD"), "{text}");
}

/// A person who registers the configured address first does not become superuser, and the log reports it.
#[test]
fn a_first_superuser_whose_address_is_taken_is_reported() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let service = program.start();
        service.call(&register("Root@example.org", PASSWORD)).expect(201);
        service.stop();
        let wanted = program
            .clone()
            .env("FIRST_SUPERUSER_EMAIL", "root@example.org")
            .env("FIRST_SUPERUSER_PASSWORD", "the first pass phrase of all");
        let service = wanted.start();
        let stranger = Tokens::of(&service.call(&login("root@example.org", PASSWORD)));
        service.call(&Call::get("/admin/users").bearer(&stranger.access)).expect(403);
        let log = service.stop();
        assert!(log.contains("WARN") && log.contains("FIRST_SUPERUSER_EMAIL"), "{log}");
        let production = wanted.clone().env("ENVIRONMENT", "production");
        let text = production.run().with_code(1);
        assert!(text.contains("FIRST_SUPERUSER_EMAIL") && text.contains("inwren users create"), "{text}");
        assert!(!text.contains("root@example.org"), "{text}");

        // If another superuser exists, a demoted first superuser does not abort startup.
        let create = ["users", "create", "boss@example.org", "--superuser", "--password-stdin"];
        program.clone().args(create).input("the pass phrase of the boss\n").run().with_code(0);
        let log = production.start().stop();
        assert!(log.contains("WARN") && log.contains("FIRST_SUPERUSER_EMAIL"), "{log}");
        let deactivate = "UPDATE users SET is_active = false WHERE email_normalized = 'root@example.org'";
        block_on(execute(&storage.url(), deactivate));
        let log = production.start().stop();
        assert!(!log.contains("FIRST_SUPERUSER_EMAIL"), "{log}");
    }
}

#[test]
fn a_database_that_is_not_in_utf8_is_refused() {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let database = block_on(TestDatabase::encoded(encoding));
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", database.url());
        for command in [&["migrate", "up"][..], &[]] {
            let finished = program.clone().args(command).run();
            let text = finished.with_code(1);
            for part in [encoding, "UTF8", "CREATE DATABASE", "DATABASE_URL"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }
}

#[test]
fn a_role_that_may_not_create_tables_is_told_the_grant() {
    let server = PrivatePostgres::start();
    server.ask("CREATE ROLE limited LOGIN");
    server.ask("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let folder = TempFolder::new();
    let url = server.url().replace("postgres@", "limited@");
    let program = Program::new(folder.path()).env("DATABASE_URL", url);
    for command in [&["migrate", "up"][..], &[]] {
        let text = program.clone().args(command).run().with_code(1);
        assert!(text.contains("GRANT USAGE, CREATE ON SCHEMA public TO limited"), "{text}");
    }
    server.ask("GRANT USAGE, CREATE ON SCHEMA public TO limited");
    program.start().stop();
}
