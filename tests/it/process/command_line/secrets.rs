//! Secret keys, and links by the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::{Value, json};

use crate::process::support::client::{PASSWORD, join, login, me};
use crate::process::support::database::Storage;

const FILE: &str = "certs/secret.keys";
const ANN: &str = "ann@example.org";
const NEW: &str = "a new pass phrase";

#[test]
fn secret_keys_are_created_rotated_and_listed() {
    let folder = TempFolder::new();
    let file = folder.path().join(FILE);
    let secrets = |arguments: &[&str], code: i32| {
        let arguments = ["secrets"].iter().chain(arguments);
        let text = Program::bare(folder.path()).args(arguments.copied()).run().with_code(code);
        let content = fs::read_to_string(&file).unwrap_or_default();
        for key in content.lines().filter_map(|line| line.split(' ').nth(1)).filter(|key| key.len() == 43) {
            assert!(!text.contains(key), "{text}");
        }
        text
    };
    for command in ["list", "rotate"] {
        let text = secrets(&[command], 1);
        assert!(text.contains("SECRET_KEY_PATH") && text.contains("inwren secrets generate"), "{text}");
    }
    assert!(!folder.path().join("certs").exists());
    assert!(secrets(&["generate"], 0).contains(FILE));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::read(&file).unwrap();
    assert!(secrets(&["generate"], 1).contains("not overwritten"));
    assert!(secrets(&["generate", "--if-missing"], 0).contains("nothing to do"));
    assert_eq!(fs::read(&file).unwrap(), first);

    let listed = || -> Vec<Value> {
        let listed: Value = serde_json::from_str(&secrets(&["list", "--json"], 0)).unwrap();
        listed["keys"].as_array().unwrap().clone()
    };
    let old = listed().remove(0);
    assert_eq!((&old["state"], &old["retired_at"]), (&json!("active"), &Value::Null));
    let text = secrets(&["rotate"], 0);
    assert!(text.contains(&format!("{} is retired", old["id"])), "{text}");
    let keys = listed();
    let states: Vec<&Value> = keys.iter().map(|key| &key["state"]).collect();
    assert_eq!(states, ["active", "retired"]);
    assert_eq!(keys[1]["id"], old["id"]);
    let table = secrets(&["list"], 0);
    assert!(table.lines().count() == 3 && table.starts_with("ID "), "{table}");
}

#[test]
fn a_printed_link_sets_a_new_password() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let service = program.start();
        let ann = join(&mut service.connect(), ANN).unwrap();
        let link = |user: &str| program.clone().args(["users", "reset-link", user]).run();
        let printed = link("Ann@example.org");
        let token = printed.output.strip_prefix("http://localhost:8000/account/reset?t=").expect("a link");
        let token = token.strip_suffix('\n').expect("one line");
        assert!(token.len() == 70 && !token.contains('\n'), "{token}");
        assert!(printed.errors.contains("valid until"), "{}", printed.errors);
        assert!(printed.errors.contains("database: "), "{}", printed.errors);

        // A rotation keeps the link valid.
        program.clone().args(["secrets", "rotate"]).run().with_code(0);
        service.wait_for("loaded the secret keys");
        let reset = Call::post("/auth/password/reset", &json!({"token": token, "new_password": NEW}));
        service.call(&reset).expect(204);
        service.call(&reset).expect(400);
        service.call(&me(&ann.access)).expect(401);
        service.call(&login(ANN, PASSWORD)).expect(401);
        service.call(&login(ANN, NEW)).expect(200);

        assert!(link("bob@example.org").with_code(1).contains("no user has"));
        link("not an address").with_code(2);
        program.clone().args(["users", "deactivate", ANN]).run().with_code(0);
        assert!(link(ANN).with_code(1).contains("inactive"));
        let log = service.stop();
        assert!(!log.contains(token), "{log}");

        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert!(link(ANN).with_code(1).contains("inwren secrets generate"));
    }
}

#[test]
fn a_link_in_production_needs_a_public_url() {
    let folder = TempFolder::new();
    let program = Program::bare(folder.path()).env("ENVIRONMENT", "production");
    let text = program.args(["users", "reset-link", ANN]).run().with_code(2);
    assert!(text.contains("PUBLIC_URL"), "{text}");
}
