//! The OpenID provider: code exchanges per second, the time of an authorization request, and memory with many clients.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use crate::client::{Answer, Connection, SharedConnection, encoded, open, submit};
use crate::drive::{Plan, drive};
use crate::paths::{email, people};
use crate::service::{self, PASSWORD, Service, Settings};

/// The application, whose users see no page after the login.
const APPLICATION: &str = r#"
[[clients]]
id = "app"
name = "Application"
kind = "public"
redirect_uris = ["https://app.example/callback"]
first_party = true
"#;
const REDIRECT_URI: &str = "https://app.example/callback";
/// The verifier and its challenge of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Number of connections.
const CONNECTIONS: usize = 32;
/// Number of users per connection. With few users, each would have more sessions than real users have.
const USERS_OF_CONNECTION: usize = 8;
/// Number of codes per user in a round. All codes of a round are exchanged before one of them expires.
const CODES_OF_USER: usize = 8;
/// Number of clients whose memory is measured.
pub const CLIENTS: usize = 1_000;

/// Requests that a connection sends one after the other.
type Queue = Vec<Vec<u8>>;

/// Starts a service with the application and the users.
pub fn start(settings: &Settings<'_>) -> Service {
    let service = start_with(settings, APPLICATION);
    people(&service, "provider", CONNECTIONS * USERS_OF_CONNECTION);
    service
}

/// Starts a service with the clients of this file.
fn start_with(settings: &Settings<'_>, clients: &str) -> Service {
    // The first start creates the keys and the schema.
    drop(Service::start(settings));
    std::fs::write(settings.folder.join("clients.toml"), clients).expect("a file");
    service::run(settings, &["clients", "apply", "clients.toml"]);
    Service::start(settings)
}

/// Code exchanges per second.
pub fn exchanges(service: &Service, measured: Duration) -> f64 {
    // The first round warms up, and checks the tokens.
    round(service, expect_tokens);
    let (mut exchanged, mut taken) = (0, Duration::ZERO);
    while taken < measured {
        let (codes, time) = round(service, |answer| assert_eq!(answer.status, 200));
        exchanged += codes;
        taken += time;
    }
    exchanged as f64 / taken.as_secs_f64()
}

/// Logs all users in, gets codes, and then exchanges them. Returns the number of the codes, and the duration of their
/// exchange.
fn round(service: &Service, check: impl Fn(&Answer<'_>)) -> (usize, Duration) {
    let browsers = browsers(service, CONNECTIONS * USERS_OF_CONNECTION);
    let queue = |browsers: &[String]| -> Queue {
        let requests: Queue = browsers.iter().map(|cookies| authorization_request(cookies)).collect();
        (0..CODES_OF_USER).flat_map(|_| requests.clone()).collect()
    };
    let requests: Vec<Queue> = browsers.chunks(USERS_OF_CONNECTION).map(queue).collect();
    let (_, codes) = send_all(service.address, &requests, code);
    let exchange = |code: &String| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("redirect_uri", REDIRECT_URI),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
        ];
        submit("/oauth/token", "", &fields)
    };
    let requests: Vec<Queue> = codes.iter().map(|codes| codes.iter().map(exchange).collect()).collect();
    let (time, _) = send_all(service.address, &requests, check);
    (requests.iter().map(Vec::len).sum(), time)
}

/// The median and the 99th percentile of the time of an authorization request with a live browser session, when this
/// number of clients send requests.
pub fn authorization_times(service: &Service, clients: usize, measured: Duration) -> [Duration; 2] {
    let browsers = browsers(service, clients);
    let requests: Queue = browsers.iter().map(|cookies| authorization_request(cookies)).collect();
    let seen = drive(service.address, Plan::full_speed(measured), requests);
    assert_eq!(seen.others(303), 0, "{:?}", seen.statuses);
    [0.5, 0.99].map(|share| seen.quantile(303, share))
}

