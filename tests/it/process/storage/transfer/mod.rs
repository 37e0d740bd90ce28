//! Users are exported and imported beside a running service, and migrated from unusual tables.
//! `tests/python/test_move_in.py` creates usual tables of other services and tests their migration.

mod adoption;
mod factors;
mod faults;
mod there_and_back;

use inwren_tests::process::{Finished, Program};
use inwren_tests::stores::TempFolder;
use serde_json::Value;

use crate::process::support::database::{Storage, block_on, execute};

/// The commands on one database.
struct Desk {
    folder: TempFolder,
    storage: Storage,
}

impl Desk {
    fn over(storage: Storage) -> Self {
        Self { folder: TempFolder::new(), storage }
    }

    fn program(&self) -> Program {
        Program::new(self.folder.path()).env("DATABASE_URL", self.storage.url())
    }

    fn migrated(self) -> Self {
        self.program().args(["migrate", "up"]).run().with_code(0);
        self
    }

    fn users(&self, arguments: &[&str]) -> Program {
        self.program().args(["users"]).args(arguments.iter().copied())
    }

    /// All users, one JSON line each.
    fn export(&self, arguments: &[&str]) -> Finished {
        let finished = self.users(&["export"]).args(arguments.iter().copied()).run();
        assert_eq!(finished.code, Some(0), "{}", finished.errors);
        finished
    }

    /// Imports a text, and returns the report. Fails if an output contains a hash.
    #[track_caller]
    fn import(&self, text: &str, arguments: &[&str], code: i32) -> Value {
        let path = self.folder.path().join("import.ndjson");
        std::fs::write(&path, text).expect("a file");
        let import = self.users(&["import", "import.ndjson", "--json"]).args(arguments.iter().copied());
        let finished = import.run();
        assert_eq!(finished.code, Some(code), "{}{}", finished.output, finished.errors);
        for told in [&finished.output, &finished.errors] {
            assert!(!told.contains("$argon2") && !told.contains("hunter2"), "{told}");
        }
        serde_json::from_str(&finished.output).expect("JSON")
    }

    fn checksum(&self) -> Value {
        let told = self.export(&["--checksum-only", "--json"]).output;
        serde_json::from_str(&told).expect("JSON")
    }

    fn count(&self) -> usize {
        self.storage.ask("SELECT id FROM users").len()
    }

    /// Inserts users directly into the database, without the service.
    fn fill(&self, count: usize) {
        let (id, time, series, value) = match &self.storage {
            Storage::Sqlite(_) => (
                "randomblob(16)",
                "(1700000000 + n) * 1000000 + n",
                format!(
                    "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c)"
                ),
                "n",
            ),
            Storage::Postgres(_) => (
                "gen_random_uuid()",
                "to_timestamp(1700000000 + n) + n * interval '1 microsecond'",
                format!("generate_series(1, {count}) AS c(n)"),
                "n",
            ),
        };
        let hash =
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g";
        let statement = format!(
            "INSERT INTO users (id, email, hashed_password, is_active, is_superuser, tier, created_at, updated_at, \
             email_normalized, credential_version) SELECT {id}, 'User.' || {value} || '@Example.org', '{hash}', \
             {value} % 7 <> 0, {value} % 100 = 0, 'free', {time}, {time}, 'user.' || {value} || '@example.org', \
             {value} % 3 FROM {series}"
        );
        block_on(execute(&self.storage.url(), &statement));
    }
}

/// A line with an id, an address and further fields.
fn line(n: u32, email: &str, rest: &str) -> String {
    format!(
        "{{\"id\":\"00000000-0000-4000-8000-{n:012}\",\"email\":\"{email}\",\"is_active\":true,\"is_superuser\":false{rest}}}\n"
    )
}
