//! Invalid settings are all reported together, and errors contain no secrets.

use inwren_app::config::SETTINGS;
use inwren_tests::app::forge::open;
use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{PASSWORD, Tokens, login, register};

#[test]
fn all_errors_are_told_at_once() {
    let folder = TempFolder::new();
    let wrong = [
        ("PORT", "70000", "port number"),
        ("HOST", "example.org", "IP address"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d", "sqlite://"),
        ("ALGORITHM", "HS256", "RS256"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0", "minutes"),
        ("JWKS_MAX_AGE_SECONDS", "0", "seconds"),
        ("LEGACY_TOKENS_UNTIL", "2027-01-31", "RFC 3339"),
        ("RATE_LIMIT_LOGIN", "often", "5/minute"),
        ("ENVIRONMENT", "staging", "development or production"),
        ("TRUSTED_PROXIES", "proxy", "CIDRs"),
        ("TRUSTED_PROXY_HEADER", "x-real-ip", "x-forwarded-for"),
        ("REDIS_URL", "http://u:hunter2@h", "redis://"),
        ("REDIS_KEY_PREFIX", "two words", "without white space"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:hunter2@h:4318", "http://"),
        ("CORS_ALLOWED_ORIGINS", "example.org", "https://"),
        ("SELF_SERVICE_TIERS", "gold", "TIERS"),
        ("LOG_FORMAT", "xml", "pretty or json"),
        ("SECOND_FACTOR_REQUIRED_FOR", "admins", "superusers or all"),
        ("TOTP_SKEW_STEPS", "3", "from 0 to 2"),
        ("TRUSTED_DEVICE_DAYS", "366", "days"),
        ("RESET_REQUIRES_FACTOR", "maybe", "true or false"),
        ("LOST_FACTOR_DELAY_HOURS", "721", "hours"),
        ("WEBAUTHN_RP_ID", "192.0.2.1", "domain"),
        ("WEBAUTHN_ORIGINS", "http://app.example.org", "https://"),
        ("FIRST_SUPERUSER_PASSWORD", "hunter2-of-root", "FIRST_SUPERUSER_EMAIL"),
    ];
    let mut program = Program::bare(folder.path());
    for (name, value, _) in wrong {
        program = program.env(name, value);
    }
    let text = program.run().with_code(2);
    for (name, value, takes) in wrong {
        let Some(line) = text.lines().find(|line| line.trim_start().starts_with(&format!("{name} "))) else {
            panic!("{name} is not told:\n{text}");
        };
        assert!(line.contains(takes), "{line}");
        assert!(value.contains("hunter2") || line.contains(value), "{line}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "something was made");
}

/// Startup rejects unusable values before it does anything else.
#[test]
fn a_value_that_could_never_be_used_is_a_wrong_one() {
    let folder = TempFolder::new();
    for url in [
        "sqlite:",
        "sqlite://",
        "sqlite://:memory:",
        "sqlite::memory:",
        "sqlite:data/x.db",
        "sqlite://x.db?mode=ro",
        "postgres://u:hunter2@h:99999/d",
        "postgres://u:hunter2@h/d?sslmod=require",
        "postgres://u:hun?ter2@h/d",
    ] {
        for arguments in [&["config", "check"][..], &[]] {
            let program = Program::new(folder.path()).env("DATABASE_URL", url);
            let said = program.args(arguments).run().with_code(2);
            assert!(said.contains("DATABASE_URL") && !said.contains("ter2"), "{url}: {said}");
        }
    }
    assert!(!folder.path().join("certs").exists(), "a key was made for a service that cannot start");
    let file = folder.path().join("password");
    std::fs::write(&file, "password\n").unwrap();
    for (name, value) in [
        ("FIRST_SUPERUSER_PASSWORD", "zq7!xw2".to_owned()),
        ("FIRST_SUPERUSER_PASSWORD", "12345678".to_owned()),
        ("FIRST_SUPERUSER_PASSWORD", "x".repeat(129)),
        ("FIRST_SUPERUSER_PASSWORD", "boss.lady@example.org".to_owned()),
        ("FIRST_SUPERUSER_PASSWORD_FILE", file.display().to_string()),
    ] {
        for arguments in [&["config", "check"][..], &[]] {
            let program = Program::new(folder.path()).env("DATABASE_URL", "memory:");
            let program =
                program.env("FIRST_SUPERUSER_EMAIL", "boss.lady@example.org").env(name, value.as_str());
            let said = program.args(arguments).run().with_code(2);
            assert!(said.contains(name) && said.contains("cannot be used"), "{value}: {said}");
        }
    }
}

#[test]
fn production_keeps_things_and_names_origins() {
    let folder = TempFolder::new();
    let text = Program::bare(folder.path())
        .env("ENVIRONMENT", "production")
        .env("DATABASE_URL", "memory:")
        .env("CORS_ALLOWED_ORIGINS", "*")
        .run()
        .with_code(2);
    for name in ["DATABASE_URL", "CORS_ALLOWED_ORIGINS"] {
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let folder = TempFolder::new();
    std::fs::write(folder.path().join(".env"), "PROJECT_NAME=file\nTOKEN_ISSUER=file\nTOKEN_AUDIENCE=file\n")
        .unwrap();
    let text = Program::bare(folder.path())
        .env("PROJECT_NAME", "environment")
        .env("TOKEN_ISSUER", "environment")
        .env("DATABASE_URL", "postgres://ann:hunter2@db/auth")
        .env("REDIS_URL", "rediss://:hunter2@cache:6380/1")
        .env("FIRST_SUPERUSER_EMAIL", "root@example.org")
        .env("FIRST_SUPERUSER_PASSWORD", "hunter2-of-root")
        .args(["config", "check", "--project-name", "flag"])
        .run()
        .with_code(0);
    for line in [
        "PROJECT_NAME=flag  # flag",
        "TOKEN_ISSUER=environment  # environment",
        "TOKEN_AUDIENCE=file  # .env",
        "PUBLIC_URL=http://localhost:8000  # default",
        "DATABASE_URL=postgres://***@db/auth  # environment",
        "REDIS_URL=rediss://***@cache:6380/1  # environment",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("the configuration is valid\n") && !text.contains("hunter2"), "{text}");
}

#[test]
fn production_needs_an_issuer_to_serve() {
    let folder = TempFolder::new();
    let production = Program::bare(folder.path()).env("ENVIRONMENT", "production").env("PORT", "0");
    for arguments in [&["config", "check"][..], &[], &["serve"]] {
        let said = production.clone().args(arguments.iter().copied()).run().with_code(2);
        assert!(said.contains("PUBLIC_URL: is not set") && said.contains("TOKEN_ISSUER"), "{said}");
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "something was made");
    // The error is reported together with the other errors.
    let said = production.clone().env("LOG_FORMAT", "xml").run().with_code(2);
    assert!(said.contains("PUBLIC_URL") && said.contains("LOG_FORMAT"), "{said}");
    // Commands that create keys or users for the service do not need this setting.
    production.clone().args(["keys", "generate"]).run().with_code(0);
    for name in ["PUBLIC_URL", "TOKEN_ISSUER"] {
        let set = production.clone().env(name, "https://auth.example.org").args(["config", "check"]);
        set.run().with_code(0);
    }
}

#[test]
fn urls_follow_the_port_in_development() {
    let folder = TempFolder::new();
    // PORT=0 selects any free port. The URLs contain the selected port.
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:").env("PUBLIC_URL", "");
    let service = program.start();
    let here = format!("http://localhost:{}", service.address().port());
    let metadata = service.call(&Call::get("/.well-known/oauth-authorization-server"));
    let metadata = metadata.expect(200).json();
    assert_eq!(metadata["issuer"], here.as_str());
    assert_eq!(metadata["jwks_uri"], format!("{here}/.well-known/jwks.json"));
    service.call(&register("ann@example.org", PASSWORD)).expect(201);
    let tokens = Tokens::of(&service.call(&login("ann@example.org", PASSWORD)));
    let (_, claims) = open(&tokens.access);
    assert_eq!(claims["iss"], here.as_str());
    service.call(&Call::get("/users/me").bearer(&tokens.access)).expect(200);
}

#[test]
fn misspelt_names_are_reported_without_values() {
    let folder = TempFolder::new();
    std::fs::write(folder.path().join(".env"), "CORS_ALOWED_ORIGINS=hunter2\nUNRELATED=hunter2\n").unwrap();
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:").env("TOKEN_ISUER", "hunter2");
    let expected = [
        "CORS_ALOWED_ORIGINS is not a setting and has no effect. Did you mean CORS_ALLOWED_ORIGINS?",
        "TOKEN_ISUER is not a setting and has no effect. Did you mean TOKEN_ISSUER?",
    ];
    let checked = program.clone().args(["config", "check"]).run();
    assert!(checked.output.ends_with("the configuration is valid\n"), "{}", checked.output);
    let service = program.start();
    let log = service.stop();
    for said in [checked.with_code(0), log] {
        for line in expected {
            assert_eq!(said.matches(line).count(), 1, "{said}");
        }
        assert!(!said.contains("hunter2") && !said.contains("UNRELATED"), "{said}");
    }
    // Names of other programs' variables cause no warning.
    let quiet = TempFolder::new();
    let program = Program::bare(quiet.path()).env("LOG_LEVEL", "x").env("PGHOST", "x").env("POST", "x");
    let checked = program.args(["config", "check"]).run();
    assert_eq!((checked.code, checked.errors.as_str()), (Some(0), ""));
}

#[test]
fn an_authority_is_a_file_for_an_encrypted_connection() {
    let folder = TempFolder::new();
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    for (url, path, problem) in [
        (None, "empty.pem", "REDIS_URL"),
        (Some("redis://:hunter2@cache"), "empty.pem", "rediss://"),
        (Some("rediss://:hunter2@cache"), "empty.pem", "no certificate"),
        (Some("rediss://:hunter2@cache"), "missing.pem", "cannot be read"),
    ] {
        let program = Program::bare(folder.path()).env("REDIS_CA_PATH", path).args(["config", "check"]);
        let program = if let Some(url) = url { program.env("REDIS_URL", url) } else { program };
        let text = program.run().with_code(2);
        let line = text.lines().find(|line| line.contains("REDIS_CA_PATH")).expect("a line for it");
        assert!(line.contains(problem) && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn an_unreadable_file_is_told() {
    let folder = TempFolder::new();
    std::fs::write(folder.path().join(".env"), "this is no setting\n").unwrap();
    let text = Program::bare(folder.path()).args(["config", "check"]).run().with_code(2);
    assert!(text.contains(".env"), "{text}");
}

#[test]
fn a_taken_port_is_told() {
    let folder = TempFolder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:").env("PORT", port.as_str());
    let text = program.run().with_code(1);
    assert!(text.contains("PORT") && text.contains(&port), "{text}");
}

#[test]
fn no_credential_has_a_default() {
    let secret: Vec<_> = SETTINGS.iter().filter(|setting| setting.secret).collect();
    assert!(secret.len() >= 4, "{secret:?}");
    for setting in secret {
        // The default database is a file, so its URL contains no credentials.
        assert!(
            setting.default.is_none_or(|value| value.starts_with("sqlite://") && !value.contains('@')),
            "{setting:?}"
        );
    }
}

/// Key material that an operator may put in place of a path by mistake. Every line of it would disclose the key.
fn key_material() -> [String; 3] {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{line}\n{line}\n-----END PRIVATE KEY-----");
    [pem.clone(), pem.replace('\n', "\\n"), line.repeat(4)]
}

#[track_caller]
fn assert_not_told(said: &str) {
    assert!(!said.contains("MIIEvQ") && !said.contains("9Us8cKj"), "{said}");
}

#[test]
fn key_material_in_place_of_a_path_is_never_printed() {
    let paths: Vec<&str> =
        SETTINGS.iter().filter(|setting| setting.names_a_file()).map(|setting| setting.name).collect();
    assert!(paths.len() >= 7, "{paths:?}");
    for content in key_material() {
        let folder = TempFolder::new();
        // All settings in one run, so that all are reported together.
        let mut program = Program::new(folder.path());
        for name in &paths {
            program = program.env(name, content.as_str());
        }
        for arguments in
            [&[][..], &["config", "check"], &["config", "check", "--json"], &["keys", "generate"]]
        {
            let said = program.clone().args(arguments.iter().copied()).run().with_code(2);
            for name in &paths {
                assert!(
                    said.contains(&format!("{name}: takes the path of a file, not its content")),
                    "{said}"
                );
            }
            assert_not_told(&said);
        }
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "something was made");
        // One setting per run, as a flag and as a line of a file.
        for name in &paths {
            let flag = format!("--{}={content}", name.to_ascii_lowercase().replace('_', "-"));
            let said = Program::new(folder.path()).args([flag.as_str()]).run().with_code(2);
            assert!(said.contains(&format!("{name}: takes the path")), "{said}");
            assert_not_told(&said);
        }
        std::fs::write(folder.path().join(".env"), format!("PRIVATE_KEY_PATH={content}\n")).unwrap();
        let said = Program::new(folder.path()).run().with_code(2);
        assert!(said.contains("PRIVATE_KEY_PATH: takes the path"), "{said}");
        assert_not_told(&said);
    }
}

#[test]
fn a_secret_in_place_of_another_value_is_never_printed() {
    let folder = TempFolder::new();
    for content in key_material() {
        for setting in SETTINGS.iter().filter(|setting| !setting.names_a_file()) {
            let program = Program::new(folder.path()).env("DATABASE_URL", "memory:");
            let program = program.env(setting.name, content.as_str()).args(["config", "check"]);
            let finished = program.run();
            // Some settings accept any text.
            let code = finished.code.unwrap_or_default();
            assert!(code == 0 || code == 2, "{}", setting.name);
            assert_not_told(&finished.with_code(code));
        }
    }
    // A passphrase in place of the path of its file.
    for name in ["PRIVATE_KEY_PASSPHRASE_FILE", "FIRST_SUPERUSER_PASSWORD_FILE"] {
        let said = Program::new(folder.path()).env(name, "hunter2").run().with_code(2);
        assert!(said.contains(&format!("{name}: cannot be read")) && !said.contains("hunter2"), "{said}");
    }
}