/// The resident memory of an idle service with many clients, in bytes.
pub fn resident(settings: &Settings<'_>) -> u64 {
    let mut file = String::new();
    for number in 0..CLIENTS {
        let _ = write!(
            file,
            "[[clients]]\nid = \"app-{number}\"\nname = \"Application {number}\"\n\
             redirect_uris = [\"https://app-{number}.example/callback\"]\n\
             post_logout_redirect_uris = [\"https://app-{number}.example/\"]\n\
             backchannel_logout_uri = \"https://app-{number}.example/logout\"\n"
        );
    }
    let service = start_with(settings, &file);
    // A request with an `Origin` makes the service read all clients and keep their origins.
    let origin = format!("https://app-{}.example", CLIENTS - 1);
    let request = format!(
        "OPTIONS /oauth/token HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: POST\r\n\r\n"
    );
    let mut connection = Connection::open(service.address).expect("a connection");
    let answer = connection.call(request.as_bytes()).expect("an answer");
    assert_eq!(answer.headers("access-control-allow-origin").next(), Some(origin.as_str()));
    service.resident()
}

/// Logs in the first users on the pages of the service. Returns the cookies of their browsers.
fn browsers(service: &Service, count: usize) -> Vec<String> {
    let mut connection = Connection::open(service.address).expect("a connection");
    (0..count).map(|number| browser(&mut connection, &email("provider", number))).collect()
}

fn browser(connection: &mut Connection, email: &str) -> String {
    let page = connection.call(&open("/login", "")).expect("a page");
    let (cookies, interaction) = (cookies(&page), interaction(&page));
    let fields = [("interaction", interaction.as_str()), ("email", email), ("password", PASSWORD)];
    let login = connection.call(&submit("/login", &cookies, &fields)).expect("an answer");
    assert_eq!(login.status, 303, "{}", String::from_utf8_lossy(login.body));
    format!("{cookies}; {}", self::cookies(&login))
}

/// The cookies that a response sets.
fn cookies(answer: &Answer<'_>) -> String {
    let pairs = answer.headers("set-cookie").filter_map(|cookie| cookie.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

/// The signed field of the login form.
fn interaction(page: &Answer<'_>) -> String {
    let html = String::from_utf8_lossy(page.body);
    let (_, rest) = html.split_once("name=\"interaction\" value=\"").expect("the form of the login");
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn authorization_request(cookies: &str) -> Vec<u8> {
    let query = encoded(&[
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid email"),
        ("state", "the state of a request"),
        ("nonce", "the nonce of a request"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    open(&format!("/oauth/authorize?{query}"), cookies)
}

/// The code of an authorization response.
fn code(answer: &Answer<'_>) -> String {
    let location = answer.headers("location").next().unwrap_or_default();
    let query = location.strip_prefix(REDIRECT_URI).and_then(|rest| rest.strip_prefix('?'));
    let code = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("code=")));
    code.unwrap_or_else(|| panic!("{}: no code in {location:?}", answer.status)).to_owned()
}

/// Checks that the application gets all three tokens, which are three signatures.
fn expect_tokens(answer: &Answer<'_>) {
    let tokens: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    let all = ["access_token", "refresh_token", "id_token"];
    assert!(all.iter().all(|name| tokens[*name].is_string()), "{}: {tokens}", answer.status);
}

/// Sends each queue over a connection of its own, and reads the responses. Returns the duration and what was read.
fn send_all<T>(
    address: SocketAddr,
    queues: &[Queue],
    read: impl Fn(&Answer<'_>) -> T,
) -> (Duration, Vec<Vec<T>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let opened = join_all(queues.iter().map(|_| SharedConnection::open(address))).await;
        let begun = Instant::now();
        let sending = opened.into_iter().zip(queues).map(|(connection, queue)| {
            let (mut connection, read) = (connection.expect("a connection"), &read);
            async move {
                let mut all = Vec::with_capacity(queue.len());
                for request in queue {
                    all.push(read(&connection.call(request).await.expect("an answer")));
                }
                all
            }
        });
        let all = join_all(sending).await;
        (begun.elapsed(), all)
    })
}
