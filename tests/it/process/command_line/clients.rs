//! Client commands: the file of clients, secrets, and what cannot be undone.

use std::fs;

use inwren_tests::process::Program;
use inwren_tests::stores::TempFolder;
use serde_json::{Value, json};

use crate::process::support::database::Storage;

const FILE: &str = r#"
[[clients]]
id = "grafana"
name = "Grafana"
redirect_uris = ["https://grafana.example/login"]

[[clients]]
id = "shop"
name = "Shop"
kind = "public"
redirect_uris = ["com.example.shop:/callback", "http://127.0.0.1/callback"]
first_party = true
"#;

/// What precedes a secret in the output.
const SECRET: &str = "client_secret: secret-token:inwren_";

/// A folder with a file of clients, and a database.
struct Clients {
    folder: TempFolder,
    program: Program,
}

impl Clients {
    fn of(storage: &Storage) -> Self {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        program.clone().args(["migrate", "up"]).run().with_code(0);
        Self { folder, program }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> String {
        let arguments = ["clients"].iter().chain(arguments).copied();
        self.program.clone().args(arguments).run().with_code(code)
    }

    #[track_caller]
    fn apply(&self, file: &str, options: &[&str], code: i32) -> String {
        fs::write(self.folder.path().join("clients.toml"), file).unwrap();
        self.run(&[&["apply", "clients.toml"], options].concat(), code)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(arguments, 0);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The ids of all clients.
    fn ids(&self) -> Vec<String> {
        let listed = self.json(&["list", "--json"]);
        let ids = listed["clients"].as_array().unwrap().iter();
        ids.map(|client| client["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn applying_a_file_twice_changes_nothing() {
    for storage in Storage::each() {
        let clients = Clients::of(&storage);
        let said = clients.apply(FILE, &["--dry-run"], 3);
        assert!(said.contains("+ grafana\n+ shop\n2 differences; nothing was changed"), "{said}");
        assert!(clients.ids().is_empty());

        let said = clients.apply(FILE, &[], 0);
        assert_eq!(said.matches(SECRET).count(), 1, "{said}");
        assert!(!said.contains("client_id:     shop") && said.contains("database: "), "{said}");
        assert_eq!(clients.ids(), ["grafana", "shop"]);
        for options in [&["--dry-run"][..], &[], &["--prune"]] {
            let said = clients.apply(FILE, options, 0);
            assert!(said.contains("no differences: 2 clients") && !said.contains(SECRET), "{said}");
        }

        let changed = FILE.replace("grafana.example/login", "grafana.example/oauth");
        let line =
            "~ grafana\n  redirect_uris: https://grafana.example/login -> https://grafana.example/oauth\n";
        let said = clients.apply(&changed, &["--dry-run"], 3);
        assert!(said.contains(line) && said.contains("1 difference;") && !said.contains("shop"), "{said}");
        let said = clients.apply(&changed, &[], 0);
        assert!(
            said.contains(line) && said.contains("applied 1 difference") && !said.contains(SECRET),
            "{said}"
        );
        let shown = clients.json(&["show", "grafana", "--json"]);
        assert_eq!(shown["redirect_uris"], json!(["https://grafana.example/oauth"]));

        let back = clients.program.clone().args(["clients", "apply", "-"]).input(FILE).run().with_code(0);
        assert!(back.contains("oauth -> https://grafana.example/login"), "{back}");
    }
}

#[test]
fn only_prune_deletes_unlisted_clients() {
    let storage = Storage::sqlite();
    let clients = Clients::of(&storage);
    clients.run(&["create", "billing", "--id", "billing"], 0);
    clients.apply(FILE, &[], 0);
    let grafana = FILE.split("\n\n").next().unwrap();
    assert!(clients.apply(grafana, &[], 0).contains("no differences: 1 client"));
    let said = clients.apply(grafana, &["--prune", "--dry-run"], 3);
    assert!(said.contains("- billing\n- shop\n2 differences"), "{said}");
    let said = clients.apply(grafana, &["--prune"], 2);
    assert!(said.contains("This deletes 2 clients") && said.contains("--yes"), "{said}");
    assert!(clients.apply("", &["--prune", "--yes"], 2).contains("lists no client"));
    assert_eq!(clients.ids(), ["billing", "grafana", "shop"]);
    clients.apply(grafana, &["--prune", "--yes"], 0);
    assert_eq!(clients.ids(), ["grafana"]);
}

#[test]
fn invalid_files_change_nothing() {
    let storage = Storage::sqlite();
    let clients = Clients::of(&storage);
    let with = |line: &str| format!("{FILE}{line}\n");
    for (file, parts) in [
        (with("redirect_url = \"https://shop.example/\""), &["line 13: ", "redirect_url"][..]),
        (with("resources = maybe"), &["line 13: "]),
        (with("access_minutes = 90"), &["line 7: ", "\"shop\"", "access_minutes", "1 to 60"]),
        (with("allowed_tiers = [\"gold\"]"), &["line 7: ", "\"shop\"", "allowed_tiers", "TIERS"]),
        (with("auth_method = \"client_secret_post\""), &["line 7: ", "\"shop\"", "auth_method"]),
        (
            FILE.replace("https://grafana", "http://grafana"),
            &["line 2: ", "\"grafana\"", "redirect_uris", "https"],
        ),
        (FILE.replace("\"shop\"", "\"grafana\""), &["line 7: ", "id: ", "line 2 "]),
    ] {
        let said = clients.apply(&file, &[], 2);
        assert!(said.contains("clients.toml: "), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?}: {said}");
    }
    assert!(clients.ids().is_empty());
    assert!(clients.run(&["apply", "no-such.toml"], 1).contains("no-such.toml"));

    clients.run(&["create", "Shop", "--id", "other"], 0);
    let said = clients.apply(FILE, &[], 1);
    assert!(said.contains("client shop: another client has this name"), "{said}");
    // The first one was created, so the output contains its secret.
    assert!(said.contains("Applied 1 of 2 differences") && said.contains(SECRET), "{said}");
    assert_eq!(clients.ids(), ["other", "grafana"]);
}

#[test]
fn secrets_are_printed_once() {
    let storage = Storage::sqlite();
    let clients = Clients::of(&storage);
    let public =
        ["create", "Shop", "--id", "shop", "--kind", "public", "--redirect-uri", "com.example.shop:/cb"];
    let said = clients.run(&public, 0);
    assert!(said.contains("client_id:     shop") && !said.contains("client_secret"), "{said}");
    let web = [
        "create",
        "Wiki",
        "--id",
        "wiki",
        "--kind",
        "confidential",
        "--redirect-uri",
        "https://wiki.example/",
    ];
    let said = clients.run(&web, 0);
    let secret = said.lines().find_map(|line| line.strip_prefix("client_secret: ")).unwrap();
    let added = clients.run(&["secret", "wiki", "--expires-in", "30"], 0);
    assert!(added.contains(SECRET) && !added.contains("expires_at:    never"), "{added}");

    let shown = clients.run(&["show", "wiki"], 0);
    let as_json = clients.run(&["show", "wiki", "--json"], 0);
    for text in [&shown, &as_json] {
        assert!(
            !text.contains(secret) && !text.contains("secret-token") && !text.contains("digest"),
            "{text}"
        );
    }
    let wiki: Value = serde_json::from_str(&as_json).unwrap();
    assert_eq!(wiki["scopes"], json!(["openid", "profile", "email"]));
    assert_eq!((&wiki["auth_method"], &wiki["state"]), (&json!("client_secret_basic"), &json!("active")));
    let secrets = wiki["secrets"].as_array().unwrap();
    assert!(secrets.len() == 2 && secrets[0]["expires_at"].is_null(), "{wiki}");
    let expires_at = secrets[1]["expires_at"].as_str().unwrap();
    assert!(added.contains(expires_at) && shown.contains(expires_at), "{shown}");

    let first = secrets[0]["id"].as_str().unwrap();
    assert!(clients.run(&["secret", "wiki", "--delete", first], 2).contains("--yes"));
    clients.run(&["secret", "wiki", "--delete", first, "--yes"], 0);
    assert!(
        clients.run(&["secret", "wiki", "--delete", first, "--yes"], 1).contains("no secret with this id")
    );
    for _ in 0..4 {
        assert!(clients.run(&["secret", "wiki"], 0).contains("expires_at:    never"));
    }
    assert!(clients.run(&["secret", "wiki"], 1).contains("5 secrets"));
    assert!(clients.run(&["secret", "shop"], 1).contains("auth_method"));
    assert!(clients.run(&["secret", "no-such"], 1).contains("no client has this id"));
}

#[test]
fn clients_are_disabled_and_deleted() {
    for storage in Storage::each() {
        let clients = Clients::of(&storage);
        clients.apply(FILE, &[], 0);
        clients.run(&["create", &"n".repeat(100)], 0);
        for (arguments, code, part) in [
            (&["create", "Grafana"][..], 1, "this name already"),
            (&["create", "Other", "--id", "grafana"], 1, "this id already"),
            (&["create", "Other", "--id", "gra fana"], 2, "1 to 64 characters"),
            (&["create", "Other", "--redirect-uri", "https://a.example/"], 2, "--kind public"),
            (&["create", "Other", "--kind", "public"], 2, "redirect_uris"),
            (&["create", "Other", "--scope", "a b"], 2, "scopes"),
            (&["show", "no-such"], 1, "no client has this id"),
            (&["delete", "no-such", "--yes"], 1, "no client has this id"),
            (&["revoke", "no-such", "--yes"], 1, "no client has this id"),
        ] {
            let said = clients.run(arguments, code);
            assert!(said.contains(part), "{arguments:?}: {said}");
        }

        clients.run(&["revoke", "grafana", "--yes"], 0);
        assert!(clients.run(&["revoke", "grafana", "--yes"], 1).contains("revoked already"));
        let table = clients.run(&["list"], 0);
        assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
        assert!(table.contains("confidential  disabled  Grafana"), "{table}");
        let listed = clients.json(&["list", "--json"]);
        let grafana = &listed["clients"][0];
        assert_eq!((&grafana["kind"], &grafana["state"]), (&json!("confidential"), &json!("disabled")));
        assert!(grafana["revoked_at"].is_string() && listed["clients"][1]["revoked_at"].is_null());
        let said = clients.apply(FILE, &[], 0);
        assert!(said.contains("~ grafana\n  state: disabled -> active\n"), "{said}");

        assert!(clients.run(&["delete", "shop"], 2).contains("--yes"));
        assert!(clients.run(&["delete", "shop", "--yes"], 0).contains("deleted the client shop"));
        clients.run(&["show", "shop"], 1);
    }
}
