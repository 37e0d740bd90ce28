//! `inwren serve --ephemeral`: a test server for other projects. It must never be mistaken for a production service.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use inwren_tests::process::{Answer, Call, Connection, PATIENCE, Program, Running};
use inwren_tests::stores::TempFolder;
use serde_json::{Value, json};

use crate::process::support::client::{Tokens, login, me, register};

/// The test server, with the JSON that it printed at startup.
struct Double {
    running: Running,
    told: Value,
    address: SocketAddr,
    ready_after: Duration,
    /// CPU time until it was ready.
    work: Duration,
}

impl Double {
    fn start(program: &Program) -> Self {
        let begun = Instant::now();
        let running = program.clone().args(["serve", "--ephemeral", "--json", "--port", "0"]).spawn();
        running.wait_for("{\"url\":");
        let (ready_after, work) = (begun.elapsed(), running.processor_time());
        let line = running.log().lines().next().unwrap().to_owned();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let address = told["url"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        Self { running, told, address, ready_after, work }
    }

    fn call(&self, call: &Call) -> Answer {
        Connection::open(self.address).unwrap().call(call).unwrap()
    }

    fn user(&self, place: usize) -> (String, String, String) {
        let user = &self.told["users"][place];
        let text = |name: &str| user[name].as_str().unwrap().to_owned();
        (text("id"), text("email"), text("password"))
    }

    fn stop(mut self) -> String {
        self.running.signal("TERM");
        assert_eq!(self.running.wait(PATIENCE).code(), Some(0), "{}", self.running.log());
        self.running.log()
    }
}

#[test]
fn its_users_are_there_and_their_tokens_are_its_own() {
    let folder = TempFolder::new();
    let double = Double::start(&Program::bare(folder.path()));
    assert_eq!(double.told["issuer"], double.told["url"]);
    for place in 0..3 {
        let (id, email, password) = double.user(place);
        let tokens = Tokens::of(&double.call(&login(&email, &password)));
        let user = double.call(&me(&tokens.access)).expect(200).json();
        assert_eq!((&user["id"], &user["email"]), (&json!(id), &json!(email)));
        let is_superuser = double.told["users"][place]["is_superuser"] == true;
        let listed = double.call(&Call::get("/admin/users").bearer(&tokens.access)).status;
        assert_eq!(listed, if is_superuser { 200 } else { 403 });
    }
    let keys = double.call(&Call::get("/.well-known/jwks.json")).expect(200).json();
    assert_eq!(keys["keys"][0]["kid"], double.told["kid"]);
    let metadata = double.call(&Call::get("/.well-known/oauth-authorization-server")).expect(200).json();
    assert_eq!(
        (&metadata["issuer"], &metadata["jwks_uri"]),
        (&double.told["issuer"], &double.told["jwks_url"])
    );
    let ann = double.user(1);
    // Rate limits are off.
    for _ in 0..20 {
        double.call(&login(&ann.1, &ann.2)).expect(200);
    }
    double.stop();
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "something was written");
}

