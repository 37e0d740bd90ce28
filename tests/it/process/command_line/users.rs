//! User commands, run beside a running service.

use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::Value;

use crate::process::support::client::{PASSWORD, Tokens, join, login, me, refresh};
use crate::process::support::database::Storage;
use crate::process::support::factors::Member;

#[test]
fn a_user_is_made_and_logs_in() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        program.clone().args(["migrate", "up"]).run().with_code(0);
        let create = |arguments: &[&str]| {
            let arguments = ["users", "create", "--password-stdin"].iter().chain(arguments);
            program.clone().args(arguments.copied()).input(&format!("{PASSWORD}\n")).run()
        };
        let text = create(&["root@example.org", "--superuser"]).with_code(0);
        assert!(text.contains("created superuser") && !text.contains(PASSWORD), "{text}");
        create(&["ann@example.org"]).with_code(0);
        assert!(create(&["Ann@Example.org"]).with_code(1).contains("already"));
        create(&["not an address"]).with_code(2);

        let service = program.start();
        let root = Tokens::of(&service.call(&login("root@example.org", PASSWORD)));
        service.call(&Call::get("/admin/users").bearer(&root.access)).expect(200);
        let ann = Tokens::of(&service.call(&login("ann@example.org", PASSWORD)));
        service.call(&Call::get("/admin/users").bearer(&ann.access)).expect(403);

        let set = program.clone().args(["users", "set-password", "ann@example.org", "--password-stdin"]);
        set.clone().input("password\n").run().with_code(1);
        service.call(&me(&ann.access)).expect(200);
        set.input("another pass phrase\n").run().with_code(0);
        service.call(&me(&ann.access)).expect(401);
        service.call(&refresh(&ann.refresh)).expect(401);
        service.call(&login("ann@example.org", PASSWORD)).expect(401);
        service.call(&login("ann@example.org", "another pass phrase")).expect(200);
        service.stop();
    }
}

#[test]
fn a_password_comes_from_no_command_line() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path());
    program.clone().args(["migrate", "up"]).run().with_code(0);
    let text = program.clone().args(["users", "create", "ann@example.org"]).run().with_code(2);
    assert!(text.contains("--password-stdin"), "{text}");
    program.clone().args(["users", "create", "ann@example.org", "--password", PASSWORD]).run().with_code(2);
    let nobody = ["users", "set-password", "nobody@example.org", "--password-stdin"];
    program.clone().args(nobody).input(&format!("{PASSWORD}\n")).run().with_code(1);
    let memory = program.env("DATABASE_URL", "memory:").args(nobody).run().with_code(2);
    assert!(memory.contains("DATABASE_URL"), "{memory}");
}

#[test]
fn operators_administer_users_by_command() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let service = program.start();
        let users = |arguments: &[&str], code: i32| {
            let arguments = ["users"].iter().chain(arguments);
            program.clone().args(arguments.copied()).run().with_code(code)
        };
        let create =
            program.clone().args(["users", "create", "root@example.org", "--superuser", "--password-stdin"]);
        create.input(&format!("{PASSWORD}\n")).run().with_code(0);
        let ann = join(&mut service.connect(), "Ann+1@example.org").unwrap();
        join(&mut service.connect(), "ann+1@example.org.example").unwrap();
        let root = Tokens::of(&service.call(&login("root@example.org", PASSWORD)));

        // The JSON output equals the response of the API.
        let list = Call::get("/admin/users?email=ann").bearer(&root.access);
        let expected = service.call(&list).expect(200).json();
        let listed: Value = serde_json::from_str(&users(&["list", "--email", "ANN", "--json"], 0)).unwrap();
        assert_eq!(listed, expected);
        let shown: Value = serde_json::from_str(&users(&["show", "ann+1@EXAMPLE.org", "--json"], 0)).unwrap();
        assert_eq!(shown, expected["items"][0]);
        let id = shown["id"].as_str().unwrap();
        assert_eq!(users(&["show", id], 0), users(&["show", "ann+1@example.org"], 0));
        for (filter, count) in [
            (["--superuser", "yes"], 1),
            (["--active", "no"], 0),
            (["--tier", "free"], 3),
            (["--tier", "no-such"], 0),
        ] {
            let arguments = [&["list", "--json"][..], &filter].concat();
            let listed: Value = serde_json::from_str(&users(&arguments, 0)).unwrap();
            assert_eq!(listed["items"].as_array().unwrap().len(), count, "{filter:?}");
        }

        let page = users(&["list", "--limit", "2"], 0);
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines.len() == 4 && lines.iter().all(|line| line.chars().count() <= 100), "{page}");
        let cursor = lines[3].strip_prefix("More: --cursor ").expect("a cursor");
        let last = users(&["list", "--limit", "2", "--cursor", cursor], 0);
        assert!(last.lines().count() == 2 && last.contains("root@example.org"), "{last}");

        let said = users(&["deactivate", "ann+1@example.org"], 0);
        assert!(said.contains("deactivated Ann+1@example.org") && said.contains("database: "), "{said}");
        service.call(&me(&ann.access)).expect(401);
        service.call(&login("ann+1@example.org", PASSWORD)).expect(401);
        assert!(users(&["deactivate", id], 0).contains("inactive already"));
        assert!(users(&["activate", id], 0).contains("activated"));
        let ann = Tokens::of(&service.call(&login("ann+1@example.org", PASSWORD)));
        users(&["logout", id], 0);
        service.call(&me(&ann.access)).expect(401);
        service.call(&refresh(&ann.refresh)).expect(401);
        for change in [&["deactivate", "root@example.org"][..], &["delete", "root@example.org", "--yes"]] {
            assert!(users(change, 1).contains("last active superuser"));
        }
        assert!(users(&["delete", id], 2).contains("--yes"));
        assert!(users(&["delete", id, "--yes"], 0).contains("deleted Ann+1@example.org"));
        for command in ["show", "activate", "deactivate", "logout"] {
            assert!(users(&[command, id], 1).contains("no user has"), "{command}");
            assert!(users(&[command, "ann@example.org"], 1).contains("no user has"), "{command}");
            users(&[command, "not an address"], 2);
        }
        for wrong in [["--cursor", "x"], ["--limit", "201"], ["--active", "maybe"], ["--tier", "No Tier"]] {
            users(&[&["list"][..], &wrong].concat(), 2);
        }
        let of_operator = storage.ask(
            "SELECT kind FROM audit_events WHERE actor_id = (SELECT actor_id FROM audit_events WHERE kind = 'user_deleted')",
        );
        let mut kinds: Vec<String> = of_operator.iter().map(|row| row.try_get("", "kind").unwrap()).collect();
        kinds.sort_unstable();
        let expected =
            ["sessions_revoked", "user_deactivated", "user_deleted", "user_registered", "user_updated"];
        assert_eq!(kinds, expected, "{}", storage.name());
        service.stop();
    }
}

