//! The most common requests of clients.

use std::io;
use std::time::{Duration, Instant};

use inwren_tests::process::{Answer, Call, Connection, PATIENCE, pause};
use serde_json::json;

/// The password of all users that have no other one.
pub(crate) const PASSWORD: &str = "a pass phrase of the tests";

/// A token pair.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { access: answer.text("access_token"), refresh: answer.text("refresh_token") }
    }
}

pub(crate) fn register(email: &str, password: &str) -> Call {
    Call::post("/auth/register", &json!({ "email": email, "password": password }))
}

pub(crate) fn login(email: &str, password: &str) -> Call {
    Call::post("/auth/login", &json!({ "email": email, "password": password }))
}

pub(crate) fn refresh(token: &str) -> Call {
    Call::post("/auth/refresh", &json!({ "refresh_token": token }))
}

pub(crate) fn me(token: &str) -> Call {
    Call::get("/users/me").bearer(token)
}

/// Registers a user and logs in, on one connection.
pub(crate) fn join(connection: &mut Connection, email: &str) -> io::Result<Tokens> {
    call_patiently(connection, &register(email, PASSWORD))?.expect(201);
    Ok(Tokens::of(&call_patiently(connection, &login(email, PASSWORD))?))
}

/// Repeats the request while the service is overloaded. The service reports that if the machine has stood still for as
/// long as a password may wait to be hashed.
fn call_patiently(connection: &mut Connection, call: &Call) -> io::Result<Answer> {
    let begun = Instant::now();
    loop {
        let answer = connection.call(call)?;
        let is_overloaded = answer.status == 503 && answer.text("type") == "/problems/overloaded";
        if !is_overloaded || begun.elapsed() > PATIENCE {
            return Ok(answer);
        }
        pause(Duration::from_millis(20));
    }
}
