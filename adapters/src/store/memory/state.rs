use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};
use inwren_domain::account::User;
use inwren_domain::action_token::{ActionToken, ActionTokenId};
use inwren_domain::audit::{AuditEvent, AuditEventId};
use inwren_domain::challenge::{Challenge, ChallengeId};
use inwren_domain::client::{Client, ClientSecret, ClientSecretId, ClientUid};
use inwren_domain::credential::PasswordHash;
use inwren_domain::factor::{Budget, Factor, FactorId, Spent};
use inwren_domain::kernel::{SessionId, TokenDigest, UserId};
use inwren_domain::outbox::{Letter, LetterId};
use inwren_domain::pending_registration::{PendingRegistration, VerificationId};
use inwren_domain::provider::{AuthorizationCode, AuthorizationCodeId, Consent};
use inwren_domain::session::Session;
use inwren_domain::trusted_device::{TrustedDevice, TrustedDeviceId};
use time::OffsetDateTime;

/// The whole content of the store. A clone shares its maps with the original until one of them changes.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) users: HashMap<UserId, Arc<User>>,
    pub(super) passwords: HashMap<UserId, PasswordHash>,
    pub(super) by_email: OrdMap<String, UserId>,
    pub(super) by_creation: OrdMap<(OffsetDateTime, UserId), Arc<User>>,
    pub(super) sessions: HashMap<SessionId, Arc<Session>>,
    pub(super) sessions_of: HashMap<UserId, OrdSet<SessionId>>,
    pub(super) clients: OrdMap<ClientUid, Arc<Client>>,
    pub(super) client_secrets: OrdMap<ClientSecretId, Arc<ClientSecret>>,
    /// When the used assertions expire, by client and digest.
    pub(super) client_assertions: OrdMap<(ClientUid, [u8; 32]), OffsetDateTime>,
    pub(super) authorization_codes: OrdMap<AuthorizationCodeId, Arc<AuthorizationCode>>,
    pub(super) consents: OrdMap<(UserId, ClientUid), Arc<Consent>>,
    pub(super) audit: OrdMap<(OffsetDateTime, AuditEventId), Arc<AuditEvent>>,
    pub(super) action_tokens: OrdMap<ActionTokenId, Arc<ActionToken>>,
    pub(super) pending_registrations: OrdMap<VerificationId, Arc<PendingRegistration>>,
    pub(super) outbox: OrdMap<(OffsetDateTime, LetterId), Arc<Letter>>,
    pub(super) factors: OrdMap<FactorId, Arc<Factor>>,
    pub(super) recovery_codes: HashMap<UserId, Vec<TokenDigest>>,
    pub(super) budgets: OrdMap<(UserId, Budget), Spent>,
    pub(super) challenges: OrdMap<ChallengeId, Arc<Challenge>>,
    pub(super) trusted_devices: OrdMap<TrustedDeviceId, Arc<TrustedDevice>>,
}
