//! Second factors: codes of an authenticator app by the real clock, and the requests around them.

use inwren_tests::authenticator::totp_code;
use inwren_tests::process::{Answer, Call, Service, until};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::client::{PASSWORD, Tokens, join, login};

/// Seconds of a time step.
const PERIOD: i64 = 30;
/// How many time steps a code may be early. The service must have `TOTP_SKEW_STEPS=2`.
const SKEW: i64 = 2;
/// A well-formed recovery code that no user has.
pub(crate) const NO_CODE: &str = "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA";

/// An authenticator app. The service accepts each of its codes once.
pub(crate) struct App {
    /// The secret, in base32.
    pub(crate) secret: String,
    last_step: i64,
}

impl App {
    pub(crate) fn new(secret: String) -> Self {
        Self { secret, last_step: 0 }
    }

    /// The earliest code that the service still accepts. After some codes in a row, it waits for the next time step.
    pub(crate) fn code(&mut self) -> String {
        let next = self.last_step + 1;
        until("a new time step", || next <= current_step() + SKEW);
        // One step later than the earliest, in case a time step ends meanwhile.
        self.last_step = next.max(current_step() - SKEW + 1);
        self.code_of(self.last_step)
    }

    /// A code that the app shows at no time near now.
    pub(crate) fn wrong_code(&self) -> String {
        let now = current_step();
        let near: Vec<String> = (now - 2 * SKEW..=now + 4 * SKEW).map(|step| self.code_of(step)).collect();
        (0..20).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).expect("a code")
    }

    fn code_of(&self, step: i64) -> String {
        let time = OffsetDateTime::from_unix_timestamp(step * PERIOD).expect("a time");
        totp_code(&self.secret, time)
    }
}

#[allow(clippy::disallowed_methods, reason = "the service in another process uses the clock of the system")]
fn current_step() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp() / PERIOD
}

/// A user with an authenticator app.
pub(crate) struct Member {
    pub(crate) email: String,
    /// The id of the app.
    pub(crate) factor: String,
    pub(crate) app: App,
    pub(crate) recovery_codes: Vec<String>,
}

impl Member {
    /// Registers a user who enrols an authenticator app.
    #[track_caller]
    pub(crate) fn join(service: &Service, email: &str) -> Self {
        let tokens = join(&mut service.connect(), email).expect("an answer");
        Self::enrol(service, email, &tokens)
    }

    /// Enrols an authenticator app with the session of a user.
    #[track_caller]
    pub(crate) fn enrol(service: &Service, email: &str, tokens: &Tokens) -> Self {
        let new = service.call(&begin_totp(&tokens.access)).expect(201);
        let (factor, mut app) = (new.text("id"), App::new(new.text("secret")));
        let confirmed = service.call(&confirm_totp(&tokens.access, &factor, &app.code())).expect(201).json();
        Self { email: email.to_owned(), factor, app, recovery_codes: texts(&confirmed["recovery_codes"]) }
    }

    /// Sends the password, and returns the challenge of the second step.
    #[track_caller]
    pub(crate) fn challenge(&self, service: &Service) -> String {
        challenge_in(&service.call(&login(&self.email, PASSWORD)))
    }

    /// Logs in with the next code of the app, and trusts the device. Returns the response.
    #[track_caller]
    pub(crate) fn log_in(&mut self, service: &Service) -> Answer {
        let challenge = self.challenge(service);
        service.call(&answer(&challenge, "totp", &self.app.code())).expect(200)
    }
}

pub(crate) fn begin_totp(access: &str) -> Call {
    Call::post("/users/me/totp", &json!({})).bearer(access)
}

pub(crate) fn confirm_totp(access: &str, factor: &str, code: &str) -> Call {
    Call::post(&format!("/users/me/totp/{factor}/confirm"), &json!({ "code": code })).bearer(access)
}

/// The challenge in the response to a password that does not suffice.
#[track_caller]
pub(crate) fn challenge_in(answer: &Answer) -> String {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(answer.text("type"), "/problems/second-factor-required", "{answer:?}");
    answer.text("challenge")
}

/// Answers the second step with a code, and asks to trust the device.
pub(crate) fn answer(challenge: &str, method: &str, code: &str) -> Call {
    let body = json!({ "challenge": challenge, "method": method, "code": code, "remember_device": true });
    Call::post("/auth/login/factor", &body)
}

/// A login on a device that may be trusted.
pub(crate) fn login_on(device_token: &str, email: &str) -> Call {
    let body = json!({ "email": email, "password": PASSWORD, "device_token": device_token });
    Call::post("/auth/login", &body)
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.map(|item| item.as_str().expect("a text").to_owned()).collect()
}
