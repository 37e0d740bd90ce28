//! The command line for people and scripts: confirmation prompts, JSON output and shell completions.

use std::fs;

use inwren_tests::process::Program;
use inwren_tests::stores::TempFolder;
use serde_json::Value;

use crate::process::support::database::{block_on, execute};
use crate::process::tokens::old_service;

fn run(folder: &TempFolder, arguments: &[&str], code: i32) -> String {
    Program::new(folder.path()).args(arguments.iter().copied()).run().with_code(code)
}

fn json(folder: &TempFolder, arguments: &[&str]) -> Value {
    let text = run(folder, arguments, 0);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

#[test]
fn a_script_has_to_say_that_it_means_what_cannot_be_undone() {
    let folder = TempFolder::new();
    run(&folder, &["keys", "generate"], 0);
    run(&folder, &["migrate", "up"], 0);
    let kid = json(&folder, &["keys", "list", "--json"])["keys"][0]["kid"].as_str().unwrap().to_owned();
    let client = run(&folder, &["clients", "create", "billing"], 0);
    let id = client.lines().find_map(|line| line.strip_prefix("client_id:")).unwrap().trim();
    run(&folder, &["backup", "backup.db"], 0);
    let state = || {
        let keys = json(&folder, &["keys", "list", "--json"]);
        let states: Vec<String> = keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| format!("{} {}", key["kid"], key["state"]))
            .collect();
        let clients = json(&folder, &["clients", "list", "--json"]);
        (states, clients, json(&folder, &["migrate", "status", "--json"]))
    };
    let before = state();
    let dangerous: [&[&str]; 5] = [
        &["keys", "revoke", &kid],
        &["clients", "revoke", id],
        &["clients", "delete", id],
        &["restore", "backup.db"],
        &["migrate", "down"],
    ];
    for command in dangerous {
        let said = run(&folder, command, 2);
        assert!(said.contains("--yes") && said.contains("This "), "{said}");
    }
    assert_eq!(state(), before, "something was done");
    for command in dangerous {
        run(&folder, &[command, &["--yes"]].concat(), 0);
    }
    assert_eq!(json(&folder, &["keys", "list", "--json"])["keys"][0]["state"], "revoked");
}

/// Without `--yes`, `adopt` fails in a script and names the flag, with the text that all commands use.
#[test]
fn a_script_has_to_say_that_users_are_to_be_taken_over() {
    let folder = TempFolder::new();
    let old = format!("sqlite://{}?mode=rwc", folder.path().join("old.db").display());
    block_on(execute(&old, old_service::TABLE));
    run(&folder, &["migrate", "up"], 0);
    let said = run(&folder, &["adopt", "--from", "sqlite://old.db"], 2);
    assert!(said.contains("--yes") && said.contains("This imports the users into /"), "{said}");
    run(&folder, &["adopt", "--from", "sqlite://old.db", "--yes"], 0);
}

#[test]
fn unknown_keys_fail_before_the_question() {
    let folder = TempFolder::new();
    run(&folder, &["keys", "generate"], 0);
    // The unknown key is reported before the prompt, which would end with exit code 2 without a terminal.
    let said = run(&folder, &["keys", "revoke", "no-such-key"], 1);
    assert!(said.contains("no-such-key") && said.contains("inwren keys list"), "{said}");
}

#[test]
fn missing_tables_are_suggested_by_name() {
    let folder = TempFolder::new();
    run(&folder, &["migrate", "up"], 0);
    let ours = format!("sqlite://{}", folder.path().join("data/inwren.db").display());
    block_on(execute(&ours, "CREATE TABLE \"user\" (id integer, email text, hashed_password text)"));
    let said = run(&folder, &["adopt", "--yes"], 1);
    assert!(said.contains("add --table user") && said.contains("the one of this service"), "{said}");
    run(&folder, &["adopt", "--table", "user", "--yes"], 0);
}

#[test]
fn scripts_that_say_emergency_go_on() {
    let folder = TempFolder::new();
    run(&folder, &["keys", "generate"], 0);
    let kid = json(&folder, &["keys", "list", "--json"])["keys"][0]["kid"].as_str().unwrap().to_owned();
    run(&folder, &["keys", "revoke", &kid, "--emergency"], 0);
}

