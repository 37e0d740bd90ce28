//! The whole service in the process of the test: the real HTTP endpoint over any store, with a clock that the test
//! controls.

mod browser;
mod call;
mod contract;
pub mod forge;
pub mod old_service;
mod reply;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use inwren_adapters::crypto::argon2::{Argon2Hasher, Argon2Parameters, HasherLimits};
use inwren_adapters::crypto::client_assertions::ClientAssertionVerifier;
use inwren_adapters::crypto::jwt::SigningKeys;
use inwren_adapters::crypto::keys::KeyPair;
use inwren_adapters::crypto::passkey::WebAuthn;
use inwren_adapters::crypto::totp::HmacTotpCodes;
use inwren_adapters::entropy::SystemEntropy;
use inwren_app::config::Config;
use inwren_app::http::{self, AppState};
use inwren_app::wiring;
use inwren_domain::Core;
use inwren_domain::account::create_user;
use inwren_domain::credential::Password;
use inwren_domain::kernel::Clock;
use inwren_domain::outbox::Message;
use inwren_domain::outbox::deliver::Outcome;
use inwren_domain::store::Store;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use serde_json::{Value, json};

pub use browser::{Browser, Field, Form, SESSION_COOKIE};
pub use call::Call;
pub use contract::{Contract, Operation};
pub use reply::Reply;

use crate::fakes::{
    FakeClock, FakeKeyring, FakeMail, FakeOutbound, FakeSignal, Script, deliver_letters, factor_settings,
    faulty_store,
};
use crate::fixtures::{email, fresh_email, now};

/// The password of all accounts that a [`TestApp`] creates.
pub const PASSWORD: &str = "securepassword123";

/// The `iss` claim of the tokens.
pub const ISSUER: &str = "https://issuer.example.org";
/// The `aud` claim of the tokens.
pub const AUDIENCE: &str = "tests";

/// The service over a store. It checks every response against the rules for all responses and against the OpenAPI
/// document.
pub struct TestApp {
    /// The clock of the service, unless the test sets another one.
    pub clock: Arc<FakeClock>,
    /// The state of the service.
    pub state: Arc<AppState>,
    /// What sends the letters, if the service has mail.
    pub mail: Arc<FakeMail>,
    /// The requests of the service to the applications of clients.
    pub outbound: Arc<FakeOutbound>,
    /// The secret keys of the service.
    pub keyring: Arc<FakeKeyring>,
    endpoint: BoxEndpoint<'static, Response>,
    contract: Contract,
}

/// A pair of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// A logged-in account.
#[derive(Clone, Debug)]
pub struct Account {
    /// The id.
    pub id: String,
    /// The e-mail address, which is the login name.
    pub email: String,
    /// The tokens of the first session.
    pub tokens: Tokens,
}

impl TestApp {
    /// The service with the default configuration, but without rate limits.
    pub fn over(store: Arc<dyn Store>) -> Self {
        Self::configured(store, |_| ())
    }

    /// The same, over a store that records its calls.
    pub fn counted(store: Arc<dyn Store>) -> (Self, Arc<Script>) {
        let (counted, asked) = faulty_store(store);
        (Self::over(counted), asked)
    }

    /// The service with the default configuration, including rate limits.
    pub fn limited(store: Arc<dyn Store>) -> Self {
        Self::configured(store, |config| config.limits.enabled = true)
    }

    /// The service with another clock than [its default clock](Self::clock), which does not advance.
    pub fn timed(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self::build(store, Some(clock), false, |_| ())
    }

    /// The service with a changed configuration, such as `config.rules.factors`, which [`factor_settings`] gives. Rate
    /// limits are off unless the change turns them on.
    pub fn configured(store: Arc<dyn Store>, change: impl FnOnce(&mut Config)) -> Self {
        Self::build(store, None, false, change)
    }

    /// The service with mail and a changed configuration, such as `config.rules.email_verification`. The test sends the
    /// letters by [`deliver_letters`](Self::deliver_letters).
    pub fn with_mail(store: Arc<dyn Store>, change: impl FnOnce(&mut Config)) -> Self {
        Self::build(store, None, true, change)
    }

