//! The real binary as a process, with its own working folder and environment.

mod http;
mod log;
pub mod redis;

use std::ffi::OsString;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use http::{Answer, Call, Connection};
use log::Log;

use crate::ports::free_port;

/// The timeout for everything that the tests expect to happen. A debug build on a busy or slow machine, or on a machine
/// that stops for a moment, takes time. A test fails only if the event never happens.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The path of the built binary, which is in the parent of the folder of the test binaries.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a path of this binary");
    let folder = test.ancestors().nth(2).expect("the folder of the build");
    let binary = folder.join(format!("inwren{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.is_file(),
        "there is no {}: build it with `cargo build -p inwren`{}",
        binary.display(),
        if folder.ends_with("release") { " --release" } else { "" }
    );
    binary
}

/// A program to run, with its settings. It inherits no environment variables from the tests.
#[derive(Clone, Debug)]
pub struct Program {
    folder: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    input: String,
    prelude: Option<String>,
}

impl Program {
    /// The binary in this folder, with no arguments and no settings.
    pub fn bare(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            input: String::new(),
            prelude: None,
        }
    }

    /// The service in this folder on any free port, without rate limits and with cheap hashes. Its issuer does not
    /// depend on the port, so it accepts its tokens after a restart, and several services have the same issuer.
    pub fn new(folder: &Path) -> Self {
        Self::bare(folder)
            .env("PORT", "0")
            .env("PUBLIC_URL", "http://localhost:8000")
            .env("RATE_LIMIT_ENABLED", "false")
            .env("ARGON2_MEMORY_KIB", "64")
            .env("ARGON2_ITERATIONS", "1")
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets the standard input of the command.
    pub fn input(mut self, text: &str) -> Self {
        text.clone_into(&mut self.input);
        self
    }

    /// Runs a shell command in the process before the binary replaces the shell, such as `ulimit -n 100`.
    pub fn after(mut self, prelude: &str) -> Self {
        self.prelude = Some(prelude.to_owned());
        self
    }

    /// Runs a command and waits for its end.
    pub fn run(&self) -> Finished {
        let mut running = self.spawn();
        let status = running.wait(PATIENCE);
        Finished {
            code: status.code(),
            output: running.out.text(),
            errors: running.err.text(),
            took: running.begun.elapsed(),
        }
    }

    /// Starts a service and waits until its log shows its address.
    pub fn start(&self) -> Service {
        let running = self.spawn();
        let address = running.out.wait(PATIENCE, |lines| lines.iter().find_map(|line| address_in(line)));
        match address {
            Some(address) => Service { running, address },
            None => panic!("the service did not start:\n{}{}", running.out.text(), running.err.text()),
        }
    }

    /// Starts a service that may be unable to log its address, and waits until it accepts connections.
    pub fn start_unheard(&self) -> Service {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let running = self.clone().env("PORT", address.port().to_string()).spawn();
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < PATIENCE, "it never listens:\n{}", running.log());
            pause(Duration::from_millis(20));
        }
        Service { running, address }
    }

    fn command(&self) -> Command {
        match &self.prelude {
            None => Command::new(binary()),
            Some(prelude) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("{prelude}\nexec \"$0\" \"$@\"")]).arg(binary());
                command
            }
        }
    }

    /// Starts a process without waiting.
    pub fn spawn(&self) -> Running {
        let begun = Instant::now();
        let mut child = self
            .command()
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let out = Log::of(child.stdout.take().expect("its output"));
        let err = Log::of(child.stderr.take().expect("its errors"));
        let mut stdin = child.stdin.take().expect("its input");
        // A command that does not read its input may have ended already.
        let _ = stdin.write_all(self.input.as_bytes());
        Running { child, out, err, begun }
    }
}

/// Waits until the condition is true, and returns how long that took.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never {what}");
        pause(Duration::from_millis(5));
    }
    begun.elapsed()
}

/// Waits for this time.
#[allow(clippy::disallowed_methods, reason = "what happens in other processes takes time, and says nothing")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Parses `… is listening on http://127.0.0.1:8000 …`, in either log format, with TLS or without.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("is listening on http")?;
    let (_, rest) = rest.split_once("://")?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit() && !".:[]".contains(c)).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` if a signal ended the command.
    pub code: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
    /// How long the command ran.
    pub took: Duration,
}

impl Finished {
    /// Checks the exit code, and returns both outputs as one text.
    #[track_caller]
    pub fn with_code(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.output, self.errors);
        self.output + &self.errors
    }
}

/// A running process. Dropping it kills the process.
pub struct Running {
    child: Child,
    out: Arc<Log>,
    err: Arc<Log>,
    begun: Instant,
}

impl Running {
    /// All output so far: standard output, then standard error.
    pub fn log(&self) -> String {
        self.out.text() + &self.err.text()
    }

    /// Waits until the process writes a line with this text to standard output.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let found =
            self.out.wait(PATIENCE, |lines| lines.iter().any(|line| line.contains(text)).then_some(()));
        assert!(found.is_some(), "never said {text:?}:\n{}", self.log());
    }

    /// The process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The resident memory of the process, in bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
    }

    /// The CPU time that the process has used, user and system.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("its figures");
        let (_, rest) = stat.rsplit_once(')').expect("a name");
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |place: usize| fields[place].parse::<u64>().expect("a number");
        // One tick is 10 ms on every Linux platform.
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    /// Sends the signal of this name.
    pub fn signal(&self, name: &str) {
        send_signal(self.child.id(), name);
    }

    /// Kills the process immediately, as a power cut would. When this returns, the process has ended.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("its end");
    }

    /// Waits for the end of the process.
    #[track_caller]
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let ended = self.out.wait_for_end(patience) && self.err.wait_for_end(patience);
        if !ended {
            let _ = self.child.kill();
            panic!("still running after {patience:?}:\n{}", self.log());
        }
        self.child.wait().expect("its end")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Uses the `kill` of the shell, which every shell has.
fn send_signal(process: u32, name: &str) {
    let command = format!("kill -{name} {process}");
    let sent = Command::new("sh").args(["-c", &command]).status().expect("a shell");
    assert!(sent.success(), "{command}");
}

/// A service that accepts connections.
pub struct Service {
    running: Running,
    address: SocketAddr,
}

impl Service {
    /// The address of the service.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens a new connection to the service.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address).expect("a connection")
    }

    /// Sends a request on a new connection.
    #[track_caller]
    pub fn call(&self, call: &Call) -> Answer {
        self.connect().call(call).expect("an answer")
    }

    /// Stops the service with SIGTERM, waits for its end, and returns its log.
    #[track_caller]
    pub fn stop(mut self) -> String {
        self.signal("TERM");
        let status = self.wait(PATIENCE);
        assert_eq!(status.code(), Some(0), "{}", self.log());
        self.log()
    }
}

impl std::ops::Deref for Service {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl std::ops::DerefMut for Service {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}
