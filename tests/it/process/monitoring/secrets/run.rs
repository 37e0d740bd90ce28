//! The actions of clients and operators, and the responses and outputs that they receive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inwren_tests::process::{Answer, Call, Program, Service};
use serde_json::{Value, json};

use super::{FIRST_PASSWORD, TELLING};
use crate::process::support::client::{Tokens, login, me, refresh, register};

/// A running service, and what the test has recorded so far.
pub(super) struct Run {
    program: Program,
    pub(super) service: Service,
    /// Number of requests.
    pub(super) calls: usize,
    /// Secrets that were sent or received.
    pub(super) secrets: Vec<String>,
    /// Responses and outputs, without the tokens and secrets that they are meant to return.
    pub(super) answers: Vec<String>,
}

/// The credentials of a service client.
struct Client {
    id: String,
    secret: String,
}

impl Run {
    pub(super) fn start(program: Program) -> Self {
        let service = program.start();
        Self { program, service, calls: 0, secrets: Vec::new(), answers: Vec::new() }
    }

    pub(super) fn everything(&mut self) {
        let last = self.users();
        self.second_factors();
        self.administration();
        self.services(&last);
        self.operators();
        self.call(&Call::new("POST", "/auth/logout").bearer(&last.access), 204);
        self.call(&me(&last.access), 401);
    }

    fn users(&mut self) -> Tokens {
        let ann = self.secret("ann's first pass phrase");
        self.call(&register("ann@example.org", &ann), 201);
        self.call(&register("ann@example.org", &ann), 409);
        self.call(&register("bea@example.org", "password"), 422);
        let wrong = self.secret("a wrong pass phrase of ann");
        self.call(&login("ann@example.org", &wrong), 401);
        self.call(&login("nobody@example.org", &wrong), 401);
        let first = self.tokens(&login("ann@example.org", &ann));
        let wrong = self.secret("form-pass-phrase-x");
        let form = [("grant_type", "password"), ("username", "ann@example.org"), ("password", &wrong)];
        self.call(&Call::new("POST", "/auth/access-token").form(&form), 400);
        let second = self.tokens(&refresh(&first.refresh));
        let form = [("grant_type", "refresh_token"), ("refresh_token", second.refresh.as_str())];
        let third = self.tokens(&Call::new("POST", "/auth/access-token").form(&form));
        self.call(&me(&third.access), 200);
        self.bad_tokens(&third);
        let new = self.secret("ann's second pass phrase");
        let change = json!({ "current_password": ann, "new_password": new });
        let fourth = self.tokens(&Call::post("/users/me/password", &change).bearer(&third.access));
        let wrong = json!({ "current_password": ann, "new_password": new });
        self.call(&Call::post("/users/me/password", &wrong).bearer(&fourth.access), 401);
        self.call(&Call::get("/users/me/sessions").bearer(&fourth.access), 200);
        self.malformed(&ann);
        self.call(&refresh(&first.refresh), 401);
        self.tokens(&login("ann@example.org", &new))
    }

    fn bad_tokens(&mut self, good: &Tokens) {
        let forged = self.secret(&format!("{}AAAA", good.access));
        self.call(&me(&forged), 401);
        self.call(&me(&good.refresh), 401);
        self.call(&refresh(&good.access), 401);
        let other = self.secret("not-a-token-but-still-nobodys-business");
        self.call(&refresh(&other), 401);
        self.call(&Call::get(&format!("/users/me?access_token={}", good.access)), 401);
        let basic = self.secret("YW5uOnNlY3JldC1vZi1hbm4=");
        self.call(&Call::get("/users/me").header("Authorization", &format!("Basic {basic}")), 401);
    }

    fn malformed(&mut self, password: &str) {
        let json = "application/json";
        let broken = format!("{{\"email\": \"ann@example.org\", \"password\": \"{password}");
        self.call(&Call::new("POST", "/auth/login").body(json, broken), 400);
        let unknown = json!({ "email": "ann@example.org", "password": password, "pass": password });
        self.call(&Call::post("/auth/login", &unknown), 422);
        let misplaced = json!({ "email": password, "password": 12 });
        self.call(&Call::post("/auth/login", &misplaced), 422);
        let twice =
            [("password", "form-pass-phrase-x"), ("password", "form-pass-phrase-x"), ("username", "ann")];
        self.call(&Call::new("POST", "/auth/access-token").form(&twice), 400);
    }

    fn administration(&mut self) {
        let root = self.tokens(&login("root@example.org", FIRST_PASSWORD));
        let list = self.call(&Call::get("/admin/users").bearer(&root.access), 200);
        let users = list["items"].as_array().expect("users").clone();
        let ann = users.iter().find(|user| user["email"] == "ann@example.org").expect("ann");
        let path = format!("/admin/users/{}", ann["id"].as_str().expect("an id"));
        let change = json!({ "tier": "premium" });
        self.call(&Call::new("PUT", path.as_str()).json(&change).bearer(&root.access), 200);
        self.call(&Call::get(&format!("{path}/sessions")).bearer(&root.access), 200);
    }

