//! Second factors: their secrets, codes, challenges and trusted devices.

use inwren_tests::authenticator::Authenticator;
use inwren_tests::process::Call;
use serde_json::{Value, json};

use super::run::Run;
use crate::process::support::client::{PASSWORD, Tokens, login, register};
use crate::process::support::factors::{
    App, answer, begin_totp, challenge_in, confirm_totp, login_on, texts,
};

const DEE: &str = "dee@example.org";
/// The origin of `PUBLIC_URL`, to which passkeys are bound.
const ORIGIN: &str = "http://localhost:8000";

impl Run {
    /// Everything that a user does with second factors. A challenge, a trusted device and recovery codes are left.
    pub(super) fn second_factors(&mut self) {
        self.secret(PASSWORD);
        self.call(&register(DEE, PASSWORD), 201);
        let first = self.tokens(&login(DEE, PASSWORD));
        let (mut app, codes) = self.authenticator_app(&first);
        let tokens = self.second_step(&mut app, &codes);
        let step_up = json!({ "password": PASSWORD, "method": "recovery_code", "code": codes[1] });
        let tokens = self.tokens(&Call::post("/auth/step-up", &step_up).bearer(&tokens.access));
        self.passkey(&tokens);

        let challenge = self.challenge();
        let (_, device_token) = self.trusted(&answer(&challenge, "totp", &app.code()));
        self.tokens(&login_on(&device_token, DEE));
        self.challenge();
    }

    /// Enrols an authenticator app. Returns it with the recovery codes.
    fn authenticator_app(&mut self, tokens: &Tokens) -> (App, Vec<String>) {
        let new = self.ask(&begin_totp(&tokens.access)).expect(201);
        let mut app = App::new(new.text("secret"));
        self.issued(&new, &[&app.secret]);
        let factor = new.text("id");
        self.call(&confirm_totp(&tokens.access, &factor, &app.wrong_code()), 401);
        let confirmed = self.ask(&confirm_totp(&tokens.access, &factor, &app.code())).expect(201);
        let codes = texts(&confirmed.json()["recovery_codes"]);
        assert_eq!(codes.len(), 10, "{confirmed:?}");
        self.issued(&confirmed, &codes.iter().collect::<Vec<_>>());
        for code in &codes {
            // As the service compares it.
            self.secret(&code.replace('-', ""));
        }
        (app, codes)
    }

    /// Answers the second step with wrong codes and with right ones.
    fn second_step(&mut self, app: &mut App, codes: &[String]) -> Tokens {
        let wrong = self.secret("QRST-UVWX-YZ23-4567-ABCD-EFGH");
        self.secret(&wrong.replace('-', ""));
        let challenge = self.challenge();
        self.call(&answer(&challenge, "recovery_code", &wrong), 401);
        self.call(&answer(&challenge, "totp", &app.wrong_code()), 401);
        self.call(&answer(&challenge, "passkey", &codes[2]), 422);
        self.trusted(&answer(&challenge, "totp", &app.code()));
        self.call(&answer(&challenge, "recovery_code", &codes[2]), 410);
        let challenge = self.challenge();
        self.trusted(&answer(&challenge, "recovery_code", &codes[0])).0
    }

    /// Enrols a passkey, and logs in with it.
    fn passkey(&mut self, tokens: &Tokens) {
        let mut device = Authenticator::new();
        let options = Call::new("POST", "/users/me/passkeys/options").bearer(&tokens.access);
        let options = self.options(&options);
        let credential = json!({ "credential": device.create(&options, ORIGIN) });
        self.call(&Call::post("/users/me/passkeys", &credential).bearer(&tokens.access), 201);
        self.call(&Call::get("/users/me/factors").bearer(&tokens.access), 200);
        let options = self.options(&Call::post("/auth/passkey/options", &json!({})));
        let credential = json!({ "credential": device.get(&options, ORIGIN) });
        self.tokens(&Call::post("/auth/passkey/login", &credential));
    }

    /// Sends the password, and returns the challenge of the second step.
    fn challenge(&mut self) -> String {
        let asked = self.ask(&login(DEE, PASSWORD));
        let challenge = challenge_in(&asked);
        self.issued(&asked, &[&challenge]);
        challenge
    }

    /// The options of a passkey ceremony.
    fn options(&mut self, call: &Call) -> Value {
        let answer = self.ask(call).expect(200);
        let options = answer.json();
        let challenge = options["publicKey"]["challenge"].as_str().expect("a challenge").to_owned();
        self.issued(&answer, &[&challenge]);
        options
    }

    /// Completes a login on a device that is trusted from then on. Returns the token of the device, too.
    fn trusted(&mut self, call: &Call) -> (Tokens, String) {
        let answer = self.ask(call);
        let (tokens, device_token) = (Tokens::of(&answer), answer.text("device_token"));
        self.issued(&answer, &[&tokens.access, &tokens.refresh, &device_token]);
        (tokens, device_token)
    }
}
