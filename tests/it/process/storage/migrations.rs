//! Migrations by command, and by two processes at the same time.

use inwren_tests::process::{Call, PATIENCE, Program};
use inwren_tests::stores::TempFolder;
use serde_json::json;

use crate::process::support::client::{PASSWORD, Tokens, join, login, me, refresh, register};
use crate::process::support::database::{Storage, block_on, execute};
use crate::process::support::factors::Member;

fn lines(text: &str, beginning: &str) -> usize {
    text.lines().filter(|line| line.starts_with(beginning)).count()
}

/// Number of migrations to revert to reach the schema before this one.
fn steps_before(name: &str) -> String {
    let names = inwren_migration::names();
    (names.len() - names.iter().position(|known| known == name).unwrap()).to_string()
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
        let all = inwren_migration::names().len();
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

/// Accounts of a release that compared domains as typed: all accounts stay, each with its own password.
#[test]
fn domains_become_ascii_and_no_account_is_lost() {
    const NAME: &str = "m20261129_000002_ascii_domains";
    const OTHER: &str = "another pass phrase";
    let accounts = [
        ("root@example.org", PASSWORD),
        ("Ann@Bücher.example", PASSWORD),
        ("bob@Straße.example", PASSWORD),
        ("βόλος@βόλος.example", PASSWORD),
        ("holder@example.org", OTHER),
        ("invisible@example.org", PASSWORD),
        ("number@example.org", PASSWORD),
    ];
    // Addresses that the old release stored and that are invalid today.
    let stored = [
        ("holder@example.org", "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("invisible@example.org", "in\u{34f}v@Bücher.example", "in\u{34f}v@bücher.example"),
        ("number@example.org", "ann@bücher.１", "ann@bücher.１"),
    ];
    let steps = steps_before(NAME);
    let down = ["migrate", "down", "--yes", &steps];
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let run = |arguments: &[&str], input: &str| {
            program.clone().args(arguments.iter().copied()).input(input).run().with_code(0)
        };
        run(&["migrate", "up"], "");
        for (email, password) in accounts {
            let mut create = vec!["users", "create", "--password-stdin", email];
            create.extend((email == "root@example.org").then_some("--superuser"));
            run(&create, &format!("{password}\n"));
        }
        let form_of = |email: &str| {
            let rows = storage.ask(&format!("SELECT email_normalized FROM users WHERE email = '{email}'"));
            rows[0].try_get::<String>("", "email_normalized").unwrap()
        };
        let forms = || ["Ann@Bücher.example", "bob@Straße.example", "βόλος@βόλος.example"].map(&form_of);
        let ascii = ["ann@xn--bcher-kva.example", "bob@xn--strae-oqa.example", "βόλοσ@xn--nxasmm1c.example"];
        assert_eq!(forms(), ascii);
        run(&down, "");
        let former = ["ann@bücher.example", "bob@straße.example", "βόλοσ@βόλοσ.example"];
        assert_eq!(forms(), former);
        for (email, address, normalized) in stored {
            let update = format!(
                "UPDATE users SET email = '{address}', email_normalized = '{normalized}' WHERE email = '{email}'"
            );
            block_on(execute(&storage.url(), &update));
        }

        let report = run(&["migrate", "up"], "");
        assert!(report.contains(&format!("applied {NAME}")), "{report}");
        assert!(
            report.contains("2 users keep the former form of the e-mail address") && !report.contains('@'),
            "{report}"
        );
        assert_eq!(forms(), [former[0], ascii[1], ascii[2]], "{}", storage.name());
        assert_eq!(form_of("in\u{34f}v@Bücher.example"), "in\u{34f}v@xn--bcher-kva.example");
        run(&down, "");
        assert_eq!(forms(), former);

        // Startup migrates and reports as well.
        let service = program.start();
        let id = |email: &str, password: &str| {
            let tokens = Tokens::of(&service.call(&login(email, password)));
            service.call(&me(&tokens.access)).text("id")
        };
        let (ann, holder) = (id("Ann@Bücher.example", PASSWORD), id("ann@xn--bcher-kva.example", OTHER));
        assert_ne!(ann, holder);
        assert!(report.contains(&format!("user {ann}: the user {holder} has")), "{report}");
        let number = id("ann@bücher.１", PASSWORD);
        assert!(report.contains(&format!("user {number}: the address has no ASCII form")), "{report}");
        for (email, password) in [
            ("Ann@Bücher.example", OTHER),
            ("ann@xn--bcher-kva.example", PASSWORD),
            ("bob@strasse.example", PASSWORD),
        ] {
            service.call(&login(email, password)).expect(401);
        }
        for same in ["bob@xn--strae-oqa.example", "βόλος@xn--nxasmm1c.example", "in\u{34f}v@bücher.example"]
        {
            id(same, PASSWORD);
        }

        // The resolution of the conflict: the other account gets another address, and this account sets its address
        // again.
        let root = Tokens::of(&service.call(&login("root@example.org", PASSWORD)));
        let set = |id: &str, email: &str| {
            let call = Call::new("PUT", format!("/admin/users/{id}")).bearer(&root.access);
            service.call(&call.json(&json!({ "email": email })))
        };
        set(&ann, "Ann@Bücher.example").expect(409);
        set(&holder, "holder@example.org").expect(200);
        set(&ann, "Ann@Bücher.example").expect(200);
        assert_eq!(id("ann@xn--bcher-kva.example", PASSWORD), ann);
        assert_eq!(forms(), ascii);
        let log = service.stop();
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains("keeps the former form")).collect();
        assert_eq!(warnings.len(), 2, "{log}");
        assert!(warnings.iter().any(|line| line.contains(&ann) && line.contains(&holder)), "{log}");
    }
}