    /// Service clients, with Basic authentication and form parameters, with valid and invalid secrets.
    fn services(&mut self, user: &Tokens) {
        let client = self.new_client("reports");
        let grant = ("grant_type", "client_credentials");
        let form = [grant, ("client_id", &client.id), ("client_secret", &client.secret)];
        let own = self.client_token(&Call::new("POST", "/auth/access-token").form(&form));
        let basic = self.basic(&client.id, &client.secret);
        let by_basic = |path: &str, form: &[(&str, &str)]| {
            Call::new("POST", path).header("Authorization", &basic).form(form)
        };
        self.client_token(&by_basic("/auth/access-token", &[grant]));
        for token in [&own, &user.access, &user.refresh] {
            self.call(&by_basic("/auth/introspect", &[("token", token)]), 200);
        }
        self.call(&by_basic("/auth/access-token", &form), 400);
        self.call(&by_basic("/auth/introspect", &[("token", &own), ("token", &own)]), 400);
        let wrong = self.secret("a-wrong-secret-of-reports");
        let wrong_basic = self.basic(&client.id, &wrong);
        let ask = Call::new("POST", "/auth/introspect").header("Authorization", &wrong_basic);
        self.call(&ask.form(&[("token", &own)]), 401);
        let form = [grant, ("client_id", &client.id), ("client_secret", &wrong)];
        self.call(&Call::new("POST", "/auth/access-token").form(&form), 401);
        // Id and secret swapped: a value that looks like an id may be a secret.
        let form = [grant, ("client_id", &client.secret), ("client_secret", &client.id)];
        self.call(&Call::new("POST", "/auth/access-token").form(&form), 401);
        self.call(&me(&own), 401);
        self.call(&Call::new("POST", "/auth/revoke").form(&[("token", &own)]), 400);
        let other = self.tokens(&login("root@example.org", FIRST_PASSWORD));
        self.call(&Call::new("POST", "/auth/revoke").form(&[("token", &other.refresh)]), 200);
        self.call(&Call::new("POST", "/auth/revoke").form(&[("token", &other.access)]), 200);
        self.command(&["clients", "revoke", &client.id, "--yes"], "");
        self.call(&by_basic("/auth/introspect", &[("token", &own)]), 401);
    }

    /// Runs operator commands beside the running service.
    fn operators(&mut self) {
        let password = self.secret("cid's first pass phrase");
        self.command(&["users", "create", "cid@example.org", "--password-stdin"], &password);
        let password = self.secret("cid's second pass phrase");
        self.command(&["users", "set-password", "cid@example.org", "--password-stdin"], &password);
        self.command(&["clients", "list"], "");
        self.command(&["keys", "rotate"], "");
        self.command(&["keys", "list"], "");
        self.command(&["keys", "list", "--json"], "");
        self.command(&["config", "check"], "");
        self.service.wait_for("loaded the signing keys");
    }

    fn command(&mut self, arguments: &[&str], input: &str) {
        let program = self.program.clone().args(arguments.iter().copied()).input(&format!("{input}\n"));
        self.answers.push(program.run().with_code(0));
    }

    /// Creates a service client. This is the only output that may contain the secret of a client.
    fn new_client(&mut self, name: &str) -> Client {
        let output = self.program.clone().args(["clients", "create", name]).run().with_code(0);
        let field = |name: &str| {
            let line = output.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {output}")).trim().to_owned()
        };
        let client = Client { id: field("client_id:"), secret: field("client_secret:") };
        self.secret(&client.secret);
        self.answers.push(output.replace(&client.secret, ""));
        client
    }

    fn basic(&mut self, id: &str, secret: &str) -> String {
        let credentials = self.secret(&STANDARD.encode(format!("{id}:{secret}")));
        format!("Basic {credentials}")
    }

    pub(super) fn secret(&mut self, text: &str) -> String {
        self.secrets.push(text.to_owned());
        text.to_owned()
    }

    #[track_caller]
    pub(super) fn call(&mut self, call: &Call, status: u16) -> Value {
        let answer = self.ask(call).expect(status);
        self.answers.push(format!("{answer:?}"));
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    #[track_caller]
    pub(super) fn tokens(&mut self, call: &Call) -> Tokens {
        let answer = self.ask(call);
        let tokens = Tokens::of(&answer);
        self.issued(&answer, &[&tokens.access, &tokens.refresh]);
        tokens
    }

    #[track_caller]
    fn client_token(&mut self, call: &Call) -> String {
        let answer = self.ask(call).expect(200);
        let token = answer.text("access_token");
        self.issued(&answer, &[&token]);
        token
    }

    #[track_caller]
    pub(super) fn ask(&mut self, call: &Call) -> Answer {
        self.calls += 1;
        self.service.call(call)
    }

    /// Records tokens that this response may contain, and no other response.
    pub(super) fn issued(&mut self, answer: &Answer, tokens: &[&String]) {
        let mut rest = format!("{answer:?}");
        for token in tokens {
            rest = rest.replace(token.as_str(), "");
            self.secret(token);
            // The header is the same for all tokens, but the log has no reason to contain it either.
            self.secrets.extend(token.split('.').filter(|part| part.len() >= TELLING).map(str::to_owned));
        }
        self.answers.push(rest);
    }
}
