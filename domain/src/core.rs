use std::sync::Arc;

use time::Duration;

use crate::account::TierCatalog;
use crate::credential::{ContextWords, PasswordHasher};
use crate::kernel::{Clock, Entropy};
use crate::session::UndeliveredRotations;
use crate::store::Store;
use crate::token::{KeyDirectory, LegacyTokenVerifier, TokenIssuer, TokenVerifier};

/// All that the use cases work with: the ports, each behind a trait object, and the rules' settings.
///
/// The application builds one at the start and hands it to every use case.
#[derive(Clone)]
pub struct Core {
    /// Where users, sessions and audit events are kept.
    pub store: Arc<dyn Store>,
    /// The one way to make or check a password hash.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Signs tokens.
    pub issuer: Arc<dyn TokenIssuer>,
    /// Turns a presented token back into its claims, or refuses it.
    pub verifier: Arc<dyn TokenVerifier>,
    /// Accepts access tokens of the service before this one, while its users move in. None accepts none.
    pub legacy_tokens: Option<Arc<dyn LegacyTokenVerifier>>,
    /// Tells others how to verify tokens.
    pub keys: Arc<dyn KeyDirectory>,
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// The only source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Rotations whose answer may not have reached the client. All copies of a core MUST share one.
    pub undelivered: Arc<UndeliveredRotations>,
    /// Lifetimes and rules.
    pub settings: Settings,
}

/// The lifetimes and rules that an operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an access token is good for.
    pub access_token_lifetime: Duration,
    /// How long a refresh token is good for if it is not used.
    pub refresh_token_lifetime: Duration,
    /// The most sessions that an account may have; a login that exceeds it ends the least recently used one.
    pub sessions_per_user: u16,
    /// When a session ends however often it was refreshed (OWASP ASVS 5.0, 7.3.2).
    pub session_max_lifetime: Duration,
    /// For how long after a rotation the token before it still gets its successor again. Zero turns it off.
    pub refresh_reuse_grace: Duration,
    /// How old an authentication may be for a sensitive change (RFC 9470). Zero turns the check off.
    pub reauthentication_max_age: Duration,
    /// The tiers there are, and those that a user may choose.
    pub tiers: TierCatalog,
    /// Words that do not make a password.
    pub context_words: ContextWords,
    /// For how long what is over is kept.
    pub retention: Retention,
}

/// For how long what is over is kept, so that the store does not grow for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Of a session that has ended: so an operator still sees what became of it, and the client networks of earlier
    /// sessions are still known.
    pub ended_sessions: Duration,
    /// Of an audit event. `None` is for ever.
    pub audit_events: Option<Duration>,
}