/// Earlier releases stored a placeholder hash for a user without a password, and the id of a service client as that of
/// a user.
#[test]
fn stand_ins_become_null_and_come_back() {
    let steps = steps_before("m20261129_000005_optional_passwords");
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let run = |arguments: &[&str], input: &str| {
            program.clone().args(arguments.iter().copied()).input(input).run().with_code(0)
        };
        run(&["migrate", "up"], "");
        run(&["users", "create", "--password-stdin", "ann@example.org"], &format!("{PASSWORD}\n"));
        run(&["clients", "create", "billing"], "");
        block_on(execute(&storage.url(), "UPDATE users SET hashed_password = NULL"));
        let hash = || {
            let rows = storage.ask("SELECT hashed_password FROM users");
            rows[0].try_get::<Option<String>>("", "hashed_password").unwrap()
        };
        let events = |of: &str| storage.ask(&format!("SELECT kind FROM audit_events WHERE {of}")).len();

        run(&["migrate", "down", "--yes", &steps], "");
        assert!(hash().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$AAAA"), "{}", storage.name());
        assert_eq!((events("user_id IS NULL"), events("user_id IS NOT NULL")), (0, 2));

        run(&["migrate", "up"], "");
        assert_eq!(hash(), None, "{}", storage.name());
        assert_eq!(
            events("client_id IS NOT NULL AND user_id IS NULL AND kind = 'service_client_created'"),
            1
        );
        assert_eq!(events("client_id IS NULL AND user_id IS NOT NULL AND kind = 'user_registered'"), 1);
    }
}

/// Sessions of a release that stored only the client of the login.
#[test]
fn older_sessions_show_the_login_until_refreshed() {
    let steps = steps_before("m20261129_000003_last_used_client");
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let service = program.start();
        service.call(&register("ann@example.org", PASSWORD)).expect(201);
        let call = login("ann@example.org", PASSWORD).header("user-agent", "Firefox/999");
        let tokens = Tokens::of(&service.call(&call));
        service.stop();
        program.clone().args(["migrate", "down", "--yes", &steps]).run().with_code(0);

        let service = program.start();
        let shown = |access: &str| {
            let list = service.call(&Call::get("/users/me/sessions").bearer(access)).expect(200).json();
            ["ip_address", "last_ip_address", "user_agent", "last_user_agent"]
                .map(|field| list["items"][0][field].as_str().unwrap_or_default().to_owned())
        };
        let before = ["127.0.0.1", "127.0.0.1", "Firefox/999", "Firefox/999"];
        assert_eq!(shown(&tokens.access), before, "{}", storage.name());
        let call = refresh(&tokens.refresh).header("user-agent", "Firefox/1000");
        let tokens = Tokens::of(&service.call(&call));
        let after = ["127.0.0.1", "127.0.0.1", "Firefox/999", "Firefox/1000"];
        assert_eq!(shown(&tokens.access), after, "{}", storage.name());
    }
}

