//! A service whose Redis is not available yet, or requires a password and a certificate.

use std::time::Duration;

use inwren_tests::process::redis::RedisServer;
use inwren_tests::process::{Call, Program, Service, until};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::login;

fn rate_limiter(service: &Service) -> String {
    let health = service.call(&Call::get("/health")).expect(200);
    health.json()["checks"]["rate_limiter"].as_str().expect("a state").to_owned()
}

/// Waits until `/health` reports this state of the rate limiter, and returns how long that took.
pub(crate) fn until_it_is(service: &Service, state: &str) -> Duration {
    until(state, || rate_limiter(service) == state)
}

fn program(folder: &TempFolder, url: &str) -> Program {
    Program::new(folder.path())
        .env("DATABASE_URL", "memory:")
        .env("RATE_LIMIT_ENABLED", "true")
        .env("RATE_LIMIT_LOGIN", "5/hour")
        .env("REDIS_URL", url)
}

/// The statuses of seven logins of one client.
fn logins(service: &Service) -> Vec<u16> {
    let mut line = service.connect();
    (0..7)
        .map(|_| line.call(&login("nobody@example.org", "wrong password")).expect("an answer").status)
        .collect()
}

#[test]
fn a_service_starts_without_redis_and_finds_it_later() {
    let folder = TempFolder::new();
    let mut redis = RedisServer::stopped(&["--requirepass", "hunter2"]);
    let url = format!("redis://:hunter2@127.0.0.1:{}", redis.port());
    let service = program(&folder, &url).start();
    until_it_is(&service, "degraded");
    assert_eq!(logins(&service), [401, 401, 401, 401, 401, 429, 429]);
    // Another instance on the same Redis enforces the exhausted quota. If the machine stands still and a response of
    // Redis is late, that instance decides alone, without the shared counts. The next round then restarts Redis, which
    // discards the counts of that instance.
    let mut logs = Vec::new();
    let is_known = (0..5).any(|_| {
        redis.restart();
        until_it_is(&service, "ok");
        assert_eq!(logins(&service), [429; 7]);
        let other = program(&folder, &url).start();
        until_it_is(&other, "ok");
        let is_known = logins(&other) == [429; 7];
        redis.kill();
        until_it_is(&service, "degraded");
        logs.push(other.stop());
        is_known
    });
    assert!(is_known);
    logs.push(service.stop());
    for log in logs {
        assert!(!log.contains("hunter2") && !log.contains("ERROR") && !log.contains("panicked"), "{log}");
        let port = redis.port().to_string();
        assert!(log.to_lowercase().contains("redis") && log.contains(&port), "{log}");
    }
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let folder = TempFolder::new();
    let redis = RedisServer::with(&["--requirepass", "the right one"]);
    let service = program(&folder, &format!("redis://ann:hunter2@127.0.0.1:{}", redis.port())).start();
    service.wait_for("Redis is away");
    assert_eq!(rate_limiter(&service), "degraded");
    assert_eq!(logins(&service), [401, 401, 401, 401, 401, 429, 429]);
    let log = service.stop();
    assert!(log.contains("WRONGPASS") || log.to_lowercase().contains("authentication"), "{log}");
    assert!(!log.contains("hunter2") && !log.contains("the right one"), "{log}");
}
