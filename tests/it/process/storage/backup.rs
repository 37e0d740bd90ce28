//! `inwren backup` and `inwren restore`: a backup contains every write that was confirmed before it, and a restore
//! brings it back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use inwren_adapters::store::sql::SqlTarget;
use inwren_tests::process::{PATIENCE, Program, Service};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{PASSWORD, Tokens, join, login, me, refresh, register};
use crate::process::support::database::{block_on, execute};
use crate::process::support::factors::{Member, answer, challenge_in, login_on};
use crate::process::support::registrations::Registrations;

/// A folder with a SQLite database, and the commands that work on it.
struct Place {
    folder: TempFolder,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempFolder::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("data/inwren.db")
    }

    fn program(&self) -> Program {
        Program::new(self.folder.path())
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.database().display())
    }

    /// Runs a command, checks its exit code, and returns its output.
    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> String {
        self.program().args(arguments.iter().copied()).run().with_code(code)
    }

    /// A database with one user, without a running service. Returns the tokens of the user.
    fn with_ann() -> (Self, Tokens) {
        let place = Self::new();
        let service = place.program().start();
        let tokens = join(&mut service.connect(), "ann@example.org").unwrap();
        service.stop();
        (place, tokens)
    }

    /// The file names in the folder of the database.
    fn names(&self) -> Vec<String> {
        names_in(&self.path("data"))
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

fn refused(service: &Service, email: &str) -> bool {
    service.call(&login(email, PASSWORD)).status == 401
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_backup_under_load_has_everything_that_was_answered_before() {
    let place = Place::new();
    let service = place.program().start();
    // Enough users to make a copy take some time.
    let seed =
        include_str!("../../../data/users.sqlite.sql").replace("{first}", "1").replace("{last}", "20000");
    for statement in seed.split(';') {
        block_on(execute(&place.url(), statement));
    }
    let load = Registrations::start(&service, 4);
    let before = load.after_answers(80);
    let answers = load.answers();
    let backup = place.program().args(["backup", "backup.db"]).run();
    let meanwhile = load.answers() - answers;
    let slowest = load.stop();
    let took = backup.took;
    let said = backup.with_code(0);
    let file = place.path("backup.db");
    let size = fs::metadata(&file).unwrap().len();
    println!(
        "backup of {size} bytes in {took:?} under load: {meanwhile} writes were answered meanwhile, the slowest two of \
         all in {slowest:?}; {} people were answered before",
        before.len()
    );
    assert!(meanwhile > 0, "nobody wrote while the backup was made");
    assert!(
        said.contains(&format!("{size} bytes")) && said.contains("users") && said.contains("certs"),
        "{said}"
    );
    assert_eq!(mode(&file), 0o600);
    service.stop();

    // Restore in another folder, with the same keys.
    let other = Place::new();
    fs::copy(&file, other.path("backup.db")).unwrap();
    let keys = place.path("certs/private.pem").display().to_string();
    let said = other.run(&["restore", "backup.db", "--yes"], 0);
    assert!(said.contains("restored") && !said.contains("before"), "{said}");
    let service = other.program().env("PRIVATE_KEY_PATH", keys).env("PUBLIC_KEY_PATH", "none").start();
    for (email, tokens) in &before {
        service.call(&me(&tokens.access)).expect(200);
        service.call(&login(email, PASSWORD)).expect(200);
        Tokens::of(&service.call(&refresh(&tokens.refresh)));
    }
    service.stop();
}

#[test]
fn a_restore_goes_back_and_keeps_the_database_before() {
    let (place, ann) = Place::with_ann();
    let service = place.program().start();
    let quiet = Tokens::of(&service.call(&login("ann@example.org", PASSWORD)));
    place.run(&["backup", "backup.db"], 0);
    // After the backup: a refresh, a login, and a new user.
    let rotated = Tokens::of(&service.call(&refresh(&ann.refresh)));
    let late = Tokens::of(&service.call(&login("ann@example.org", PASSWORD)));
    join(&mut service.connect(), "bob@example.org").unwrap();
    service.stop();

    let said = place.run(&["restore", "backup.db", "--yes"], 0);
    let kept = place.names().into_iter().find(|name| name.contains("before-restore")).unwrap();
    assert!(said.contains(&kept), "{said}");
    assert_eq!(mode(&place.database()), 0o600);
    let service = place.program().start();
    assert!(refused(&service, "bob@example.org"));
    // A session that was not refreshed since the backup continues.
    Tokens::of(&service.call(&refresh(&quiet.refresh)));
    // A session that was started since the backup does not exist any more.
    service.call(&me(&late.access)).expect(401);
    service.call(&refresh(&late.refresh)).expect(401);
    // A client that has refreshed since the backup holds a refresh token that this database has never issued: using it
    // ends the session.
    service.call(&me(&rotated.access)).expect(200);
    service.call(&refresh(&rotated.refresh)).expect(401);
    service.call(&me(&rotated.access)).expect(401);
    service.call(&login("ann@example.org", PASSWORD)).expect(200);
    service.stop();

    let before = format!("sqlite://{}", place.path("data").join(kept).display());
    let service = place.program().env("DATABASE_URL", before).start();
    assert!(!refused(&service, "bob@example.org"));
    Tokens::of(&service.call(&refresh(&rotated.refresh)));
    service.stop();
}

#[test]
fn a_restore_can_end_all_sessions() {
    let (place, ann) = Place::with_ann();
    place.run(&["backup", "backup.db"], 0);
    let said = place.run(&["restore", "backup.db", "--end-sessions", "--yes"], 0);
    assert!(said.contains("revoked 1 session\n"), "{said}");
    let service = place.program().start();
    service.call(&me(&ann.access)).expect(401);
    service.call(&refresh(&ann.refresh)).expect(401);
    service.call(&login("ann@example.org", PASSWORD)).expect(200);
    service.stop();
}

/// A device that has lost its trust since the backup must not get it back, nor may a challenge be answered twice.
#[test]
fn restored_databases_trust_no_device() {
    let place = Place::new();
    let program = place.program().env("TOTP_SKEW_STEPS", "2").env("TRUSTED_DEVICE_DAYS", "30");
    let service = program.start();
    let mut ann = Member::join(&service, "ann@example.org");
    let logged_in = ann.log_in(&service);
    let (tokens, device_token) = (Tokens::of(&logged_in), logged_in.text("device_token"));
    let challenge = ann.challenge(&service);
    place.run(&["backup", "backup.db"], 0);
    service.call(&login_on(&device_token, &ann.email)).expect(200);
    service.stop();

    place.run(&["restore", "backup.db", "--yes"], 0);
    let service = program.start();
    service.call(&answer(&challenge, "totp", &ann.app.code())).expect(410);
    challenge_in(&service.call(&login_on(&device_token, &ann.email)));
    // The sessions and the factors are those of the backup.
    service.call(&me(&tokens.access)).expect(200);
    ann.log_in(&service);
    service.stop();
}

/// A killed service leaves a write-ahead log that SQLite has not yet written to the database. The restore must neither
/// lose this log nor apply it to the backup.
#[test]
fn a_restore_after_a_kill_takes_the_log_with_the_database_before() {
    let (place, _) = Place::with_ann();
    place.run(&["backup", "backup.db"], 0);
    let mut service = place.program().start();
    join(&mut service.connect(), "bob@example.org").unwrap();
    service.kill();
    assert!(fs::metadata(place.path("data/inwren.db-wal")).unwrap().len() > 0);
    place.run(&["restore", "backup.db", "--yes"], 0);
    let names = place.names();
    assert!(!names.iter().any(|name| name.ends_with("-wal")), "{names:?}");
    let service = place.program().start();
    assert!(refused(&service, "bob@example.org") && !refused(&service, "ann@example.org"));
    service.stop();
    let kept = names.into_iter().find(|name| name.contains("before-restore")).unwrap();
    let before = format!("sqlite://{}", place.path("data").join(kept).display());
    let service = place.program().env("DATABASE_URL", before).start();
    assert!(!refused(&service, "bob@example.org"));
    service.stop();
}

#[test]
fn a_damaged_database_can_be_replaced() {
    for damage in
        [&b"this is no database at all, however long it may be and whatever else it is"[..], &[0; 8192], b""]
    {
        let (place, _) = Place::with_ann();
        place.run(&["backup", "backup.db"], 0);
        fs::write(place.database(), damage).unwrap();
        fs::write(place.path("data/inwren.db-wal"), "left over").unwrap();
        place.run(&["restore", "backup.db", "--yes"], 0);
        let service = place.program().start();
        assert!(!refused(&service, "ann@example.org"));
        service.stop();
        let kept = place.names().into_iter().find(|name| name.ends_with('Z')).unwrap();
        assert_eq!(fs::read(place.path("data").join(kept)).unwrap(), damage);
    }
}

#[test]
fn nothing_is_restored_under_a_service() {
    let (place, ann) = Place::with_ann();
    place.run(&["backup", "backup.db"], 0);
    let service = place.program().start();
    let said = place.run(&["restore", "backup.db", "--yes"], 1);
    assert!(said.contains("in use") && said.contains("stop the service"), "{said}");
    service.call(&me(&ann.access)).expect(200);
    service.call(&register("bob@example.org", PASSWORD)).expect(201);
    service.stop();

    // Another process has the database open and is idle.
    block_on(async {
        use sea_orm_migration::sea_orm::{ConnectionTrait as _, Database};
        let connection = Database::connect(place.url()).await.unwrap();
        connection.execute_unprepared("PRAGMA journal_mode = WAL; SELECT * FROM users").await.unwrap();
        let said = place.run(&["restore", "backup.db", "--yes"], 1);
        assert!(said.contains("in use"), "{said}");
        connection.close().await.unwrap();
    });
    assert!(!place.names().iter().any(|name| name.contains("restor")), "{:?}", place.names());
    let service = place.program().start();
    assert!(!refused(&service, "bob@example.org"));
    service.stop();
}

#[test]
fn a_bad_backup_is_refused_and_nothing_is_changed() {
    let (place, _) = Place::with_ann();
    place.run(&["backup", "good.db"], 0);
    let good = fs::read(place.path("good.db")).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(place.path(name), bytes).unwrap();
    write("cut.db", &good[..good.len() - 4096]);
    write("half.db", &good[..good.len() / 2 + 100]);
    write("empty.db", b"");
    write("text.db", b"SQLite format 3, or so one might think\n");
    let mut flipped = good.clone();
    let page = flipped.len() - 4096..;
    flipped[page].iter_mut().for_each(|byte| *byte = !*byte);
    write("flipped.db", &flipped);
    write("foreign.db", &[]);
    let url = |name: &str| format!("sqlite://{}", place.path(name).display());
    block_on(execute(&url("foreign.db"), "CREATE TABLE users (id INTEGER)"));
    write("newer.db", &good);
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_more', 0)";
    block_on(execute(&url("newer.db"), newer));
    write("live.db", &good);
    write("live.db-wal", b"what was written last");

    let database = fs::read(place.database()).unwrap();
    let names = place.names();
    for (file, why) in [
        ("cut.db", "damaged"),
        ("half.db", "damaged"),
        ("empty.db", "not a database of this service"),
        ("text.db", "damaged"),
        ("flipped.db", "damaged"),
        ("foreign.db", "not a database of this service"),
        ("newer.db", "newer release"),
        ("live.db", "inwren backup"),
        ("none.db", "does not exist"),
        ("data/inwren.db", "the database itself"),
    ] {
        let said = place.run(&["restore", file, "--yes"], 1);
        assert!(said.contains(why), "{file}: {said}");
        assert_eq!(place.names(), names, "{file}");
        assert!(fs::read(place.database()).unwrap() == database, "{file} has changed the database");
    }
    place.run(&["restore", "good.db", "--yes"], 0);
}

#[test]
fn a_backup_overwrites_nothing_unless_it_is_told_to() {
    let (place, _) = Place::with_ann();
    fs::write(place.path("backup.db"), "something dear").unwrap();
    let said = place.run(&["backup", "backup.db"], 1);
    assert!(said.contains("not overwritten"), "{said}");
    assert_eq!(fs::read_to_string(place.path("backup.db")).unwrap(), "something dear");
    place.run(&["backup", "backup.db", "--force"], 0);
    assert_eq!(mode(&place.path("backup.db")), 0o600);
    assert!(place.run(&["backup", "nowhere/backup.db"], 1).contains("does not exist"));
    assert!(place.run(&["backup", "--force", "data/inwren.db"], 1).contains("the database itself"));
    let left = names_in(place.folder.path());
    assert!(!left.iter().any(|name| name.contains("partial")), "{left:?}");
    place.run(&["restore", "backup.db", "--yes"], 0);

    // A copy of a damaged database is not a backup.
    let mut damaged = fs::read(place.database()).unwrap();
    damaged[2 * 4096..].fill(0xaa);
    fs::write(place.database(), damaged).unwrap();
    let said = place.run(&["backup", "second.db"], 1);
    assert!(said.contains("damaged"), "{said}");
    assert!(!place.path("second.db").exists());
}

#[test]
fn other_databases_are_told_how() {
    let place = Place::new();
    for command in [&["backup", "b.db"][..], &["restore", "b.db", "--yes"]] {
        let with = |url: &str| {
            let program = place.program().env("DATABASE_URL", url).args(command.iter().copied());
            program.run().with_code(2)
        };
        let said = with("postgres://ann:hunter2@db.example/auth");
        assert!(said.contains("pg_dump") && said.contains("docs/operations.md"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(with("memory:").contains("memory"));
    }
    // Without a database, the command creates no file.
    assert!(place.run(&["backup", "b.db"], 1).contains("data/inwren.db"));
    assert!(fs::read_dir(place.folder.path()).unwrap().next().is_none());
}

#[test]
fn an_older_schema_is_restored_and_named() {
    let (place, _) = Place::with_ann();
    place.run(&["migrate", "down", "--yes"], 0);
    place.run(&["backup", "backup.db"], 0);
    place.run(&["migrate", "up"], 0);
    let said = place.run(&["restore", "backup.db", "--yes"], 0);
    assert!(said.contains("behind by 1") && said.contains("inwren migrate up"), "{said}");
    let service = place.program().start();
    assert!(!refused(&service, "ann@example.org"));
    service.stop();
}

/// A backup of any earlier release can be restored: its schema is compared with that of its own migrations.
#[test]
fn a_backup_of_every_earlier_schema_is_restored() {
    let (place, _) = Place::with_ann();
    let migrations = inwren_migration::names().len();
    for behind in 1..migrations {
        place.run(&["migrate", "down", "--yes"], 0);
        let said = place.run(&["backup", "backup.db", "--force"], 0);
        assert!(!said.contains("warning"), "{said}");
        let said = place.run(&["restore", "backup.db", "--yes"], 0);
        assert!(said.contains(&format!("behind by {behind} ")), "{said}");
        // Two restores within one second would save the replaced databases under the same name.
        for name in place.names().into_iter().filter(|name| name.contains("before-restore")) {
            fs::remove_file(place.path("data").join(name)).unwrap();
        }
    }
    place.run(&["migrate", "up"], 0);
    place.run(&["backup", "backup.db", "--force"], 0);
    place.run(&["restore", "backup.db", "--yes"], 0);
}

#[test]
fn a_backup_with_another_schema_is_refused() {
    let (place, _) = Place::with_ann();
    place.run(&["backup", "good.db"], 0);
    let database = fs::read(place.database()).unwrap();
    let names = place.names();
    for (change, told) in [
        (
            "CREATE TRIGGER rise AFTER INSERT ON sessions BEGIN UPDATE users SET is_superuser = 1; END",
            "trigger rise (unknown)",
        ),
        ("CREATE VIEW everybody AS SELECT * FROM users", "view everybody (unknown)"),
        ("CREATE UNIQUE INDEX one_only ON users (is_active)", "index one_only (unknown)"),
        ("CREATE TABLE more (id INTEGER PRIMARY KEY AUTOINCREMENT)", "table more (unknown)"),
        ("DROP INDEX users_kind_email_normalized_idx", "index users_kind_email_normalized_idx (missing)"),
        ("ALTER TABLE users ADD COLUMN note text", "table users (changed)"),
        (
            "ALTER TABLE users ADD COLUMN twice text GENERATED ALWAYS AS (email || email) VIRTUAL",
            "table users (changed)",
        ),
        (
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', 'NOT NULL DEFAULT 1') \
             WHERE name = 'users'",
            "table users (changed)",
        ),
        (
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = rtrim(sql, ') ') || ', CHECK (1) )' \
             WHERE name = 'sessions'",
            "table sessions (changed)",
        ),
        (
            "DELETE FROM seaql_migrations WHERE version = 'm20261101_000003_create_audit_events'",
            "the migration m20261101_000003",
        ),
    ] {
        fs::copy(place.path("good.db"), place.path("bad.db")).unwrap();
        block_on(execute(&format!("sqlite://{}", place.path("bad.db").display()), change));
        let said = place.run(&["restore", "bad.db", "--end-sessions", "--yes"], 1);
        assert!(said.contains(told), "{change}: {said}");
        assert_eq!(place.names(), names, "{change}");
        assert!(fs::read(place.database()).unwrap() == database, "{change} has changed the database");
    }
    place.run(&["restore", "good.db", "--yes"], 0);
}

/// The legacy service may have had its tables in the same file.
#[test]
fn tables_of_others_are_restored_when_the_operator_says_so() {
    let (place, _) = Place::with_ann();
    let statements =
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, text); CREATE INDEX posts_text ON posts (text)";
    block_on(execute(&place.url(), statements));
    let said = place.run(&["backup", "backup.db"], 0);
    assert!(said.contains("warning") && said.contains("table posts (unknown)"), "{said}");
    let said = place.run(&["restore", "backup.db", "--yes"], 1);
    assert!(said.contains("index posts_text (unknown)") && said.contains("--keep-other-tables"), "{said}");
    place.run(&["restore", "backup.db", "--keep-other-tables", "--yes"], 0);
    let service = place.program().start();
    assert!(!refused(&service, "ann@example.org"));
    service.stop();
    // A trigger that writes to our tables is refused even with `--keep-other-tables`.
    let trigger = "CREATE TRIGGER rise AFTER INSERT ON posts BEGIN UPDATE users SET is_superuser = 1; END";
    block_on(execute(&place.url(), trigger));
    place.run(&["backup", "backup.db", "--force"], 0);
    let said = place.run(&["restore", "backup.db", "--keep-other-tables", "--yes"], 1);
    assert!(said.contains("trigger rise (unknown)") && !said.contains("posts_text"), "{said}");
}

/// A user who can open the lock file can hold the lock, and so keep the service from starting.
#[test]
fn a_lock_file_is_closed_to_others() {
    let place = Place::new();
    place.program().start().stop();
    let lock = place.path("data/inwren.db.lock");
    assert_eq!(mode(&lock), 0o600);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).unwrap();
    place.program().start().stop();
    assert_eq!(mode(&lock), 0o600, "one of an earlier release");
}

#[test]
fn a_database_that_others_can_reach_is_warned_of() {
    let place = Place::new();
    let log = place.program().start().stop();
    assert!(!log.contains("other users can"), "{log}");
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.database(), fs::Permissions::from_mode(0o644)).unwrap();
    let log = place.program().start().stop();
    assert!(
        log.contains("other users can read the database") && log.contains("folder of the database"),
        "{log}"
    );
    assert_eq!(mode(&place.path("data")), 0o755, "what was there before stays as it is");
}

fn with_many() -> Place {
    let (place, _) = Place::with_ann();
    let seed =
        include_str!("../../../data/users.sqlite.sql").replace("{first}", "1").replace("{last}", "60000");
    for statement in seed.split(';') {
        block_on(execute(&place.url(), statement));
    }
    place
}

/// A cancelled backup does not write to its draft any more, at whatever step it was cancelled.
#[test]
fn an_abandoned_backup_leaves_nothing() {
    let place = with_many();
    let Ok(SqlTarget::Sqlite(file)) = SqlTarget::parse(&place.url()) else { panic!("no file") };
    let target = place.folder.path().join("backup.db");
    for microseconds in (0..5_000).step_by(20) {
        let backup = file.back_up(&target, true);
        let _ = block_on(async { tokio::time::timeout(Duration::from_micros(microseconds), backup).await });
    }
    let names = names_in(place.folder.path());
    assert!(!names.iter().any(|name| name.contains("partial")), "{names:?}");
}

/// An interrupted backup leaves neither a file with the name of the backup nor a draft.
#[test]
fn an_interrupted_backup_leaves_nothing() {
    let place = with_many();
    let names = || names_in(place.folder.path());
    let mut running = place.program().args(["backup", "backup.db"]).spawn();
    let begun = Instant::now();
    while !names().iter().any(|name| name.contains("partial")) && begun.elapsed() < PATIENCE {
        thread::park_timeout(Duration::from_millis(1));
    }
    running.signal("INT");
    let code = running.wait(PATIENCE).code();
    let names = names();
    assert!(!names.iter().any(|name| name.contains("partial")), "{names:?}");
    // On a fast machine, the backup may be complete before the signal.
    assert_eq!(names.contains(&"backup.db".to_owned()), code == Some(0), "{names:?}: {}", running.log());
}
