//! The schema by command, and by two processes at once.

use inwren_tests::process::{Call, PATIENCE, Program};
use inwren_tests::stores::TempFolder;

use super::database::Storage;

fn lines(text: &str, beginning: &str) -> usize {
    text.lines().filter(|line| line.starts_with(beginning)).count()
}

#[test]
fn up_down_and_status() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let migrate = |arguments: &[&str]| {
            let arguments = ["migrate"].iter().chain(arguments);
            program.clone().args(arguments.copied()).run().with_code(0)
        };
        let all = lines(&migrate(&["status"]), "pending m");
        assert!(all >= 3);
        assert_eq!(lines(&migrate(&["up"]), "applied m"), all);
        assert!(migrate(&["up"]).contains("nothing to do"));
        let status = migrate(&["status"]);
        assert_eq!((lines(&status, "applied m"), lines(&status, "pending m")), (all, 0));
        migrate(&["down", "--yes"]);
        let status = migrate(&["status"]);
        assert_eq!((lines(&status, "applied m"), lines(&status, "pending m")), (all - 1, 1));
        migrate(&["down", "--yes", &(all - 1).to_string()]);
        assert_eq!(lines(&migrate(&["status"]), "pending m"), all);
        assert_eq!(lines(&migrate(&["up"]), "applied m"), all);
    }
}

#[test]
fn a_memory_store_has_no_schema() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:").args(["migrate", "up"]);
    assert!(program.run().with_code(2).contains("memory"));
}

#[test]
fn of_processes_that_start_at_once_one_migrates() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        program.clone().args(["keys", "generate"]).run().with_code(0);
        let started: Vec<_> = (0..4).map(|_| program.spawn()).collect();
        let mut applied = 0;
        for mut process in started {
            process.wait_for("is listening on");
            process.signal("TERM");
            assert_eq!(process.wait(PATIENCE).code(), Some(0), "{}", process.log());
            applied += process.log().matches("applied migration").count();
        }
        assert!(applied >= 3, "{applied}");
        let names = storage.ask("SELECT version FROM seaql_migrations").len();
        assert_eq!(applied, names, "each migration was applied once");
        program.start().call(&Call::get("/health")).expect(200);
    }
}
