use std::sync::Arc;

use time::Duration;

use crate::account::{EmailVerification, RegistrationMode, TierCatalog};
use crate::client::ClientAssertions;
use crate::credential::{ContextWords, PasswordHasher};
use crate::factor::{FactorPolicy, PasskeyVerifier, RelyingParty, TotpCodes};
use crate::kernel::{Clock, Entropy};
use crate::keyring::{Keyring, KeyringError};
use crate::outbound::Outbound;
use crate::outbox::{Mail, OutboxSignal};
use crate::session::UndeliveredRotations;
use crate::store::Store;
use crate::token::{KeyDirectory, LegacyTokenVerifier, TokenIssuer, TokenVerifier};

/// The ports and settings that every use case works with. Each port is a trait object.
///
/// The application builds one at startup and passes it to every use case.
#[derive(Clone)]
pub struct Core {
    /// Stores users, sessions and audit events.
    pub store: Arc<dyn Store>,
    /// Creates and verifies password hashes; no other component does.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Signs tokens.
    pub issuer: Arc<dyn TokenIssuer>,
    /// Verifies a token and returns its claims.
    pub verifier: Arc<dyn TokenVerifier>,
    /// Verifies access tokens of the legacy service during a migration. `None` rejects them all.
    pub legacy_tokens: Option<Arc<dyn LegacyTokenVerifier>>,
    /// Publishes the keys that verify tokens, and computes keyed hashes.
    pub keys: Arc<dyn KeyDirectory>,
    /// The secret keys. `None` if the service has none: then no link or code can be made.
    pub keyring: Option<Arc<dyn Keyring>>,
    /// Computes the codes of authenticator apps.
    pub totp: Arc<dyn TotpCodes>,
    /// Verifies the ceremonies of passkeys.
    pub passkeys: Arc<dyn PasskeyVerifier>,
    /// Verifies the tokens by which clients authenticate.
    pub assertions: Arc<dyn ClientAssertions>,
    /// What sends letters. `None` if no mail is configured.
    pub mail: Option<Mail>,
    /// Sends requests to the applications of clients.
    pub outbound: Arc<dyn Outbound>,
    /// Wakes the worker that empties the outbox.
    pub outbox_signal: Arc<dyn OutboxSignal>,
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// The only source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Rotations whose response may not have reached the client. All clones of a core MUST share one.
    pub undelivered: Arc<UndeliveredRotations>,
    /// Lifetimes and rules.
    pub settings: Settings,
}

/// The lifetimes and rules that an operator can configure.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Lifetime of an access token.
    pub access_token_lifetime: Duration,
    /// Lifetime of a refresh token that is not used.
    pub refresh_token_lifetime: Duration,
    /// Maximum number of sessions per account. A login that exceeds it ends the least recently used session.
    pub sessions_per_user: u16,
    /// Maximum age of a session, no matter how often it was refreshed (OWASP ASVS 5.0, 7.3.2).
    pub session_max_lifetime: Duration,
    /// How long after a rotation the previous refresh token still returns its successor. Zero disables the grace
    /// period.
    pub refresh_reuse_grace: Duration,
    /// Maximum age of an authentication for a sensitive change (RFC 9470). Zero disables the check.
    pub reauthentication_max_age: Duration,
    /// All tiers, and those that users may choose themselves.
    pub tiers: TierCatalog,
    /// Words that name the service. Each counts as one character of a new password.
    pub context_words: ContextWords,
    /// Whether the address of an account must be verified.
    pub email_verification: EmailVerification,
    /// Who may register.
    pub registration: RegistrationMode,
    /// How long ended sessions and old audit events are kept.
    pub retention: Retention,
    /// The rules of second factors.
    pub factors: FactorSettings,
}

/// The rules of second factors that an operator can configure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorSettings {
    /// Which accounts must have a second factor.
    pub required_for: FactorPolicy,
    /// How many time steps a code may be early or late.
    pub totp_skew_steps: u8,
    /// The name of the service in authenticator apps and passkeys.
    pub service_name: String,
    /// The relying party. `None` if the host of the public URL can have no passkeys.
    pub relying_party: Option<RelyingParty>,
    /// How long a device may leave out the second factor. Zero disables trusted devices.
    pub trusted_device_lifetime: Duration,
    /// Whether a password reset needs the second factor of the account (OWASP ASVS 5.0, 6.4.3).
    pub reset_needs_factor: bool,
    /// How long after a request lost factors are removed. Zero disables such requests.
    pub lost_factor_delay: Duration,
}

impl Core {
    /// The secret keys.
    pub(crate) fn keyring(&self) -> Result<&dyn Keyring, KeyringError> {
        self.keyring.as_deref().ok_or(KeyringError::Missing)
    }

    /// Wakes the worker that empties the outbox, after a commit.
    pub(crate) fn letters_queued(&self) {
        self.outbox_signal.letters_queued();
    }
}

/// Retention periods, which keep the store from growing without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For an ended session. Until then operators see how it ended, and its client network stays recognised.
    pub ended_sessions: Duration,
    /// For an audit event. `None` keeps all events.
    pub audit_events: Option<Duration>,
}