/// A release without second factors can neither ask for one nor keep the limits of a session that may only enrol one.
#[test]
fn rollback_removes_factors_and_enrolment_sessions() {
    let steps = steps_before("m20261130_000003_factors");
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let program = program.env("TOTP_SKEW_STEPS", "2");
        let service = program.start();
        let mut ann = Member::join(&service, "ann@example.org");
        ann.log_in(&service);
        let bob = join(&mut service.connect(), "bob@example.org").unwrap();
        service.stop();
        let service = program.clone().env("SECOND_FACTOR_REQUIRED_FOR", "all").start();
        let enrolling = Tokens::of(&service.call(&login("bob@example.org", PASSWORD)));
        service.call(&me(&enrolling.access)).expect(200);
        service.call(&Call::get("/users/me/sessions").bearer(&enrolling.access)).expect(403);
        service.stop();
        let reset = "UPDATE sessions SET revoked_at = created_at, revoked_reason = 'factors_changed' \
                     WHERE user_id = (SELECT id FROM users WHERE email = 'ann@example.org')";
        block_on(execute(&storage.url(), reset));

        program.clone().args(["migrate", "down", "--yes", &steps]).run().with_code(0);
        let rows = storage.ask("SELECT revoked_reason FROM sessions ORDER BY created_at");
        let reasons: Vec<Option<String>> =
            rows.iter().map(|row| row.try_get("", "revoked_reason").unwrap()).collect();
        let by_admin = Some("revoked_by_admin".to_owned());
        assert_eq!(reasons, [by_admin.clone(), by_admin, None], "{}", storage.name());

        let service = program.start();
        service.call(&login(&ann.email, PASSWORD)).expect(200);
        service.call(&me(&bob.access)).expect(200);
        service.call(&me(&enrolling.access)).expect(401);
        service.stop();
    }
}

/// A release without applications knows services only. It would treat the session of a browser or an application as one
/// of its own.
#[test]
fn services_become_clients_and_come_back() {
    const APPLICATION: &str = "INSERT INTO clients (uid, client_id, name, kind, redirect_uris, \
        post_logout_redirect_uris, scopes, grant_types, auth_method, first_party, min_acr, allowed_tiers, access_minutes, \
        refresh_days, resources, state, created_at, updated_at) \
        SELECT {uid}, 'app', 'App', 'public', 'https://app.example/cb', '', 'openid', 'authorization_code', 'none', \
        FALSE, 'aal1', '', 30, 7, '', 'active', created_at, updated_at FROM clients WHERE name = 'billing'";
    let steps = steps_before("m20261201_000001_provider");
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let run = |arguments: &[&str]| program.clone().args(arguments.iter().copied()).run().with_code(0);
        let create = |name: &str| {
            let text = run(&["clients", "create", name]);
            let field = |field: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
                line.trim_start_matches(':').trim().to_owned()
            };
            (field("client_id"), field("client_secret"))
        };
        run(&["migrate", "up"]);
        let (billing, reports) = (create("billing"), create("reports"));
        run(&["clients", "revoke", &reports.0, "--yes"]);
        let uid = match storage {
            Storage::Postgres(_) => "gen_random_uuid()",
            Storage::Sqlite(_) => "randomblob(16)",
        };
        block_on(execute(&storage.url(), &APPLICATION.replace("{uid}", uid)));
        let service = program.start();
        let ann = join(&mut service.connect(), "ann@example.org").unwrap();
        let browser = Tokens::of(&service.call(&login("ann@example.org", PASSWORD)));
        service.stop();
        let newest =
            "UPDATE sessions SET is_browser = TRUE WHERE created_at = (SELECT max(created_at) FROM sessions)";
        block_on(execute(&storage.url(), newest));

        run(&["migrate", "down", "--yes", &steps]);
        let names = |condition: &str| -> Vec<String> {
            let rows =
                storage.ask(&format!("SELECT name FROM service_clients WHERE {condition} ORDER BY name"));
            rows.iter().map(|row| row.try_get("", "name").unwrap()).collect()
        };
        assert_eq!(names("revoked_at IS NULL"), ["billing"], "{}", storage.name());
        assert_eq!(names("revoked_at IS NOT NULL"), ["reports"], "{}", storage.name());

        let service = program.start();
        for ((id, secret), status) in [(&billing, 200), (&reports, 401)] {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", id.as_str()),
                ("client_secret", secret.as_str()),
            ];
            service.call(&Call::new("POST", "/auth/access-token").form(&form)).expect(status);
        }
        service.call(&me(&ann.access)).expect(200);
        service.call(&me(&browser.access)).expect(401);
        service.stop();
        let clients = storage.ask("SELECT client_id FROM clients ORDER BY name");
        let ids: Vec<String> = clients.iter().map(|row| row.try_get("", "client_id").unwrap()).collect();
        assert_eq!(ids, [billing.0, reports.0], "{}", storage.name());
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