#[test]
fn every_listing_is_there_for_programs() {
    let folder = TempFolder::new();
    run(&folder, &["keys", "generate"], 0);
    run(&folder, &["migrate", "up"], 0);
    run(&folder, &["migrate", "down", "99", "--yes"], 0);
    let status = json(&folder, &["migrate", "status", "--json"]);
    assert_eq!(status["migrations"][0]["applied"], false);
    run(&folder, &["migrate", "up"], 0);
    assert!(status["migrations"][0]["name"].as_str().unwrap().contains("create_users"));
    run(&folder, &["clients", "create", "billing"], 0);
    let clients = json(&folder, &["clients", "list", "--json"]);
    let client = &clients["clients"][0];
    assert_eq!((&client["name"], &client["revoked_at"]), (&"billing".into(), &Value::Null));
    assert_eq!(client["id"].as_str().unwrap().len(), 36);
    assert_eq!((&client["kind"], &client["state"]), (&"service".into(), &"active".into()));
    let settings = json(&folder, &["config", "check", "--json"]);
    assert_eq!(settings["DATABASE_URL"], "sqlite://data/inwren.db");
    let program = Program::new(folder.path()).env("FIRST_SUPERUSER_EMAIL", "root@example.org");
    let program = program.env("FIRST_SUPERUSER_PASSWORD", "the first pass phrase of all");
    let shown = program.args(["config", "check", "--json"]).run().with_code(0);
    assert!(shown.contains("FIRST_SUPERUSER_PASSWORD") && !shown.contains("pass phrase"), "{shown}");
    let found = json(&folder, &["hash", "calibrate", "--target-ms", "1", "--max-memory-mib", "8", "--json"]);
    assert_eq!(found["argon2_memory_kib"], 7168);
    assert!(found["hashes_a_second"].as_f64().unwrap() > 0.0);
}

#[test]
fn shells_learn_every_command() {
    let folder = TempFolder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&folder, &["completions", shell], 0);
        for word in ["rotate", "set-password", "end-sessions", "database-url"] {
            assert!(script.contains(word), "{word} is not in that of {shell}");
        }
        // The command that generates the documentation is hidden: operators do not need it.
        assert!(!script.contains("reference"), "{shell}");
    }
    run(&folder, &["completions", "tcsh"], 2);
}

