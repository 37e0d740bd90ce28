//! Settings of second factors: what production requires for them, and what they change in a running service.

use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::json;

use crate::process::support::client::{PASSWORD, Tokens, join, login, me};
use crate::process::support::factors::Member;

const URL: &str = "https://auth.example.org";

fn production(folder: &TempFolder) -> Program {
    Program::new(folder.path())
        .env("ENVIRONMENT", "production")
        .env("AUTO_MIGRATE", "true")
        .env("PUBLIC_URL", URL)
        .env("CORS_ALLOWED_ORIGINS", "none")
}

#[test]
fn production_refuses_unsafe_rules_of_factors() {
    let folder = TempFolder::new();
    for (settings, problem) in [
        (&[("LOST_FACTOR_DELAY_HOURS", "72")][..], "SMTP_URL"),
        (&[("SECOND_FACTOR_REQUIRED_FOR", "all"), ("TOKEN_AUDIENCE", URL)], "TOKEN_AUDIENCE"),
        (&[("SECOND_FACTOR_REQUIRED_FOR", "superusers"), ("TOKEN_AUDIENCE", URL)], "TOKEN_AUDIENCE"),
        (&[("WEBAUTHN_RP_ID", "example.com")], "WEBAUTHN_RP_ID"),
        (&[("WEBAUTHN_RP_ID", "org")], "WEBAUTHN_RP_ID"),
        (&[("WEBAUTHN_ORIGINS", "https://auth.example.org, *")], "WEBAUTHN_ORIGINS"),
        (&[("PUBLIC_URL", "https://192.0.2.1"), ("WEBAUTHN_RP_ID", "example.org")], "WEBAUTHN_ORIGINS"),
    ] {
        let with = |program: Program, (name, value): &(&str, &str)| program.env(name, *value);
        let program = settings.iter().fold(production(&folder), with);
        for arguments in [&["config", "check"][..], &["serve"]] {
            let said = program.clone().args(arguments.iter().copied()).run().with_code(2);
            assert!(said.contains(problem), "{settings:?}: {said}");
        }
    }
    let mail = production(&folder).env("MAIL_DIR", "mail").env("MAIL_FROM", "auth@example.org");
    let checked = mail.env("LOST_FACTOR_DELAY_HOURS", "72").args(["config", "check"]);
    checked.run().with_code(0);
    assert!(!folder.path().join("data").exists(), "something was made");
}

#[test]
fn required_factors_need_secret_keys_in_production() {
    let folder = TempFolder::new();
    production(&folder).args(["keys", "generate"]).run().with_code(0);
    production(&folder).start().stop();
    let strict = production(&folder).env("SECOND_FACTOR_REQUIRED_FOR", "superusers");
    assert!(strict.run().with_code(1).contains("SECRET_KEY_PATH"));
    strict.clone().args(["secrets", "generate"]).run().with_code(0);
    strict.start().stop();
}

#[test]
fn superusers_must_enrol_a_factor_where_required() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path())
        .env("SECOND_FACTOR_REQUIRED_FOR", "superusers")
        .env("TOTP_SKEW_STEPS", "2");
    let service = program.start();
    let create = ["users", "create", "root@example.org", "--superuser", "--password-stdin"];
    program.clone().args(create).input(PASSWORD).run().with_code(0);
    let users = |tokens: &Tokens| service.call(&Call::get("/admin/users").bearer(&tokens.access));
    let ann = join(&mut service.connect(), "ann@example.org").unwrap();
    users(&ann).expect(403);
    service.call(&Call::get("/users/me/sessions").bearer(&ann.access)).expect(200);

    let root = Tokens::of(&service.call(&login("root@example.org", PASSWORD)));
    assert_eq!(users(&root).expect(403).text("type"), "/problems/factor-enrollment-required");
    service.call(&me(&root.access)).expect(200);
    let mut root = Member::enrol(&service, "root@example.org", &root);
    let root = Tokens::of(&root.log_in(&service));
    users(&root).expect(200);
    service.stop();
}

#[test]
fn passkeys_need_a_domain() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:");
    let origins = Call::get("/.well-known/webauthn");
    let options = Call::post("/auth/passkey/options", &json!({}));

    let service = program.clone().env("PUBLIC_URL", "http://192.0.2.1:8000").start();
    let answer = service.call(&options).expect(501);
    assert_eq!(answer.text("type"), "/problems/passkeys-not-available");
    service.call(&origins).expect(404);
    service.stop();

    let named = "https://app.example.org,http://localhost:3000";
    let program = program.env("PUBLIC_URL", URL).env("WEBAUTHN_RP_ID", "example.org");
    let service = program.env("WEBAUTHN_ORIGINS", named).start();
    let options = service.call(&options).expect(200).json();
    assert_eq!(options["publicKey"]["rpId"], "example.org");
    let expected = json!({ "origins": ["https://app.example.org", "http://localhost:3000"] });
    assert_eq!(service.call(&origins).expect(200).json(), expected);
    service.stop();
}
