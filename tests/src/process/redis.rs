//! Redis servers: one that all tests share, and private ones that a test stops and breaks.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::PATIENCE;
use super::log::Log;
use crate::fixtures::unique;
use crate::ports::free_port;
use crate::stores::TempFolder;

/// The environment variable with the URL of a server that the tests share. Each test has its own key prefix.
pub const REDIS_URL: &str = "INWREN_TEST_REDIS_URL";
/// The environment variable with the path of the server's program, for tests that need a private server.
pub const REDIS_SERVER: &str = "INWREN_TEST_REDIS_SERVER";

/// The URL of the server that all tests share.
pub fn redis_url() -> String {
    match std::env::var(REDIS_URL) {
        Ok(url) if !url.is_empty() => url,
        _ => panic!(
            "no Redis server for the tests: run `./tests/run`, which starts one, or set {REDIS_URL} to the URL of one, \
             such as redis://127.0.0.1:6379/9"
        ),
    }
}

/// The prefix of the key names of one test.
pub fn redis_prefix() -> String {
    format!("inwren-test-{}-{}:", std::process::id(), unique())
}

/// A server that only one test uses. Dropping it kills the server and removes its folder.
pub struct RedisServer {
    arguments: Vec<String>,
    port: u16,
    folder: TempFolder,
    running: Option<(Child, Arc<Log>)>,
}

impl RedisServer {
    /// Starts a server that accepts clients without credentials.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with more arguments. `{port}` in them stands for the port.
    pub fn with(arguments: &[&str]) -> Self {
        let mut server = Self::stopped(arguments);
        server.restart();
        server
    }

    /// Creates a server on a free port without starting it.
    pub fn stopped(arguments: &[&str]) -> Self {
        let port = free_port();
        let tls = arguments.contains(&"--tls-port");
        let plain = if tls { vec!["--port", "0"] } else { vec!["--port", "{port}"] };
        let arguments = plain.iter().chain(arguments);
        let arguments = arguments.map(|argument| argument.replace("{port}", &port.to_string())).collect();
        Self { arguments, port, folder: TempFolder::new(), running: None }
    }

    /// The port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the server, for clients that need neither a user name nor TLS.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Restarts the server without data.
    pub fn restart(&mut self) {
        self.kill();
        let program = std::env::var(REDIS_SERVER).unwrap_or_else(|_| "redis-server".to_owned());
        let child = Command::new(&program)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("{program}: {error}: install Redis, or set {REDIS_SERVER} to the path of its server")
        });
        let log = Log::of(child.stdout.take().expect("its output"));
        let is_ready = |line: &String| line.contains("Ready to accept connections");
        let ready = log.wait(PATIENCE, |lines| lines.iter().any(is_ready).then_some(()));
        let said = log.text();
        self.running = Some((child, log));
        assert!(ready.is_some(), "Redis does not start:\n{said}");
    }

    /// Kills the server immediately.
    pub fn kill(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends the signal of this name.
    pub fn signal(&self, name: &str) {
        let (child, _) = self.running.as_ref().expect("a server that runs");
        super::send_signal(child.id(), name);
    }

    /// Runs a command on the server, as a client without a user name.
    #[track_caller]
    pub fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        ask(&self.url(), command)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command on the server at this URL.
#[track_caller]
pub fn ask<T: redis::FromRedisValue>(url: &str, command: &[&str]) -> T {
    let client = redis::Client::open(url).expect("a URL");
    let mut connection = client.get_connection_with_timeout(PATIENCE).expect("a connection");
    let (name, arguments) = command.split_first().expect("a command");
    let answer = redis::cmd(name).arg(arguments).query(&mut connection);
    answer.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}
