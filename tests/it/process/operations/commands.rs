//! Runs every command of the operations page, in the order of the page, beside a service with some data of every kind.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use inwren_tests::ports::free_port;
use inwren_tests::process::{Call, Program, Service, binary, until};
use inwren_tests::stores::TempFolder;
use serde_json::json;

use super::page::{Block, blocks};
use crate::process::support::client::{self, Tokens, login, me, refresh, register};
use crate::process::support::database::{Storage, block_on, execute};
use crate::process::support::registrations::Registrations;

const BOSS: &str = "boss@example.org";
const ANN: &str = "ann@example.org";
/// The password of all users, before and after an operator resets it.
const PASSWORD: &str = "a pass phrase for the drill";

/// Headings whose commands need a stopped service.
const STOPPED: [&str; 2] = ["Roll back", "Restore SQLite"];

#[test]
fn every_command_works_on_sqlite() {
    // In the folder, under the default name.
    let mut desk = Desk::new(Storage::Sqlite(TempFolder::new()), Some("sqlite://data/inwren.db"));
    let said = desk.run_page();
    let taken_back = format!("reverted {}", inwren_migration::names().last().unwrap());
    for expected in [
        "\"status\":\"ok\"",
        "unknown address",
        "wrong password",
        "deactivated account",
        "\"is_active\":true",
        "\"is_active\":false",
        "activated ann@example.org",
        "deactivated ann@example.org",
        "\"next_cursor\":null",
        "request_id",
        "TOKEN_ISSUER=",
        "RATE_LIMIT_LOGIN=",
        "\"refresh\"",
        "answered 0",
        "\"client\":\"127.0.0.1\"",
        "inwren.db-wal",
        "events and 0 expired items",
        "revoked the client",
        "set the password",
        "created superuser",
        "an instance is running already",
        "nothing to do",
        &taken_back,
        "pending m",
        "backed up data/inwren.db to",
        "data/inwren.db from",
        "drill/inwren.db from",
        "logged in",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    assert!(fs::metadata(desk.folder.path().join("drill")).is_err(), "the drill has left something");
}

#[test]
fn every_command_works_on_postgres() {
    let mut desk = Desk::new(Storage::postgres(), None);
    let said = desk.run_page();
    for expected in [
        "accepting connections",
        "wait_event",
        "n_dead_tup",
        "read_only",
        "logged_in",
        "newest",
        "CREATE DATABASE",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }

    // Back up and restore again, while people register and log in.
    let load = Registrations::start(desk.service(), 3);
    let before = load.after_answers(60);
    let answers = load.answers();
    desk.run(&desk.block("Back up PostgreSQL", 0));
    let meanwhile = load.answers() - answers;
    load.stop();
    desk.restored = unique_name();
    desk.run(&desk.block("Restore PostgreSQL", 0));
    println!(
        "pg_dump under load: {meanwhile} writes were answered meanwhile; {} people from before are in it",
        before.len()
    );
    assert!(meanwhile > 0, "nobody wrote while the dump was made");
    let server = desk.url.rsplit_once('/').expect("a database").0.to_owned();
    let service = desk.program().env("DATABASE_URL", format!("{server}/{}", desk.restored)).start();
    for (email, tokens) in &before {
        service.call(&login(email, client::PASSWORD)).expect(200);
        Tokens::of(&service.call(&refresh(&tokens.refresh)));
    }
    let someone = Tokens::of(&service.call(&login(BOSS, PASSWORD)));
    service.call(&me(&someone.access)).expect(200);
    desk.run(&desk.block("Restore PostgreSQL", 1));
    service.call(&me(&someone.access)).expect(401);
    service.stop();
}

/// The environment of an operator: a folder, a service and a shell.
struct Desk {
    folder: TempFolder,
    storage: Storage,
    url: String,
    service: Option<Service>,
    restored: String,
    made: Vec<String>,
    variables: Vec<(&'static str, String)>,
    log: String,
}

impl Desk {
    fn new(storage: Storage, url: Option<&str>) -> Self {
        let url = url.map_or_else(|| storage.url(), str::to_owned);
        let mut desk = Self {
            folder: TempFolder::new(),
            storage,
            url,
            service: None,
            restored: unique_name(),
            made: Vec::new(),
            variables: Vec::new(),
            log: String::new(),
        };
        desk.start();
        desk.live();
        desk
    }

    fn program(&self) -> Program {
        Program::new(self.folder.path())
            .env("DATABASE_URL", self.url.as_str())
            .env("LOG_FORMAT", "json")
            .env("RATE_LIMIT_ENABLED", "true")
            .env("RATE_LIMIT_REGISTER", "1000000/minute")
            .env("RATE_LIMIT_LOGIN", "1000000/minute")
            .env("RATE_LIMIT_REFRESH", "1/hour")
            .env("FIRST_SUPERUSER_EMAIL", BOSS)
            .env("FIRST_SUPERUSER_PASSWORD", PASSWORD)
    }

    fn service(&self) -> &Service {
        self.service.as_ref().expect("a service that runs")
    }

    fn start(&mut self) {
        if self.service.is_none() {
            self.service = Some(self.program().start());
        }
    }

    fn stop(&mut self) {
        if let Some(service) = self.service.take() {
            self.log += &service.stop();
        }
    }

    /// Generates all events that the page searches for in the log.
    fn live(&mut self) {
        let service = self.service.as_ref().expect("a service that runs");
        for email in [ANN, "gone@example.org"] {
            service.call(&register(email, PASSWORD)).expect(201);
        }
        let gone = Tokens::of(&service.call(&login("gone@example.org", PASSWORD)));
        service.call(&Call::new("DELETE", "/users/me").bearer(&gone.access)).expect(204);
        service.call(&login("gone@example.org", PASSWORD)).expect(401);
        service.call(&login("nobody@example.org", PASSWORD)).expect(401);
        service.call(&login(ANN, "something else")).expect(401);
        let refused = service.call(&me("no.such.token")).expect(401);
        let request = refused.header("x-request-id").expect("an id").to_owned();
        for status in [401, 429] {
            service.call(&refresh("no.such.token")).expect(status);
        }
        let ann = Tokens::of(&service.call(&login(ANN, PASSWORD)));
        service.call(&Call::new("PUT", "/users/me").bearer(&ann.access).json(&json!({}))).expect(200);
        let client = self.program().args(["clients", "create", "billing"]).run().with_code(0);
        let client =
            client.lines().find_map(|line| line.strip_prefix("client_id:")).expect("an id").trim().to_owned();
        let keys = self.program().args(["keys", "list", "--json"]).run().with_code(0);
        let keys: serde_json::Value = serde_json::from_str(&keys).expect("JSON");
        let kid = keys.pointer("/0/kid").or_else(|| keys.pointer("/keys/0/kid"));
        let kid = kid.and_then(|kid| kid.as_str()).expect("a key").to_owned();
        self.variables = vec![
            ("REQUEST_ID", request),
            ("EMAIL", ANN.to_owned()),
            ("NEW_PASSWORD", PASSWORD.to_owned()),
            ("BOSS", BOSS.to_owned()),
            ("BOSS_PASSWORD", PASSWORD.to_owned()),
            ("KID", kid),
            ("CLIENT_ID", client),
            ("BACKUP", "before-upgrade.db".to_owned()),
        ];
    }

    /// Runs every block for this database, and returns their output.
    fn run_page(&mut self) -> String {
        let mut said = String::new();
        let (mut first, mut count) = (true, 0);
        for block in blocks().iter().filter(|block| block.kind == "sh") {
            let for_postgres = ["psql", "pg_"].iter().any(|part| block.text.contains(part));
            let for_sqlite = ["inwren backup", "inwren restore", "ls -l data"]
                .iter()
                .any(|part| block.text.contains(part));
            let is_sqlite = matches!(self.storage, Storage::Sqlite(_));
            if std::mem::take(&mut first) {
                assert!(block.text.starts_with("BASE=http://127.0.0.1:8000 "), "{block:?}");
                continue;
            }
            if for_postgres && is_sqlite || for_sqlite && !is_sqlite {
                continue;
            }
            if STOPPED.contains(&block.heading.as_str()) {
                self.stop()
            } else {
                self.start()
            }
            if block.text.contains("$ADMIN") {
                // The token expires after 30 minutes, or when its key is revoked.
                let login = self.block("Users cannot log in", 3);
                self.run(&login);
            }
            let _ = write!(said, "## {}\n{}\n", block.heading, self.run(block));
            if block.text.contains("keys revoke") {
                self.wait_for_the_end_of_the_key();
            }
            count += 1;
        }
        self.stop();
        assert!(count > 20, "only {count} blocks were run");
        self.start();
        said
    }

    /// Waits until the service stops publishing the revoked key. Until it has read the revocation, it signs with this
    /// key, and verifiers later refuse these tokens.
    fn wait_for_the_end_of_the_key(&self) {
        let (_, kid) = self.variables.iter().find(|(name, _)| *name == "KID").expect("a key");
        let keys =
            || self.service().call(&Call::get("/.well-known/jwks.json")).expect(200).json().to_string();
        until("read the keys again", || !keys().contains(kid));
    }

    /// The block with this number under a heading.
    fn block(&self, heading: &str, number: usize) -> Block {
        blocks()
            .into_iter()
            .filter(|block| block.heading == heading && block.kind == "sh")
            .nth(number)
            .expect("a block")
    }

    /// Runs a block in a new shell, with the variables that earlier blocks have set.
    #[track_caller]
    fn run(&mut self, block: &Block) -> String {
        let folder = self.folder.path();
        let (log, state) = (folder.join("service.log"), folder.join("state.sh"));
        let address = self.service.as_ref().map(|service| (service.address(), service.log()));
        let (address, now) =
            address.map_or_else(Default::default, |(address, log)| (address.to_string(), log));
        fs::write(&log, self.log.clone() + &now).unwrap();
        if !state.exists() {
            fs::write(&state, "").unwrap();
        }
        let port = address.rsplit_once(':').map_or("1", |(_, port)| port).to_owned();
        // Replaces the port and the database name that the page fixes, because parallel tests may use them.
        let text = block
            .text
            .replace("8099", &free_port().to_string())
            .replace("RESTORED=inwren_restored", &format!("RESTORED={}", self.restored));
        if block.text.contains("CREATE DATABASE") {
            self.made.push(self.restored.clone());
        }
        let script = format!(
            "BASE=http://{address}\nlog() {{ cat {log}; }}\n. {state}\n{text}\n\
             {{ declare -p ADMIN USER_ID RESTORED_URL 2>/dev/null || true; }} > {state}\n",
            log = log.display(),
            state = state.display(),
        );
        let mut shell = Command::new("timeout");
        shell.args(["600", "bash", "-eu", "-c", &script]).current_dir(folder).env_clear();
        shell.env("PATH", path()).env("HOME", folder).env("PORT", port).env("PGCONNECT_TIMEOUT", "20");
        for (name, value) in self.settings() {
            shell.env(name, value);
        }
        shell.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        if let Some(dump) = newest(folder, "dump") {
            shell.env("DUMP", dump);
        }
        let ran = shell.output().expect("bash, and timeout of the coreutils");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "under {:?}: {:?}\n{text}\n{said}", block.heading, ran.status);
        said
    }

    /// The settings of the service, for the commands.
    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABASE_URL", self.url.clone()),
            ("LOG_FORMAT", "json".to_owned()),
            ("ARGON2_MEMORY_KIB", "64".to_owned()),
            ("ARGON2_ITERATIONS", "1".to_owned()),
        ]
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for name in std::mem::take(&mut self.made) {
            block_on(execute(&self.url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        }
    }
}

/// A name in the format of all test databases, so that a later run removes a leftover one.
fn unique_name() -> String {
    let since = fs::metadata(binary()).and_then(|file| file.modified()).expect("a time");
    let since = since.duration_since(std::time::UNIX_EPOCH).expect("a time after 1970").as_secs();
    format!("inwren_test_{since}_{}_{}_restored", std::process::id(), inwren_tests::fixtures::unique())
}

/// The PATH of the commands: our programs, PostgreSQL's, and the system's.
fn path() -> String {
    let own = binary().parent().expect("a folder").display().to_string();
    let system = std::env::var("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    versions.retain(|folder| folder.join("pg_dump").exists());
    versions.sort_unstable();
    let found = std::env::split_paths(&system).find(|folder| folder.join("pg_dump").exists());
    let postgres = versions.pop().or(found).expect("pg_dump and psql: install PostgreSQL's client programs");
    format!("{own}:{}:{system}", postgres.display())
}

fn newest(folder: &Path, extension: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    entries.filter(|path| path.extension().is_some_and(|found| found == extension)).max()
}
