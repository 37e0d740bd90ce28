//! The service as a child process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Connection, get, send};

/// A password that satisfies the password policy.
pub const PASSWORD: &str = "a pass phrase to measure with";
/// The address of the first superuser.
pub const SUPERUSER: &str = "root@load.example";

/// A running service. Dropping it kills the process.
pub struct Service {
    child: Child,
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The time from the start of the process to its first response with status 200.
    pub start: Duration,
}

/// The settings of the service.
pub struct Settings<'a> {
    /// The folder with its keys and a SQLite database.
    pub folder: &'a Path,
    /// `DATABASE_URL`.
    pub database: &'a str,
    /// Whether passwords use the default hash cost, or almost none.
    pub real_hashes: bool,
}

/// The path of the service's executable, in the folder of this one.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a path of this program");
    own.with_file_name("inwren")
}

/// Runs a command of the program on the database of these settings.
pub fn run(settings: &Settings<'_>, arguments: &[&str]) {
    let mut command = Command::new(binary());
    command.env_clear().current_dir(settings.folder).env("DATABASE_URL", settings.database);
    let run = command.args(arguments).output().expect("the program");
    assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
}

impl Service {
    /// Starts the service and waits until it is healthy.
    pub fn start(settings: &Settings<'_>) -> Self {
        Self::start_with(settings, &[])
    }

    /// Starts the service with more environment variables, and waits until it is healthy.
    pub fn start_with(settings: &Settings<'_>, more: &[(&str, &str)]) -> Self {
        let begun = Instant::now();
        let mut command = Command::new(binary());
        command
            .env_clear()
            .current_dir(settings.folder)
            .env("PORT", "0")
            .env("DATABASE_URL", settings.database)
            .env("RATE_LIMIT_ENABLED", "false")
            // Without this setting, users could not switch their tier.
            .env("SELF_SERVICE_TIERS", "free,premium")
            .env("RUST_LOG", "warn,inwren_app=info")
            .env("LOG_FORMAT", "json")
            .env("FIRST_SUPERUSER_EMAIL", SUPERUSER)
            .env("FIRST_SUPERUSER_PASSWORD", PASSWORD)
            .envs(more.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if !settings.real_hashes {
            command.env("ARGON2_MEMORY_KIB", "8").env("ARGON2_ITERATIONS", "1");
        }
        let mut child = command.spawn().expect("the service");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let address = loop {
            let line = lines.next().expect("a service that starts").expect("a line");
            if let Some((_, rest)) = line.split_once("is listening on http://") {
                let end = rest.find(|c: char| !c.is_ascii_hexdigit() && !".:[]".contains(c));
                break rest[..end.unwrap_or(rest.len())].parse().expect("an address");
            }
        };
        // The thread drains the log. Otherwise the service would block on a full pipe.
        thread::spawn(move || lines.for_each(drop));
        let ready = Connection::open(address)
            .and_then(|mut connection| Ok(connection.call(&get("/health", "none"))?.status == 200))
            .unwrap_or(false);
        assert!(ready, "the service is not well");
        Self { child, address, start: begun.elapsed() }
    }

    /// Sends a request and returns the JSON of the response.
    pub fn ask(&self, request: &[u8]) -> Value {
        let mut connection = Connection::open(self.address).expect("a connection");
        let answer = connection.call(request).expect("an answer");
        assert!(answer.status < 300, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        serde_json::from_slice(answer.body).unwrap_or(Value::Null)
    }

    /// Registers a user and logs in.
    pub fn login_new(&self, email: &str) -> Tokens {
        let body = json!({ "email": email, "password": PASSWORD });
        self.ask(&send("POST", "/auth/register", None, &body));
        self.login(email)
    }

    /// Logs a user in.
    pub fn login(&self, email: &str) -> Tokens {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.ask(&send("POST", "/auth/login", None, &body));
        let text = |name: &str| answer[name].as_str().expect("a token").to_owned();
        Tokens { access: text("access_token"), refresh: text("refresh_token") }
    }

    /// Logs the first superuser in.
    pub fn superuser(&self) -> Tokens {
        self.login(SUPERUSER)
    }

    /// The resident memory of the service in bytes.
    pub fn resident(&self) -> u64 {
        self.status("VmRSS:") * 1_024
    }

    /// The peak resident memory of the service in bytes.
    pub fn most_resident(&self) -> u64 {
        self.status("VmHWM:") * 1_024
    }

    fn status(&self, name: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a figure");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The CPU time that the service has used.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its figures");
        let (_, rest) = stat.rsplit_once(')').expect("a name");
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |place: usize| fields[place].parse::<u64>().expect("a number");
        // Linux reports this time in hundredths of a second on all supported platforms.
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pair of tokens.
#[derive(Clone)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}
