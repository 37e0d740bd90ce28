//! Executes every operation of second factors at least once.

use inwren_tests::authenticator::Authenticator;
use inwren_tests::process::{Call, Program, Service, until};
use serde_json::{Value, json};

use crate::process::support::client::{PASSWORD, Tokens, login, me};
use crate::process::support::database::Storage;
use crate::process::support::factors::{Member, NO_CODE, answer, begin_totp, challenge_in, login_on};

/// The origin of `PUBLIC_URL`, to which passkeys are bound.
const ORIGIN: &str = "http://localhost:8000";
const NEW_PASSWORD: &str = "a new pass phrase of the tests";

pub(super) fn tell(service: &Service, program: &Program, storage: &Storage) {
    logins(service);
    passkeys(service);
    recovery(service);
    lost_factors(service, storage);
    reset_by_administrator(service, program);
    rotation(service, program, storage);
}

/// Codes, recovery codes and a trusted device.
fn logins(service: &Service) {
    let mut ida = Member::join(service, "ida@plans.example");
    let challenge = ida.challenge(service);
    service.call(&answer(&challenge, "totp", &ida.app.wrong_code())).expect(401);
    service.call(&answer(&challenge, "recovery_code", NO_CODE)).expect(401);
    let logged_in = service.call(&answer(&challenge, "totp", &ida.app.code())).expect(200);
    service.call(&answer(&challenge, "recovery_code", NO_CODE)).expect(410);
    let device_token = logged_in.text("device_token");
    service.call(&login_on(&device_token, &ida.email)).expect(200);
    challenge_in(&service.call(&login_on("another token", &ida.email)));
    let challenge = ida.challenge(service);
    service.call(&answer(&challenge, "recovery_code", &ida.recovery_codes[0])).expect(200);

    let tokens = Tokens::of(&logged_in);
    let as_ida = |call: Call| service.call(&call.bearer(&tokens.access));
    as_ida(Call::get("/users/me/factors")).expect(200);
    let rename = Call::new("PATCH", format!("/users/me/factors/{}", ida.factor));
    as_ida(rename.json(&json!({ "name": "Phone" }))).expect(200);
    as_ida(Call::new("POST", "/users/me/recovery-codes")).expect(200);
    // The second replaces the first, because none was confirmed.
    for _ in 0..2 {
        service.call(&begin_totp(&tokens.access)).expect(201);
    }
    let step_up = json!({ "method": "totp", "code": ida.app.code() });
    as_ida(Call::post("/auth/step-up", &step_up)).expect(200);
}

/// A passkey beside an authenticator app: logins, a step-up, and the removal of both.
fn passkeys(service: &Service) {
    let mut device = Authenticator::new();
    let mut jon = Member::join(service, "jon@plans.example");
    let tokens = Tokens::of(&jon.log_in(service));
    let options = Call::new("POST", "/users/me/passkeys/options").bearer(&tokens.access);
    let credential = device.create(&service.call(&options).expect(200).json(), ORIGIN);
    let add = Call::post("/users/me/passkeys", &json!({ "credential": credential })).bearer(&tokens.access);
    service.call(&add).expect(201);

    let first = service.call(&login(&jon.email, PASSWORD)).expect(401).json();
    let credential = device.get(&first["publicKey"], ORIGIN);
    let body = json!({ "challenge": first["challenge"], "method": "passkey", "credential": credential });
    service.call(&Call::post("/auth/login/factor", &body)).expect(200);
    let options = service.call(&Call::post("/auth/passkey/options", &json!({}))).expect(200).json();
    let body = json!({ "credential": device.get(&options, ORIGIN) });
    let tokens = Tokens::of(&service.call(&Call::post("/auth/passkey/login", &body)).expect(200));

    let options = Call::new("POST", "/auth/step-up/options").bearer(&tokens.access);
    let options = service.call(&options).expect(200).json();
    let body =
        json!({ "password": PASSWORD, "method": "passkey", "credential": device.get(&options, ORIGIN) });
    let step_up = Call::post("/auth/step-up", &body).bearer(&tokens.access);
    let tokens = Tokens::of(&service.call(&step_up).expect(200));
    for factor in factors(service, &tokens) {
        let remove = Call::new("DELETE", format!("/users/me/factors/{factor}")).bearer(&tokens.access);
        service.call(&remove).expect(204);
    }
    service.call(&login(&jon.email, PASSWORD)).expect(200);
}