#[test]
fn every_start_is_the_same_and_takes_milliseconds() {
    let folder = TempFolder::new();
    let mut starts = Vec::new();
    let mut told = Vec::new();
    for _ in 0..5 {
        let double = Double::start(&Program::bare(folder.path()));
        starts.push((double.work, double.ready_after));
        double.call(&register("new@example.org", "a pass phrase of the tests")).expect(201);
        told.push(["users", "clients", "kid"].map(|name| double.told[name].clone()));
        double.stop();
    }
    starts.sort_unstable();
    println!(
        "an ephemeral service of this build is ready after {starts:?}, of the processor's time and of everybody's"
    );
    // The limit is on CPU time and holds for a debug build: on a busy machine, startup waits longer but needs no more
    // CPU time.
    assert!(starts[0].0 < Duration::from_millis(500), "{starts:?}");
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn standard_output_has_what_a_shell_can_read_and_nothing_else() {
    let folder = TempFolder::new();
    let program = Program::bare(folder.path()).args(["serve", "--ephemeral", "--port", "0"]);
    let mut running = program.spawn();
    running.wait_for("INWREN_READY=1");
    running.signal("TERM");
    running.wait(PATIENCE);
    let log = running.log();
    let (told, rest) = log.split_once("INWREN_READY=1\n").unwrap();
    for line in told.lines() {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        assert!(name.starts_with("INWREN_") && !value.is_empty(), "{line}");
        let plain = |c: char| c.is_ascii_alphanumeric() || ":/.@_-".contains(c);
        assert!(value.chars().all(plain), "a shell would read something else: {line}");
    }
    for name in ["INWREN_URL", "INWREN_ISSUER", "INWREN_ROOT_PASSWORD", "INWREN_ANN_EMAIL", "INWREN_BOB_ID"]
        .into_iter()
        .chain(["INWREN_DISCOVERY_URL", "INWREN_DEMO_APP_CLIENT_ID", "INWREN_DEMO_WEB_CLIENT_SECRET"])
    {
        assert!(told.contains(&format!("{name}=")), "{told}");
    }
    assert!(rest.contains("for tests only") && rest.contains("stopped"), "{log}");
}

#[test]
fn its_clients_and_their_page_exist() {
    let folder = TempFolder::new();
    let double = Double::start(&Program::bare(folder.path()));
    let [app, web] = [0_usize, 1].map(|place| double.told["clients"][place].clone());
    assert_eq!((&app["client_id"], &app["kind"]), (&json!("demo-app"), &json!("public")));
    assert!(app["client_secret"].is_null(), "{app}");
    assert_eq!((&web["client_id"], &web["kind"]), (&json!("demo-web"), &json!("confidential")));
    let discovery = double.call(&Call::get("/.well-known/openid-configuration")).expect(200).json();
    assert_eq!(discovery["issuer"], double.told["issuer"]);

    let page = double.call(&Call::get("/ephemeral")).expect(200).body;
    let listed = ["ann@example.org", "demo-app", "demo-web", "http:&#x2f;&#x2f;localhost:5173&#x2f;callback"];
    for part in listed.into_iter().chain(web["client_secret"].as_str()) {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let home = double.call(&Call::get("/").header("Accept", "text/html")).expect(200).body;
    assert!(home.contains("ephemeral\">Test users and clients"), "{home}");

    // Both clients reach the authorization endpoint's page, with a redirect URI on any port for the public one.
    for (client, redirect_uri) in [
        ("demo-app", "http://127.0.0.1:51004/callback"),
        ("demo-app", "http://localhost:5173/callback"),
        ("demo-web", "http://localhost:8080/callback"),
    ] {
        let request = format!(
            "/oauth/authorize?response_type=code&client_id={client}&redirect_uri={redirect_uri}&scope=openid\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
        double.call(&Call::get(&request)).expect(200);
    }
    let token = Call::new("POST", "/oauth/token").form(&[
        ("grant_type", "authorization_code"),
        ("code", "no-such-code"),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ("redirect_uri", "http%3A%2F%2Flocalhost%3A8080%2Fcallback"),
    ]);
    let basic = |credentials: &str| token.clone().header("Authorization", &format!("Basic {credentials}"));
    // demo-web:ephemeral-demo-web-secret, and a wrong secret.
    let known = double.call(&basic("ZGVtby13ZWI6ZXBoZW1lcmFsLWRlbW8td2ViLXNlY3JldA==")).expect(400);
    assert_eq!(known.json()["error"], "invalid_grant");
    double.call(&basic("ZGVtby13ZWI6d3Jvbmc=")).expect(401);
    double.stop();
}

#[test]
fn it_leaves_the_settings_of_others_alone() {
    let folder = TempFolder::new();
    fs::write(folder.path().join(".env"), "DATABASE_URL=postgres://db.invalid/theirs\nPORT=theirs\n")
        .unwrap();
    let program = Program::bare(folder.path())
        .env("DATABASE_URL", "mysql://db.invalid/theirs")
        .env("TOKEN_ISSUER", "https://auth.example.org");
    let double = Double::start(&program);
    assert_eq!(double.told["issuer"], "https://auth.example.org");
    double.stop();
}

#[test]
fn it_is_kept_away_from_where_it_could_be_believed() {
    let folder = TempFolder::new();
    let run = |arguments: &[&str]| {
        let all = ["serve", "--ephemeral"].iter().chain(arguments).copied();
        Program::bare(folder.path()).args(all).run().with_code(2)
    };
    assert!(run(&["--environment", "production"]).contains("ENVIRONMENT"));
    assert!(run(&["--host", "0.0.0.0"]).contains("--expose"));
    assert!(run(&["--database-url", "sqlite://theirs.db"]).contains("DATABASE_URL"));
    for alone in ["--expose", "--json"] {
        Program::bare(folder.path()).args(["serve", alone]).run().with_code(2);
    }

    // The service refuses the key of the test server as its own signing key, in development too.
    let key = include_str!("../../../../app/src/ephemeral/development_key.pem");
    fs::create_dir(folder.path().join("certs")).unwrap();
    fs::write(folder.path().join("certs/private.pem"), key).unwrap();
    for environment in ["development", "production"] {
        let program = Program::new(folder.path()).env("ENVIRONMENT", environment).after("chmod 600 certs/*");
        let said = program.run().with_code(1);
        assert!(said.contains("PRIVATE_KEY_PATH") && said.contains("published development key"), "{said}");
    }
}
