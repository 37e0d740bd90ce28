//! Second factors move with their users.

use std::fs;

use inwren_tests::authenticator::Authenticator;
use inwren_tests::process::{Call, Program, Service};
use serde_json::{Value, json};

use super::Desk;
use crate::process::support::client::{PASSWORD, Tokens, login};
use crate::process::support::database::Storage;
use crate::process::support::factors::{Member, answer};

/// The origin of `PUBLIC_URL`, to which passkeys are bound.
const ORIGIN: &str = "http://localhost:8000";
const SECRET_KEYS: &str = "certs/secret.keys";

fn started(desk: &Desk) -> Service {
    desk.program().env("TOTP_SKEW_STEPS", "2").start()
}

fn secrets(desk: &Desk) -> Program {
    desk.program().args(["secrets", "generate"])
}

/// The first problem of a report.
fn problem(report: &Value) -> (&str, &str) {
    let text = |field: &str| report["problems"][0][field].as_str().expect("a text");
    (text("code"), text("detail"))
}

/// Enrols a passkey for a user who has an authenticator app.
fn add_passkey(service: &Service, ann: &mut Member) -> Authenticator {
    let mut device = Authenticator::security_key();
    let tokens = Tokens::of(&ann.log_in(service));
    let options = Call::new("POST", "/users/me/passkeys/options").bearer(&tokens.access);
    let credential = device.create(&service.call(&options).expect(200).json(), ORIGIN);
    let add = Call::post("/users/me/passkeys", &json!({ "credential": credential })).bearer(&tokens.access);
    service.call(&add).expect(201);
    device
}

/// Logs in with the app, a recovery code and the passkey.
fn use_all(service: &Service, ann: &mut Member, recovery_code: usize, device: &mut Authenticator) {
    ann.log_in(service);
    let challenge = ann.challenge(service);
    service.call(&answer(&challenge, "recovery_code", &ann.recovery_codes[recovery_code])).expect(200);
    let options = service.call(&Call::post("/auth/passkey/options", &json!({}))).expect(200).json();
    let body = json!({ "credential": device.get(&options, ORIGIN) });
    service.call(&Call::post("/auth/passkey/login", &body)).expect(200);
}

#[test]
fn factors_move_with_their_users() {
    for (from, to) in [(Storage::sqlite(), Storage::postgres()), (Storage::postgres(), Storage::sqlite())] {
        let (here, there) = (Desk::over(from).migrated(), Desk::over(to).migrated());
        let service = started(&here);
        let mut ann = Member::join(&service, "ann@example.org");
        let mut device = add_passkey(&service, &mut ann);
        let exported = here.export(&[]).output;
        service.stop();
        assert!(!exported.contains(&ann.app.secret), "{exported}");

        // The sealed secret needs the same secret key.
        let report = there.import(&exported, &[], 1);
        let (code, detail) = problem(&report);
        assert!(code == "secret-key" && detail.contains("SECRET_KEY_PATH"), "{report}");
        secrets(&there).run().with_code(0);
        for arguments in [&["--dry-run"][..], &[]] {
            let report = there.import(&exported, arguments, 1);
            let (code, detail) = problem(&report);
            assert!(code == "secret-key" && detail.contains("secret key"), "{report}");
        }
        assert_eq!(there.count(), 0);
        let keys = here.folder.path().join(SECRET_KEYS);
        fs::copy(keys, there.folder.path().join(SECRET_KEYS)).unwrap();
        let report = there.import(&exported, &[], 0);
        assert_eq!((&report["added"], &report["same"]), (&json!(1), &json!(true)));
        let lines = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(lines(&there.export(&[]).output), lines(&exported));
        let again = there.import(&exported, &["--on-conflict", "update"], 0);
        assert_eq!(again["unchanged"], 1);

        let service = started(&there);
        use_all(&service, &mut ann, 0, &mut device);
        service.stop();
    }
}

#[test]
fn plain_secrets_move_to_another_secret_key() {
    let (here, there) = (Desk::over(Storage::sqlite()).migrated(), Desk::over(Storage::sqlite()).migrated());
    let service = started(&here);
    let mut ann = Member::join(&service, "ann@example.org");
    let mut device = add_passkey(&service, &mut ann);
    service.stop();
    let exported = here.export(&["--with-secrets"]);
    assert!(exported.errors.contains("plaintext"), "{}", exported.errors);
    assert!(exported.output.contains(&ann.app.secret) && !exported.output.contains("sealed"));
    let without = here.export(&["--without-hashes"]).output;
    assert!(!without.contains("factors") && !without.contains("recovery_codes"), "{without}");
    here.users(&["export", "--with-secrets", "--without-hashes"]).run().with_code(2);
    here.users(&["export", "--with-secrets", "--checksum-only"]).run().with_code(2);
    assert!(there.users(&["export", "--with-secrets"]).run().with_code(1).contains("SECRET_KEY_PATH"));

    secrets(&there).run().with_code(0);
    there.import(&exported.output, &[], 0);
    let service = started(&there);
    service.call(&login(&ann.email, PASSWORD)).expect(401);
    use_all(&service, &mut ann, 0, &mut device);
    service.stop();
    // Another key has sealed the secret, so the export does not open it.
    let keys = here.folder.path().join(SECRET_KEYS);
    fs::copy(keys, there.folder.path().join(SECRET_KEYS)).unwrap();
    assert!(there.users(&["export", "--with-secrets"]).run().with_code(1).contains("secret key"));
}