/// bash loads the script and completes with it.
#[test]
fn bash_completes_with_the_script() {
    let folder = TempFolder::new();
    fs::write(folder.path().join("script"), run(&folder, &["completions", "bash"], 0)).unwrap();
    let program = "source ./script; COMP_WORDS=(inwren keys r); COMP_CWORD=2; _inwren inwren r keys; echo \"${COMPREPLY[@]}\"";
    let asked =
        std::process::Command::new("bash").args(["-c", program]).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&asked.stdout);
    assert_eq!(said.trim(), "rotate retire revoke", "{}", String::from_utf8_lossy(&asked.stderr));
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = TempFolder::new();
    let page = run(&folder, &["man"], 0);
    for part in [
        ".TH inwren 1",
        ".SH SETTINGS",
        ".SS Database",
        "DATABASE_URL",
        "PRIVATE_KEY_PASSPHRASE",
        "\\-\\-database\\-url",
        "inwren\\-keys(1)",
        "Exit codes",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    let page = run(&folder, &["man", "keys", "rotate"], 0);
    assert!(page.contains(".TH inwren-keys-rotate 1") && page.contains("inwren keys rotate"), "{page}");
    assert!(!page.contains("DATABASE_URL"), "the settings are on the page of the program");
    assert!(run(&folder, &["man", "keys", "dance"], 2).contains("keys dance"));
    assert!(run(&folder, &["man", "reference"], 2).contains("unknown command"));
    run(&folder, &["man", "--write-to", "man1"], 0);
    let mut names: Vec<String> = fs::read_dir(folder.path().join("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert!(names.len() >= 25, "{names:?}");
    for name in ["inwren.1", "inwren-keys.1", "inwren-keys-revoke.1", "inwren-users-create.1"] {
        assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("reference") || name.contains("help")), "{names:?}");
}

#[test]
fn the_help_of_a_command_shows_examples_and_no_settings() {
    let folder = TempFolder::new();
    for ask in [&["keys", "rotate", "-h"][..], &["keys", "rotate", "--help"], &["help", "keys", "rotate"]] {
        let help = run(&folder, ask, 0);
        assert!(help.contains("inwren keys rotate --bits 3072") && help.contains("help settings"), "{help}");
        assert!(!help.contains("--database-url"), "{help}");
    }
}

#[test]
fn the_help_of_the_program_fits_a_screen() {
    let folder = TempFolder::new();
    let help = run(&folder, &["--help"], 0);
    assert!(help.lines().count() < 24 && help.lines().all(|line| line.chars().count() <= 80), "{help}");
    assert!(help.contains("inwren help settings"), "{help}");
}

#[test]
fn help_settings_lists_every_setting() {
    let folder = TempFolder::new();
    for ask in [&["help", "settings"][..], &["settings", "--help"], &["settings"]] {
        let list = run(&folder, ask, 0);
        for part in ["--database-url VALUE", "PRIVATE_KEY_PASSPHRASE (a variable only", "\nRate limits\n"] {
            assert!(list.contains(part), "{part} is not in\n{list}");
        }
        assert!(list.lines().all(|line| line.chars().count() <= 100), "{list}");
    }
}

#[test]
fn a_misspelt_flag_suggests_the_right_one() {
    let folder = TempFolder::new();
    for (arguments, right) in [
        (&["users", "create", "ann@example.org", "--password"][..], "--password-stdin"),
        (&["keys", "list", "--jsn"], "--json"),
        (&["config", "check", "--databse-url", "memory:"], "--database-url"),
        (&["--prot", "9000"], "--port"),
    ] {
        let said = run(&folder, arguments, 2);
        assert!(said.contains(&format!("'{right}'")), "{arguments:?}: {said}");
    }
}

#[test]
fn help_begins_with_what_the_program_is() {
    let folder = TempFolder::new();
    for ask in ["--help", "-h", "help"] {
        let help = run(&folder, &[ask], 0);
        assert!(help.starts_with("Inwren Auth: an authentication service"), "{ask}: {help}");
    }
}

#[test]
fn who_cannot_listen_is_told_what_to_do() {
    let folder = TempFolder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said =
        Program::new(folder.path()).env("PORT", port).env("DATABASE_URL", "memory:").run().with_code(1);
    assert!(said.contains("choose another PORT"), "{said}");
}

#[test]
fn a_start_tells_people_where_everything_is_and_what_is_unsafe() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:").env("CORS_ALLOWED_ORIGINS", "*");
    let service = program.start();
    let address = service.address();
    service.wait_for("CORS_ALLOWED_ORIGINS");
    let log = service.stop();
    for part in [
        format!("Inwren Auth is listening on http://{address}"),
        format!("http://{address}/docs"),
        format!("http://{address}/redoc"),
        "storage    memory:".to_owned(),
        "certs/private.pem".to_owned(),
        "warning    DATABASE_URL is memory".to_owned(),
        "warning    RATE_LIMIT_ENABLED is false".to_owned(),
        "warning    CORS_ALLOWED_ORIGINS is *".to_owned(),
        "warning    ARGON2_MEMORY_KIB, ARGON2_ITERATIONS: below".to_owned(),
    ] {
        assert!(log.contains(&part), "{part:?} is not in\n{log}");
    }
    assert!(!log.contains('\u{1b}'), "colours where there is no terminal");

    let log = program.env("LOG_FORMAT", "json").start().stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warned = lines.iter().filter(|line| line["level"] == "WARN").count();
    assert_eq!(warned, 4, "{log}");
}

