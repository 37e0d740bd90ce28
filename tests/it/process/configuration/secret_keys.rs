//! The file of secret keys at startup.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::json;

use crate::process::support::client::{PASSWORD, Tokens, login};

const ROOT: &str = "root@example.org";
const FILE: &str = "certs/secret.keys";

fn program(folder: &TempFolder) -> Program {
    Program::new(folder.path()).env("AUTO_MIGRATE", "true")
}

#[test]
fn development_creates_a_private_file_once() {
    let folder = TempFolder::new();
    let path = folder.path().join(FILE);
    assert!(program(&folder).start().stop().contains("created a secret key"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let content = fs::read(&path).unwrap();
    assert!(!program(&folder).start().stop().contains("created a secret key"));
    assert_eq!(fs::read(&path).unwrap(), content);
}

#[test]
fn production_without_mail_needs_no_file() {
    let folder = TempFolder::new();
    program(&folder).args(["keys", "generate"]).run().with_code(0);
    let first = [("FIRST_SUPERUSER_EMAIL", ROOT), ("FIRST_SUPERUSER_PASSWORD", PASSWORD)];
    let program = program(&folder).env("ENVIRONMENT", "production");
    let service = first.iter().fold(program, |program, (name, value)| program.env(name, *value)).start();
    assert!(!folder.path().join(FILE).exists());
    // What needs a link says so.
    let root = Tokens::of(&service.call(&login(ROOT, PASSWORD)));
    let invite = Call::post("/admin/users", &json!({ "email": "ann@example.org" })).bearer(&root.access);
    let answer = service.call(&invite).expect(501);
    assert_eq!(answer.text("type"), "/problems/secret-key-not-configured");
    let log = service.stop();
    assert!(!log.contains("request failed"), "{log}");
}

#[test]
fn production_requires_mail_for_verification() {
    let folder = TempFolder::new();
    let program = program(&folder).env("ENVIRONMENT", "production").env("EMAIL_VERIFICATION", "required");
    let text = program.run().with_code(2);
    assert!(text.contains("EMAIL_VERIFICATION") && text.contains("SMTP_URL"), "{text}");
    assert!(!folder.path().join("certs").exists());
}

#[test]
fn invalid_files_stop_the_start() {
    let folder = TempFolder::new();
    let path = folder.path().join(FILE);
    program(&folder).args(["secrets", "generate"]).run().with_code(0);
    let good = fs::read_to_string(&path).unwrap();
    let key = good.lines().nth(1).unwrap();
    for (content, problem) in [
        (String::new(), "no key that is not retired"),
        (format!("{good}{key} never\n"), "line 3"),
        (format!("{good}{key}\n"), "line 3"),
    ] {
        fs::write(&path, &content).unwrap();
        let text = program(&folder).run().with_code(1);
        assert!(text.contains("SECRET_KEY_PATH") && text.contains(FILE) && text.contains(problem), "{text}");
        assert!(!text.contains(key.split(' ').nth(1).unwrap()), "{text}");
    }
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(program(&folder).run().with_code(1).contains("is not a file of secret keys"));
}

#[test]
fn production_refuses_a_file_that_others_may_read() {
    let folder = TempFolder::new();
    program(&folder).args(["keys", "generate"]).run().with_code(0);
    program(&folder).args(["secrets", "generate"]).run().with_code(0);
    fs::set_permissions(folder.path().join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
    let text = program(&folder).env("ENVIRONMENT", "production").run().with_code(1);
    assert!(text.contains("SECRET_KEY_PATH") && text.contains("chmod 600"), "{text}");
    let log = program(&folder).start().stop();
    assert!(log.contains("the secret key may be read by others"), "{log}");
}

#[test]
fn an_invalid_change_keeps_the_previous_keys() {
    let folder = TempFolder::new();
    let path = folder.path().join(FILE);
    let service = program(&folder).start();
    let good = fs::read(&path).unwrap();
    fs::write(&path, "not a key\n").unwrap();
    service.wait_for("the changed secret keys are refused");
    fs::write(&path, good).unwrap();
    service.wait_for("loaded the secret keys");
    service.stop();
}
