//! The rates of single operations at full speed.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Answer, send};
use crate::drive::{Client, Plan, drive};
use crate::service::{PASSWORD, Service, Tokens};
use crate::wrk;

/// Logs in as different users in turn.
pub struct Logins {
    requests: Vec<Vec<u8>>,
    next: usize,
}

impl Logins {
    /// Creates clients that share these users.
    pub fn clients(count: usize, emails: &[String]) -> Vec<Self> {
        let request = |email: &String| {
            send("POST", "/auth/login", None, &json!({ "email": email, "password": PASSWORD }))
        };
        let requests: Vec<Vec<u8>> = emails.iter().map(request).collect();
        (0..count).map(|client| Self { requests: requests.clone(), next: client }).collect()
    }
}

impl Client for Logins {
    fn request(&mut self) -> &[u8] {
        self.next += 1;
        &self.requests[self.next % self.requests.len()]
    }
}

/// Registers new users.
pub struct Registrations {
    prefix: String,
    next: usize,
    request: Vec<u8>,
}

impl Registrations {
    /// Creates clients whose users have this name prefix.
    pub fn clients(count: usize, name: &str) -> Vec<Self> {
        let prefix = |client| format!("{name}-{client}");
        (0..count).map(|client| Self { prefix: prefix(client), next: 0, request: Vec::new() }).collect()
    }
}

impl Client for Registrations {
    fn request(&mut self) -> &[u8] {
        self.next += 1;
        let email = format!("{}-{}@load.example", self.prefix, self.next);
        self.request = send("POST", "/auth/register", None, &json!({ "email": email, "password": PASSWORD }));
        &self.request
    }
}

/// Refreshes the tokens of one session repeatedly.
pub struct Refreshes {
    token: String,
    request: Vec<u8>,
}

impl From<Tokens> for Refreshes {
    fn from(tokens: Tokens) -> Self {
        Self { token: tokens.refresh, request: Vec::new() }
    }
}

impl Client for Refreshes {
    fn request(&mut self) -> &[u8] {
        self.request = send("POST", "/auth/refresh", None, &json!({ "refresh_token": self.token }));
        &self.request
    }

    fn answered(&mut self, answer: &Answer<'_>) {
        let body: Value = serde_json::from_slice(answer.body).unwrap_or_default();
        if let Some(token) = body["refresh_token"].as_str() {
            token.clone_into(&mut self.token);
        }
    }
}

/// Switches the tier of the caller between two values.
pub struct Updates {
    requests: [Vec<u8>; 2],
    next: usize,
}

impl From<Tokens> for Updates {
    fn from(tokens: Tokens) -> Self {
        let change = |tier| send("PUT", "/users/me", Some(&tokens.access), &json!({ "tier": tier }));
        Self { requests: [change("premium"), change("free")], next: 0 }
    }
}

impl Client for Updates {
    fn request(&mut self) -> &[u8] {
        self.next += 1;
        &self.requests[self.next % 2]
    }
}

/// Registers users and logs each in once.
pub fn people(service: &Service, name: &str, count: usize) -> Vec<Tokens> {
    (0..count).map(|number| service.login_new(&email(name, number))).collect()
}

/// The address of one of the users from [`people`].
pub fn email(name: &str, number: usize) -> String {
    format!("{name}-{number}@load.example")
}

/// Runs `GET /users/me` at full speed. Returns the rate per second and the service's CPU time per request.
pub fn profile(service: &Service, people: &[Tokens], measured: Duration) -> (f64, Duration) {
    let tokens: Vec<&str> = people.iter().map(|tokens| tokens.access.as_str()).collect();
    let asked = |measured| wrk::rate(service.address, "/users/me", &tokens, people.len(), measured);
    asked(Duration::from_secs(1));
    let before = service.processor_time();
    let rate = asked(measured);
    let used = service.processor_time() - before;
    (rate, used.div_f64((rate * measured.as_secs_f64()).max(1.0)))
}

/// Runs the clients at full speed. Checks that no request was rejected, and returns the rate per second.
pub fn rate(
    what: &str,
    address: SocketAddr,
    measured: Duration,
    clients: Vec<impl Client>,
    status: u16,
) -> f64 {
    let seen = drive(address, Plan::full_speed(measured), clients);
    if seen.others(status) > 0 {
        println!("  {what}: {:?}", seen.statuses);
    }
    seen.rate(status)
}
