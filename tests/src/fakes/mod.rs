//! Fakes of the ports: exact, fast, and controlled by the test.

mod assertions;
mod clock;
mod entropy;
mod hasher;
mod keyring;
mod mail;
mod outbound;
mod script;
mod signal;
mod store;
mod tokens;

use std::sync::Arc;

use inwren_adapters::crypto::passkey::WebAuthn;
use inwren_adapters::crypto::totp::HmacTotpCodes;
use inwren_domain::account::{EmailVerification, RegistrationMode, TierCatalog};
use inwren_domain::credential::ContextWords;
use inwren_domain::factor::{FactorPolicy, RelyingParty};
use inwren_domain::store::Store;
use inwren_domain::{Core, FactorSettings, Retention, Settings};
use time::Duration;

pub use assertions::{FakeAssertions, client_assertion};
pub use clock::FakeClock;
pub use entropy::SeededEntropy;
pub use hasher::{HeldCheck, PlainHasher};
pub use keyring::FakeKeyring;
pub use mail::{FakeMail, code_in, deliver_letters, kind_in, token_in};
pub use outbound::{FakeOutbound, Post};
pub use script::Script;
pub use signal::FakeSignal;
pub use store::{dawdling_store, faulty_store, step_by_step_store};
pub use tokens::FakeTokens;

use crate::fixtures::{tier, unique};

/// The domain of passkeys.
pub const RP_ID: &str = "localhost";
/// The origin of the pages that use passkeys.
pub const ORIGIN: &str = "http://localhost:8000";

/// A core over a store, with the fakes that it uses.
pub struct Fakes {
    /// The argument of the use cases.
    pub core: Core,
    /// The clock of the core.
    pub clock: Arc<FakeClock>,
    /// The hasher of the core.
    pub hasher: Arc<PlainHasher>,
    /// The token issuer and verifier of the core.
    pub tokens: Arc<FakeTokens>,
    /// The keyring of the core.
    pub keyring: Arc<FakeKeyring>,
    /// What sends the letters of the core, if it has mail.
    pub mail: Arc<FakeMail>,
    /// The requests to the applications of clients.
    pub outbound: Arc<FakeOutbound>,
    /// What wakes the worker of the outbox.
    pub signal: Arc<FakeSignal>,
}

impl Fakes {
    /// Fakes over a store, with a new clock and without mail.
    pub fn over(store: Arc<dyn Store>) -> Self {
        Self::with_clock(store, Arc::new(FakeClock::default()))
    }

    /// Fakes over a store, with mail.
    pub fn with_mail(store: Arc<dyn Store>) -> Self {
        let mut fakes = Self::over(store);
        fakes.core.mail = Some(fakes.mail.mail());
        fakes
    }

    /// Fakes over a store, with this clock.
    pub fn with_clock(store: Arc<dyn Store>, clock: Arc<FakeClock>) -> Self {
        let hasher = Arc::new(PlainHasher::default());
        let tokens = Arc::new(FakeTokens::default());
        let (keyring, mail) = (Arc::new(FakeKeyring::default()), Arc::new(FakeMail::default()));
        let (outbound, signal) = (Arc::new(FakeOutbound::default()), Arc::new(FakeSignal::default()));
        let core = Core {
            store,
            hasher: hasher.clone(),
            issuer: tokens.clone(),
            verifier: tokens.clone(),
            legacy_tokens: None,
            keys: tokens.clone(),
            keyring: Some(keyring.clone()),
            totp: Arc::new(HmacTotpCodes),
            passkeys: Arc::new(WebAuthn),
            assertions: Arc::new(FakeAssertions),
            mail: None,
            outbound: outbound.clone(),
            outbox_signal: signal.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(unique())),
            undelivered: Arc::default(),
            settings: settings(),
        };
        Self { core, clock, hasher, tokens, keyring, mail, outbound, signal }
    }
}

/// A core over a store, with this clock and fakes for the other ports.
pub fn core(store: Arc<dyn Store>, clock: Arc<FakeClock>) -> Core {
    Fakes::with_clock(store, clock).core
}

/// Settings with lifetimes like those of a real deployment, and with three tiers of which users may choose two.
pub fn settings() -> Settings {
    let (free, plus, premium) = (tier("free"), tier("plus"), tier("premium"));
    Settings {
        access_token_lifetime: Duration::minutes(15),
        refresh_token_lifetime: Duration::days(7),
        session_max_lifetime: Duration::days(30),
        // More sessions than any test opens.
        sessions_per_user: 10_000,
        refresh_reuse_grace: Duration::seconds(10),
        reauthentication_max_age: Duration::minutes(15),
        tiers: TierCatalog::new(vec![free.clone(), plus.clone(), premium], vec![free, plus])
            .expect("a valid catalog"),
        context_words: ContextWords::of(["Inwren"]),
        email_verification: EmailVerification::Off,
        registration: RegistrationMode::Open,
        retention: Retention { ended_sessions: Duration::days(20), audit_events: Some(Duration::days(40)) },
        factors: factor_settings(),
    }
}

/// Settings of second factors: none is required, and everything optional is enabled. Passkeys belong to `localhost`.
pub fn factor_settings() -> FactorSettings {
    FactorSettings {
        required_for: FactorPolicy::None,
        totp_skew_steps: 1,
        service_name: "Inwren Auth".to_owned(),
        relying_party: Some(RelyingParty { id: RP_ID.to_owned(), origins: vec![ORIGIN.to_owned()] }),
        trusted_device_lifetime: Duration::days(30),
        reset_needs_factor: true,
        lost_factor_delay: Duration::days(3),
    }
}
