//! The other commands, and the help.

use inwren_app::wiring;
use inwren_tests::ports::free_port;
use inwren_tests::process::Program;
use inwren_tests::stores::TempFolder;

#[test]
fn the_document_is_the_committed_one() {
    let folder = TempFolder::new();
    let committed = include_str!("../../../../app/openapi.json");
    let finished = Program::bare(folder.path()).args(["openapi"]).run();
    assert!(finished.output == committed, "run `inwren openapi > app/openapi.json`");
    finished.with_code(0);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "something was made");
}

#[test]
fn the_health_of_a_service_can_be_asked_for() {
    let folder = TempFolder::new();
    // Once the service has stopped, nobody else may be there.
    let port = free_port().to_string();
    let service =
        Program::new(folder.path()).env("DATABASE_URL", "memory:").env("PORT", port.as_str()).start();
    let check = Program::bare(folder.path()).env("PORT", port.as_str()).args(["healthcheck"]);
    check.run().with_code(0);
    service.stop();
    assert!(check.run().with_code(1).contains("cannot be asked"));
}

#[test]
fn every_command_has_help() {
    let folder = TempFolder::new();
    let help = |arguments: &[&str]| {
        let arguments = arguments.iter().chain(&["--help"]).copied();
        Program::bare(folder.path()).args(arguments).run().with_code(0)
    };
    let text = help(&[]);
    for part in [
        "serve",
        "migrate",
        "keys",
        "users",
        "hash",
        "openapi",
        "healthcheck",
        "config",
        "Exit codes",
        "--database-url",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    for (command, part) in [
        ("serve", "Run the service"),
        ("migrate", "status"),
        ("migrate down", "How many"),
        ("keys generate", "--bits"),
        ("users create", "--superuser"),
        ("users set-password", "--password-stdin"),
        ("openapi", "OpenAPI"),
        ("healthcheck", "well"),
        ("config check", "in force"),
    ] {
        let text = help(&command.split(' ').collect::<Vec<_>>());
        assert!(text.contains(part), "{command}: {part} is not in\n{text}");
    }
}

#[test]
fn wrong_usage_is_told_apart() {
    let folder = TempFolder::new();
    for wrong in [&["dance"][..], &["migrate"], &["--no-such-flag"], &["keys", "generate", "--bits", "1024"]]
    {
        Program::bare(folder.path()).args(wrong.iter().copied()).run().with_code(2);
    }
}

/// Whoever builds the binary with one token adapter and the tests with the other tests something else than they think.
#[test]
fn the_binary_is_of_the_build_under_test() {
    let folder = TempFolder::new();
    let version = Program::bare(folder.path()).args(["--version"]).run().with_code(0);
    let expected = format!("inwren {} (tokens: {})\n", env!("CARGO_PKG_VERSION"), wiring::TOKENS);
    assert_eq!(version, expected, "build the binary with the features of the tests, as tests/run does");
    let service =
        Program::new(folder.path()).env("DATABASE_URL", "memory:").env("LOG_FORMAT", "json").start();
    let tokens = format!("\"tokens\":\"{}\"", wiring::TOKENS);
    assert!(service.stop().contains(&tokens));
}

#[test]
fn parameters_for_this_machine_are_found_and_can_be_used() {
    let folder = TempFolder::new();
    let calibrate = ["hash", "calibrate", "--target-ms", "1", "--max-memory-mib", "8"];
    let printed = Program::bare(folder.path()).env("HASH_THREADS", "1").args(calibrate).run().with_code(0);
    let settings: Vec<(&str, &str)> = printed.lines().filter_map(|line| line.split_once('=')).collect();
    let least = [("ARGON2_MEMORY_KIB", "7168"), ("ARGON2_ITERATIONS", "5"), ("ARGON2_PARALLELISM", "1")];
    assert_eq!(settings, least, "{printed}");
    assert!(printed.contains("1 threads make"), "{printed}");
    std::fs::write(folder.path().join(".env"), &printed).unwrap();
    let checked = Program::bare(folder.path()).args(["config", "check"]).run().with_code(0);
    assert!(checked.contains("7168"), "{checked}");
}