    fn build(
        store: Arc<dyn Store>,
        other_clock: Option<Arc<dyn Clock>>,
        has_mail: bool,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config =
            Config::read(&HashMap::new(), |_| None, None, now()).expect("defaults that are valid");
        config.limits.enabled = false;
        ISSUER.clone_into(&mut config.token_issuer);
        ISSUER.clone_into(&mut config.public_url);
        config.token_audience = AUDIENCE.to_owned();
        config.rules.factors = factor_settings();
        change(&mut config);
        let (clock, mail) = (Arc::new(FakeClock::default()), Arc::new(FakeMail::default()));
        let (keyring, outbound) = (Arc::new(FakeKeyring::default()), Arc::new(FakeOutbound::default()));
        let keys = SigningKeys::of_one(key().clone());
        let tokens = wiring::tokens(&config, &keys).expect("a key that signs");
        let core = Core {
            store,
            hasher: hasher(),
            issuer: tokens.clone(),
            verifier: tokens.clone(),
            legacy_tokens: wiring::legacy_tokens(&config, &tokens),
            keys: tokens,
            keyring: Some(keyring.clone()),
            totp: Arc::new(HmacTotpCodes),
            passkeys: Arc::new(WebAuthn),
            assertions: Arc::new(ClientAssertionVerifier::new(vec![ISSUER.to_owned()])),
            mail: has_mail.then(|| mail.mail()),
            outbound: outbound.clone(),
            outbox_signal: Arc::new(FakeSignal::default()),
            clock: other_clock.unwrap_or_else(|| clock.clone()),
            entropy: Arc::new(SystemEntropy),
            undelivered: Arc::default(),
            settings: config.rules.clone(),
        };
        let state = Arc::new(wiring::app_state(&config, core).expect("parts that fit together"));
        let endpoint = http::endpoint(&state, config.cors.clone());
        let served = http::Served { settings: &config.rules, has_mail };
        let document = http::openapi_document(&state.project_name, &state.issuer, served);
        let contract = Contract::read(&document);
        Self { clock, state, mail, outbound, keyring, endpoint, contract }
    }

    /// The OpenAPI document of the service.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The time of the clock in seconds, as in tokens.
    pub fn clock_seconds(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    /// Creates a `GET` request.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call("GET", path)
    }

    /// Creates a `POST` request.
    pub fn post(&self, path: &str) -> Call<'_> {
        self.call("POST", path)
    }

    /// Creates a `PUT` request.
    pub fn put(&self, path: &str) -> Call<'_> {
        self.call("PUT", path)
    }

    /// Creates a `PATCH` request.
    pub fn patch(&self, path: &str) -> Call<'_> {
        self.call("PATCH", path)
    }

    /// Creates a `DELETE` request.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call("DELETE", path)
    }

    /// Creates a request.
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call::new(self, method, path)
    }

    /// Registers an account, and returns the user.
    pub async fn register(&self, email: &str) -> Value {
        let body = json!({ "email": email, "password": PASSWORD });
        self.post("/auth/register").json(&body).send().await.expect_status(201).json()
    }

    /// Tries to log in.
    pub async fn try_login(&self, email: &str, password: &str) -> Reply {
        let body = json!({ "email": email, "password": password });
        self.post("/auth/login").json(&body).send().await
    }

    /// Logs in.
    pub async fn login(&self, email: &str) -> Tokens {
        self.try_login(email, PASSWORD).await.expect_status(200).tokens()
    }

    /// Tries to exchange a refresh token.
    pub async fn try_refresh(&self, refresh_token: &str) -> Reply {
        self.post("/auth/refresh").json(&json!({ "refresh_token": refresh_token })).send().await
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, refresh_token: &str) -> Tokens {
        self.try_refresh(refresh_token).await.expect_status(200).tokens()
    }

    /// Requests the profile of the token's user.
    pub async fn me(&self, access_token: &str) -> Reply {
        self.get("/users/me").bearer(access_token).send().await
    }

    /// Sends all letters and logout tokens that are due, and returns the outcomes.
    pub async fn deliver_letters(&self) -> Vec<Outcome> {
        deliver_letters(&self.state.core).await
    }

    /// Sends all letters that are due, and returns all that were ever sent to this address, oldest first.
    pub async fn letters_to(&self, address: &str) -> Vec<Message> {
        self.deliver_letters().await;
        self.mail.sent_to(&email(address))
    }

    /// Registers a new user and logs in.
    pub async fn user_fixture(&self) -> Account {
        let email = fresh_email().as_str().to_owned();
        let user = self.register(&email).await;
        let tokens = self.login(&email).await;
        Account { id: user["id"].as_str().expect("an id").to_owned(), email, tokens }
    }

    /// Creates a new superuser and logs in.
    pub async fn superuser(&self) -> Account {
        let address = fresh_email().as_str().to_owned();
        let command = create_user::Command {
            email: email(&address),
            password: Password::new(PASSWORD),
            is_superuser: true,
        };
        let user = create_user::execute(&self.state.core, command).await.expect("a new user");
        let tokens = self.login(&address).await;
        Account { id: user.id.to_string(), email: address, tokens }
    }
}

/// The signing key. All tests share one, because generating a key takes time.
pub fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(2048).expect("a new key"))
}

/// The clock difference that the service accepts between two instances, in seconds.
pub const LEEWAY_SECONDS: i64 = 10;

/// The real hasher with the cheapest parameters, and with capacity for all tests that run in parallel.
fn hasher() -> Arc<Argon2Hasher> {
    static HASHER: OnceLock<Arc<Argon2Hasher>> = OnceLock::new();
    let start = || {
        let cheap = Argon2Parameters { memory_kib: 8, iterations: 1, parallelism: 1 };
        let limits = HasherLimits {
            threads: 2,
            // Enough for legacy hashes, too.
            memory_budget_kib: 128 * 1_024,
            max_waiting: 10_000,
            max_wait: Duration::from_secs(60),
            max_wait_of_known: Duration::from_secs(60),
        };
        Arc::new(Argon2Hasher::start(cheap, limits, Arc::new(SystemEntropy)).expect("a hasher"))
    };
    HASHER.get_or_init(start).clone()
}
