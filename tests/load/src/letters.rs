//! Letters: how many are sent per second, what requests for them reveal, and what a mail server costs that says nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Connection, send};
use crate::drive::{Plan, drive};
use crate::equal_work::{Case, compare, samples};
use crate::paths::Registrations;
use crate::report::Line;
use crate::service::{PASSWORD, SUPERUSER, Service, Settings};
use crate::smtp::{MailServer, Reply};

/// Number of letters whose rate is measured.
const LETTERS: usize = 20_000;
/// Number of requests whose times are compared.
const REQUESTS: usize = 20_000;
/// Clients that register.
const CLIENTS: usize = 8;
/// An address without an account, as long as the one of the superuser.
const STRANGER: &str = "west@load.example";

/// Starts a service whose registrations wait for a letter.
fn start(settings: &Settings<'_>, smtp_url: &str) -> Service {
    let mail =
        [("SMTP_URL", smtp_url), ("MAIL_FROM", "auth@load.example"), ("EMAIL_VERIFICATION", "required")];
    Service::start_with(settings, &mail)
}

/// Registers as many users as there are letters, and waits until all are sent. Returns the letters per second, from the
/// first registration to the last letter.
pub fn rate(settings: &Settings<'_>) -> f64 {
    let server = MailServer::start();
    let service = start(settings, &server.url());
    let begun = Instant::now();
    let mut registered = 0;
    while registered < LETTERS {
        let clients = Registrations::clients(CLIENTS, &format!("letter-{registered}"));
        let plan = Plan { warm_up: Duration::ZERO, ..Plan::full_speed(Duration::from_millis(500)) };
        let seen = drive(service.address, plan, clients);
        registered += usize::try_from(seen.statuses.get(&202).copied().unwrap_or(0)).expect("a number");
    }
    let registering = begun.elapsed();
    let sent = server.wait("every letter is sent", |received| received.len() >= registered).len();
    println!("  {registered} registrations in {registering:.1?}, {sent} letters in {:.1?}", begun.elapsed());
    sent as f64 / begun.elapsed().as_secs_f64()
}

/// Compares the times of requests for an address without an account and one with an account, in turns. All
/// requests name one of these two addresses, so that the store holds as many rows for one as for the other.
pub fn equal_work(settings: &Settings<'_>) -> Vec<Line> {
    let server = MailServer::start();
    let service = start(settings, &server.url());
    let cases = [
        ("register", "/auth/register", true),
        ("forgot password", "/auth/password/forgot", false),
        ("resend", "/auth/verify-email/resend", false),
    ];
    let case = |path: &'static str, has_password: bool, is_taken: bool| {
        let mut body = json!({ "email": if is_taken { SUPERUSER } else { STRANGER } });
        if has_password {
            body["password"] = Value::from(PASSWORD);
        }
        let request = send("POST", path, None, &body);
        Case { name: "an address with an account".to_owned(), request: Box::new(move |_| request.clone()) }
    };
    let all: Vec<Case> = cases
        .iter()
        .flat_map(|(_, path, has_password)| [false, true].map(|is_taken| case(path, *has_password, is_taken)))
        .collect();
    let took = samples(service.address, &all, 202, |passes| passes * all.len() >= REQUESTS);
    let pairs = cases.iter().zip(all.chunks(2)).zip(took.chunks(2));
    pairs.flat_map(|(((what, ..), cases), took)| compare(what, cases, took)).map(|(means, _)| means).collect()
}

/// The 99th percentile of the time of a registration in milliseconds, with a mail server that takes letters and with one
/// that says nothing. The two services serve in turns.
pub fn with_silent_server(folders: &[(PathBuf, String); 2], measured: Duration) -> [f64; 2] {
    let servers = [Reply::Accept, Reply::Silence].map(|reply| MailServer::deciding(0, move |_, _| reply));
    let services: Vec<Service> = folders
        .iter()
        .zip(&servers)
        .map(|((folder, url), server)| {
            start(&Settings { folder, database: url, real_hashes: true }, &server.url())
        })
        .collect();
    let mut connections: Vec<Connection> =
        services.iter().map(|service| Connection::open(service.address).expect("a connection")).collect();
    let (begun, mut took, mut number) = (Instant::now(), [Vec::new(), Vec::new()], 0);
    while begun.elapsed() < measured * 6 {
        number += 1;
        let body = json!({ "email": format!("person-{number}@load.example"), "password": PASSWORD });
        let request = send("POST", "/auth/register", None, &body);
        for (connection, took) in connections.iter_mut().zip(&mut took) {
            let asked = Instant::now();
            assert_eq!(connection.call(&request).expect("an answer").status, 202);
            took.push(asked.elapsed().as_secs_f64() * 1e3);
        }
    }
    took.map(|mut took| {
        took.sort_by(f64::total_cmp);
        took.get(took.len() * 99 / 100).copied().unwrap_or(f64::NAN)
    })
}
