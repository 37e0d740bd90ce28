//! A private PostgreSQL server for one test, which may stop, kill and freeze it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use sea_orm_migration::sea_orm::{ConnectOptions, ConnectionTrait, Database, QueryResult, Statement};

use super::TempFolder;
use crate::ports::free_port;

/// The environment variable with the folder of PostgreSQL's programs.
pub const POSTGRES_BIN: &str = "INWREN_TEST_POSTGRES_BIN";

/// The system user that runs the server if the tests run as root: PostgreSQL refuses to run as root.
const SERVER_USER: &str = "postgres";

/// The only database user with a password. The test creates this user if it needs one.
pub const GUARDED: &str = "guarded";

/// A PostgreSQL server. Its committed data survives `kill -9`, but not a power cut. Dropping this value stops and
/// removes the server.
pub struct PrivatePostgres {
    programs: PathBuf,
    folder: TempFolder,
    port: u16,
}

/// How to stop a server.
#[derive(Clone, Copy, Debug)]
pub enum StopMode {
    /// The server disconnects clients and rolls back uncommitted work.
    Fast,
    /// The server aborts, as in a crash. The next start recovers.
    Immediate,
}

impl PrivatePostgres {
    /// Creates a server and starts it.
    pub fn start() -> Self {
        let server = Self::stopped();
        server.start_again();
        server
    }

    /// Creates a server without starting it.
    pub fn stopped() -> Self {
        let (folder, port) = (TempFolder::new(), free_port());
        let server = Self { programs: programs(), folder, port };
        if is_root() {
            must(Command::new("chown").arg(SERVER_USER).arg(server.folder.path()));
        }
        let arguments = ["-U", "postgres", "-A", "trust", "--no-locale", "--encoding=UTF8", "--no-sync"];
        must(server.program("initdb").arg("-D").arg(server.data()).args(arguments));
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = off\n\
             max_connections = 60\nautovacuum = off\nlog_min_messages = panic\n"
        );
        let file = server.data().join("postgresql.conf");
        let before = fs::read_to_string(&file).expect("the server's settings");
        fs::write(&file, before + &settings).expect("the server's settings");
        let doors =
            format!("host all {GUARDED} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n");
        fs::write(server.data().join("pg_hba.conf"), doors).expect("the server's settings");
        server
    }

    /// Starts the server, and waits until it accepts connections.
    pub fn start_again(&self) {
        let log = self.folder.path().join("server.log");
        must(self.control("start").args(["-w", "-t", "120", "-l"]).arg(log));
    }

    /// Stops the server, and waits for its end.
    pub fn stop(&self, mode: StopMode) {
        let mode = match mode {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        must(self.control("stop").args(["-w", "-t", "120", "-m", mode]));
    }

    /// Suspends all processes of the server: connections stay open, but the server does not respond.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    /// Suspends one process of the server.
    pub fn freeze_one(&self, process: u32) {
        send("STOP", &[process]);
    }

    /// Resumes all processes of the server.
    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    /// The URL of the default database.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The URL of the same database at another port of this machine.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// The port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a query on a new connection.
    #[track_caller]
    pub fn ask(&self, question: &str) -> Vec<QueryResult> {
        let asked = async {
            let mut options = ConnectOptions::new(self.url());
            options.max_connections(1).sqlx_logging(false);
            let connection = Database::connect(options).await?;
            let statement = Statement::from_string(connection.get_database_backend(), question);
            let rows = connection.query_all_raw(statement).await;
            connection.close().await?;
            rows
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime.expect("a runtime").block_on(asked) {
            Ok(rows) => rows,
            Err(error) => panic!("{question}: {error}"),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self, what: &str) -> Command {
        let mut command = self.program("pg_ctl");
        command.arg(what).arg("-s").arg("-D").arg(self.data());
        command
    }

    /// One of PostgreSQL's programs, to run as a user that PostgreSQL accepts.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", SERVER_USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }

    /// Signals the postmaster and its children.
    fn signal_all(&self, signal: &str) {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).expect("a server that runs");
        let postmaster: u32 = file.lines().next().and_then(|line| line.parse().ok()).expect("its number");
        // The postmaster first, so that it starts no more children.
        send(signal, &[postmaster]);
        send(signal, &children_of(postmaster));
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            // A suspended server does not notice the request to stop.
            self.thaw();
            let _ = self.control("stop").args(["-w", "-t", "120", "-m", "immediate"]).output();
        }
    }
}

fn send(signal: &str, processes: &[u32]) {
    let numbers: Vec<String> = processes.iter().map(u32::to_string).collect();
    // A process that has ended meanwhile is not an error.
    let _ = Command::new("sh").args(["-c", &format!("kill -{signal} {}", numbers.join(" "))]).output();
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("the list of processes").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |number: &u32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        // "number (name) state parent …", where the name may contain blanks.
        let parent_of = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        parent_of.is_some_and(|found| found == parent.to_string())
    };
    numbers.filter(is_child).collect()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// The folder that the variable names, or else a common folder of the programs. Debian keeps them out of `PATH`.
fn programs() -> PathBuf {
    let has_all =
        |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).exists());
    let named = std::env::var_os(POSTGRES_BIN).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let found = named.into_iter().chain(std::env::split_paths(&path)).chain(debian).find(has_all);
    match found {
        Some(folder) => folder,
        None => panic!(
            "PostgreSQL's programs (initdb, pg_ctl, postgres) are not here: run `./tests/run`, which gets them, or \
             install the package postgresql, or set {POSTGRES_BIN} to their folder"
        ),
    }
}

#[track_caller]
fn must(command: &mut Command) {
    let output = command.stdin(std::process::Stdio::null()).output();
    let Output { status, stdout, stderr } = match output {
        Ok(output) => output,
        Err(error) => panic!("{command:?}: {error}"),
    };
    let text = [stdout, stderr].concat();
    assert!(status.success(), "{command:?}: {status}: {}", String::from_utf8_lossy(&text));
}