/// The ids of the factors, oldest first.
fn factors(service: &Service, tokens: &Tokens) -> Vec<String> {
    let list = service.call(&Call::get("/users/me/factors").bearer(&tokens.access)).expect(200).json();
    let items = list["items"].as_array().expect("factors").iter();
    items.map(|factor| factor["id"].as_str().expect("an id").to_owned()).collect()
}

/// A reset of the password, which needs the second factor.
fn recovery(service: &Service) {
    let mut kai = Member::join(service, "kai@plans.example");
    service.call(&Call::post("/auth/password/forgot", &json!({ "email": kai.email }))).expect(202);
    let token = super::story::token_of(service, "reset");
    let reset = |factor: Value| {
        let mut body = json!({ "token": token, "new_password": NEW_PASSWORD });
        if !factor.is_null() {
            body["factor"] = factor;
        }
        service.call(&Call::post("/auth/password/reset", &body))
    };
    challenge_in(&reset(Value::Null));
    reset(json!({ "method": "recovery_code", "code": NO_CODE })).expect(401);
    reset(json!({ "method": "totp", "code": kai.app.code() })).expect(204);
}

/// Two requests to remove lost factors: the user cancels one, and the delay of the other one ends.
fn lost_factors(service: &Service, storage: &Storage) {
    let liv = Member::join(service, "liv@plans.example");
    let request = || {
        let body = json!({ "email": liv.email, "password": PASSWORD });
        service.call(&Call::post("/auth/lost-factor", &body)).expect(202);
    };
    request();
    request();
    let token = super::story::token_of(service, "keep-factors");
    service.call(&Call::post("/auth/lost-factor/cancel", &json!({ "token": token }))).expect(204);
    request();
    let past = match storage {
        Storage::Postgres(_) => "now() - interval '1 second'",
        Storage::Sqlite(_) => "(unixepoch() - 1) * 1000000",
    };
    let of_liv = format!(
        "purpose = 'keep_factors' AND user_id = (SELECT id FROM users WHERE email = '{}')",
        liv.email
    );
    storage.ask(&format!("UPDATE action_tokens SET expires_at = {past} WHERE {of_liv}"));
    until("removed", || storage.ask(&format!("SELECT id FROM action_tokens WHERE {of_liv}")).is_empty());
    service.call(&login(&liv.email, PASSWORD)).expect(200);
}

/// An administrator with a second factor removes those of a user.
fn reset_by_administrator(service: &Service, program: &Program) {
    let create = ["users", "create", "max@plans.example", "--superuser", "--password-stdin"];
    program.clone().args(create).input(PASSWORD).run().with_code(0);
    let tokens = Tokens::of(&service.call(&login("max@plans.example", PASSWORD)));
    let mut max = Member::enrol(service, "max@plans.example", &tokens);
    let admin = Tokens::of(&max.log_in(service));
    let mut nell = Member::join(service, "nell@plans.example");
    let tokens = Tokens::of(&nell.log_in(service));
    let id = service.call(&me(&tokens.access)).expect(200).text("id");
    let reset = Call::new("DELETE", format!("/admin/users/{id}/factors")).bearer(&admin.access);
    service.call(&reset.json(&json!({ "reason": "The phone is lost." }))).expect(204);
    service.call(&me(&tokens.access)).expect(401);
}

/// After a rotation of the secret keys, the service seals its secrets again. The factors that a script added have
/// higher ids of keys.
fn rotation(service: &Service, program: &Program, storage: &Storage) {
    let of_service = "SELECT DISTINCT key_id FROM factors WHERE key_id < 4294967293";
    let rows = storage.ask(of_service);
    let [row] = rows.as_slice() else { panic!("the secrets have {} keys", rows.len()) };
    let former: i64 = row.try_get("", "key_id").expect("an id");
    program.clone().args(["secrets", "rotate"]).run().with_code(0);
    service.wait_for("loaded the secret keys");
    let sealed = format!("SELECT id FROM factors WHERE key_id = {former}");
    until("sealed again", || storage.ask(&sealed).is_empty());
}