#[test]
fn operators_reset_second_factors() {
    const REASON: &str = "Ticket 4711: identified by telephone";
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program =
            Program::new(folder.path()).env("DATABASE_URL", storage.url()).env("TOTP_SKEW_STEPS", "2");
        let service = program.start();
        let mut ann = Member::join(&service, "ann@example.org");
        let tokens = Tokens::of(&ann.log_in(&service));
        let run = |arguments: &[&str], code: i32| {
            program.clone().args(arguments.iter().copied()).run().with_code(code)
        };
        let reset = |user: &str, reason: &str, code: i32| {
            run(&["users", "reset-factors", user, "--reason", reason], code)
        };

        run(&["users", "reset-factors", "ann@example.org"], 2);
        for wrong in ["", " ", "two\nlines", &"x".repeat(501)] {
            assert!(reset("ann@example.org", wrong, 2).contains("--reason"), "{wrong}");
        }
        reset("not an address", REASON, 2);
        assert!(reset("nobody@example.org", REASON, 1).contains("no user has"));
        service.call(&me(&tokens.access)).expect(200);
        assert!(run(&["users", "show", "ann@example.org"], 0).contains("2nd factor: yes"));

        let said = reset("Ann@Example.org", REASON, 0);
        assert!(said.contains("removed the second factors of ann@example.org"), "{said}");
        service.call(&me(&tokens.access)).expect(401);
        service.call(&refresh(&tokens.refresh)).expect(401);
        service.call(&login(&ann.email, PASSWORD)).expect(200);
        assert!(run(&["users", "show", "ann@example.org"], 0).contains("2nd factor: no"));
        assert!(reset("ann@example.org", REASON, 0).contains("nothing was changed"));

        let rows = storage.ask("SELECT reason FROM audit_events WHERE kind = 'factors_reset'");
        let reasons: Vec<String> = rows.iter().map(|row| row.try_get("", "reason").unwrap()).collect();
        assert_eq!(reasons, [REASON], "{}", storage.name());
        assert!(run(&["audit"], 0).contains(REASON));
        service.stop();
    }
}

#[test]
fn commands_in_the_wrong_folder_create_nothing() {
    let folder = TempFolder::new();
    let run = |arguments: &[&str], code: i32| {
        let program = Program::new(folder.path()).args(arguments.iter().copied());
        program.input(&format!("{PASSWORD}\n")).run().with_code(code)
    };
    let database = folder.path().canonicalize().unwrap().join("data/inwren.db").display().to_string();
    let key = folder.path().canonicalize().unwrap().join("certs/private.pem").display().to_string();
    let of_database: [&[&str]; 15] = [
        &["users", "create", "ann@example.org", "--password-stdin"],
        &["users", "list"],
        &["users", "delete", "ann@example.org", "--yes"],
        &["users", "reset-factors", "ann@example.org", "--reason", "lost"],
        &["users", "export"],
        &["users", "import", "-"],
        &["clients", "create", "billing"],
        &["clients", "list"],
        &["clients", "show", "billing"],
        &["clients", "apply", "clients.toml"],
        &["sweep"],
        &["migrate", "status"],
        &["migrate", "down", "--yes"],
        &["adopt", "--from", "sqlite://old.db", "--yes"],
        &["backup", "backup.db"],
    ];
    for command in of_database {
        let said = run(command, 1);
        assert!(said.contains(&database) && said.contains("inwren migrate up"), "{command:?}: {said}");
    }
    for command in [&["keys", "list"][..], &["keys", "rotate"], &["keys", "revoke", "x", "--yes"]] {
        let said = run(command, 1);
        assert!(said.contains(&key) && said.contains("inwren keys generate"), "{command:?}: {said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let said = run(&["migrate", "up"], 0);
    assert!(said.contains(&format!("database: {database}\nprivate key: {key}")), "{said}");
    let said = run(&["users", "create", "ann@example.org", "--password-stdin"], 0);
    assert!(said.ends_with(&format!("\ndatabase: {database}\n")), "{said}");
    // A database without tables belongs to another program or was not migrated.
    run(&["migrate", "down", "99", "--yes"], 0);
    let said = run(&["users", "list"], 1);
    assert!(said.contains("has no tables of this service") && said.contains(&database), "{said}");
    run(&["migrate", "up"], 0);
    run(&["migrate", "down", "--yes"], 0);
    assert!(run(&["users", "list"], 1).contains("behind by 1 migration: run `inwren migrate up`"));
}