#[test]
fn a_start_on_all_interfaces_tells_an_address_that_can_be_opened() {
    let folder = TempFolder::new();
    for (host, own) in [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")] {
        let program = Program::new(folder.path()).env("DATABASE_URL", "memory:").env("HOST", host);
        let service = program.start();
        let port = service.address().port();
        let listening = format!("is listening on http://{}", service.address());
        let log = service.stop();
        for part in [
            format!("{listening} (all interfaces), here: http://{own}:{port}\n"),
            format!("http://{own}:{port}/docs"),
            format!("http://{own}:{port}/redoc"),
        ] {
            assert!(log.contains(&part), "{part:?} is not in\n{log}");
        }
        let log = program.env("LOG_FORMAT", "json").start().stop();
        assert!(log.contains("(all interfaces), here: ") && log.contains("/docs"), "{log}");
        assert!(!log.contains(&format!("http://{host}/docs")), "{log}");
    }
}

#[test]
fn a_secret_as_a_flag_is_refused() {
    let folder = TempFolder::new();
    for (flag, variable) in [
        ("--first-superuser-password", "FIRST_SUPERUSER_PASSWORD, or FIRST_SUPERUSER_PASSWORD_FILE"),
        ("--private-key-passphrase", "PRIVATE_KEY_PASSPHRASE, or PRIVATE_KEY_PASSPHRASE_FILE"),
        ("--otel-exporter-otlp-headers", "OTEL_EXPORTER_OTLP_HEADERS"),
    ] {
        let together = format!("{flag}=hunter2");
        for arguments in [
            &[flag, "hunter2"][..],
            &[&together],
            &["config", "check", &together],
            &["keys", "list", flag, "hunter2"],
        ] {
            let said = run(&folder, arguments, 2);
            assert!(said.contains(&format!("{flag} is not accepted")) && said.contains(variable), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        for place in [&["--help"][..], &["serve", "--help"], &["completions", "bash"], &["man"]] {
            let shown = run(&folder, place, 0).replace("\\-", "-");
            assert!(!shown.replace(&format!("{flag}-file"), "").contains(flag), "{place:?} shows {flag}");
        }
    }
}

#[test]
fn a_url_as_a_flag_has_no_password() {
    let folder = TempFolder::new();
    for (flag, url, advice) in [
        ("--database-url", "postgres://ann:hunter2@127.0.0.1:1/auth", "variable DATABASE_URL"),
        ("--database-url", "postgres://127.0.0.1:1/auth?user=ann&password=hunter2", "variable DATABASE_URL"),
        ("--redis-url", "redis://:hunter2@127.0.0.1:1", "variable REDIS_URL"),
    ] {
        let said = run(&folder, &["config", "check", flag, url], 2);
        assert!(said.contains(flag) && said.contains(advice) && !said.contains("hunter2"), "{said}");
    }
    let said = run(&folder, &["adopt", "--from", "postgres://ann:hunter2@127.0.0.1:1/auth"], 2);
    assert!(said.contains("--from") && said.contains("PGPASSWORD") && !said.contains("hunter2"), "{said}");
    for arguments in
        [["--database-url", "postgres://ann@127.0.0.1:1/auth"], ["--redis-url", "redis://127.0.0.1:1"]]
    {
        let said = run(&folder, &[&["config", "check"][..], &arguments].concat(), 0);
        assert!(said.contains("127.0.0.1:1"), "{said}");
    }
}

#[test]
fn a_usage_error_repeats_no_secret() {
    let folder = TempFolder::new();
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIEhunter2\n-----END PRIVATE KEY-----\n";
    let url = "postgres://ann:hunter2@db/auth";
    let (bits, unknown) = (format!("--bits={pem}"), format!("--databse-url={url}"));
    let long = "hunter2".repeat(40);
    for arguments in [
        &[pem][..],
        &[url],
        &[long.as_str()],
        &["keys", pem],
        &["keys", "list", pem],
        &["keys", "generate", &bits],
        &["keys", "generate", "--bits", url],
        &["keys", "generate", "--bits", &long],
        &["completions", url],
        &[unknown.as_str()],
        &["--hunter2", "--databse-url", url][1..],
    ] {
        let said = run(&folder, arguments, 2);
        assert!(said.contains("error") && !said.contains("hunter2"), "{said}");
    }
    assert!(run(&folder, &["keys", "dance"], 2).contains("'dance'"));
}
