//! The health check, the demo and other commands, and the help.

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
    // A fixed free port: after the service stops, no other process should listen there.
    let port = free_port().to_string();
    let service =
        Program::new(folder.path()).env("DATABASE_URL", "memory:").env("PORT", port.as_str()).start();
    let check = Program::bare(folder.path()).env("PORT", port.as_str()).args(["healthcheck"]);
    check.run().with_code(0);
    service.stop();
    assert!(check.run().with_code(1).contains("cannot be reached"));
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
        "demo",
        "help settings",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    for (command, part) in [
        ("serve", "Run the service"),
        ("migrate", "status"),
        ("migrate down", "number of migrations"),
        ("keys generate", "--bits"),
        ("users create", "--superuser"),
        ("users set-password", "--password-stdin"),
        ("openapi", "OpenAPI"),
        ("healthcheck", "ready"),
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

/// The binary and the tests must use the same token adapter. Otherwise the tests check another build than they report.
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

/// Runs in the folder of this test, which stays empty.
#[test]
fn the_demo_shows_every_step() {
    let folder = TempFolder::new();
    let finished = Program::bare(folder.path()).args(["demo"]).run();
    println!("the demo of this build took {:?}", finished.took);
    let shown = finished.with_code(0);
    let mut rest = shown.as_str();
    for part in [
        "on http://127.0.0.1:",
        "1. Register a user",
        "> POST /auth/register",
        "< 201 Created",
        "2. Log in",
        "< 200 OK",
        "3. Decode",
        "\"alg\":\"RS256\"",
        "(30 minutes after iat)",
        "aud ",
        "4. Verify it offline",
        "> GET /.well-known/jwks.json",
        "valid          ann@example.org, tier free",
        "refused        with one letter changed: bad signature",
        "5. Rotate",
        "$ inwren keys rotate --now",
        "6. Refresh",
        "> POST /auth/refresh",
        "7. Verify both",
        "valid ",
        "valid ",
        "8. Log out",
        "< 204 No Content",
        "> GET /users/me",
        "< 401 Unauthorized",
        "Next",
        "docs/tutorial.md",
    ] {
        let (_, after) =
            rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not in its place in\n{shown}"));
        rest = after;
    }
    assert!(!shown.contains('\u{1b}'), "colours where there is no terminal");
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "something was written");
}

#[test]
fn a_failed_demo_names_the_reason() {
    let folder = TempFolder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let demo = |arguments: &[&str]| Program::bare(folder.path()).args([&["demo"], arguments].concat()).run();
    assert!(demo(&["--port", &port]).with_code(1).contains("choose another PORT"));
    assert!(demo(&["--database-url", "memory:"]).with_code(2).contains("DATABASE_URL"));
    // The client of the demo is not a proxy and sends no PROXY header.
    let failed = demo(&["--proxy-protocol", "true", "--trusted-proxies", "127.0.0.1"]).with_code(1);
    assert!(failed.contains("step 1 (Register a user) failed: POST /auth/register: "), "{failed}");
    let shown = demo(&["--token-issuer", "https://auth.example.org"]).with_code(0);
    assert!(shown.contains("\"https://auth.example.org\""), "{shown}");
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
