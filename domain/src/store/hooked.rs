//! A store that forwards every call to another store through a hook, which runs around the call. Hooks trace calls, or
//! make them fail in a test. Each method of a port needs one line here.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{ReadView, Store, UnitOfWork};
use crate::account::import::{UserFactors, UserSnapshot, UserTransfer};
use crate::account::{
    Inserted, Registration, Updated, User, UserChange, UserFilter, UserReader, UserRepository,
};
use crate::action_token::{ActionToken, ActionTokenId, ActionTokenReader, ActionTokenRepository, Purpose};
use crate::audit::{AuditEvent, AuditEventId, AuditEventKind, AuditFilter, AuditLog, AuditReader};
use crate::authn::Acr;
use crate::challenge::{Challenge, ChallengeId, ChallengePurpose, ChallengeReader, ChallengeRepository};
use crate::client::{
    Client, ClientId, ClientReader, ClientRepository, ClientSecret, ClientSecretId, ClientUid,
};
use crate::credential::{Account, CredentialReader, CredentialRepository, PasswordHash};
use crate::factor::{
    Budget, CredentialId, Factor, FactorId, FactorName, FactorReader, FactorRepository, PasskeyUse, Spent,
};
use crate::kernel::{AgeCursor, Email, Page, PageRequest, SessionId, StoreError, TokenDigest, UserId};
use crate::keyring::SecretKeyId;
use crate::outbox::{
    ClaimId, Delivery, Letter, LetterCursor, LetterId, LetterKind, LetterState, LogoutsOf, OutboxFigures,
    OutboxReader, OutboxRepository,
};
use crate::pending_registration::{
    PendingRegistration, PendingRegistrationReader, PendingRegistrationRepository, VerificationId,
};
use crate::provider::{
    AuthorizationCode, AuthorizationCodeId, AuthorizationCodeReader, AuthorizationCodeRepository, Consent,
    ConsentReader, ConsentRepository,
};
use crate::session::{
    Rekey, RevocationReason, Rotation, RotationOutcome, Session, SessionKind, SessionReader,
    SessionRepository, SessionStart, SessionStartOutcome,
};
use crate::trusted_device::{TrustedDevice, TrustedDeviceReader, TrustedDeviceRepository};

/// Runs around each call of a store.
pub trait StoreHook: Clone + Send + Sync + 'static {
    /// Makes the call, or fails instead. The name consists of the port and the method, such as `store.users.by_id` or
    /// `store.commit`.
    fn around<T: Send>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;

    /// The hook for a view or a unit of work that has begun. It is dropped with the view or unit.
    fn begun(&self) -> Self {
        self.clone()
    }
}

/// A store behind a hook.
pub struct HookedStore<H> {
    inner: Arc<dyn Store>,
    hook: H,
}

impl<H: StoreHook> HookedStore<H> {
    /// Wraps the store.
    pub fn new(inner: Arc<dyn Store>, hook: H) -> Self {
        Self { inner, hook }
    }
}

/// A view or a unit of work behind a hook.
struct Hooked<T: ?Sized, H> {
    inner: Box<T>,
    hook: H,
}

#[async_trait]
impl<H: StoreHook> Store for HookedStore<H> {
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError> {
        let inner = self.hook.around("store.read", self.inner.read()).await?;
        Ok(Box::new(Hooked { inner, hook: self.hook.begun() }))
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let inner = self.hook.around("store.begin", self.inner.begin()).await?;
        Ok(Box::new(Hooked { inner, hook: self.hook.begun() }))
    }

    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        self.hook.around("store.rotate_session", self.inner.rotate_session(rotation)).await
    }

    async fn open_session(&self, start: &SessionStart) -> Result<SessionStartOutcome, StoreError> {
        self.hook.around("store.open_session", self.inner.open_session(start)).await
    }

    async fn register_user(&self, registration: &Registration) -> Result<Inserted, StoreError> {
        self.hook.around("store.register_user", self.inner.register_user(registration)).await
    }

    async fn snapshot(&self) -> Result<Box<dyn UserSnapshot>, StoreError> {
        self.hook.around("store.snapshot", self.inner.snapshot()).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.hook.around("store.ping", self.inner.ping()).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl<H: StoreHook> UnitOfWork for Hooked<dyn UnitOfWork, H> {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { inner, hook } = *self;
        hook.around("store.commit", inner.commit()).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        let Self { inner, hook } = *self;
        hook.around("store.rollback", inner.rollback()).await
    }
}

/// Forwards the methods of a port.
macro_rules! passed_on {
    ($($port:ident of $handle:ident through $lender:ident {
        $(fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)+
    })+) => {
        $(#[async_trait]
        impl<H: StoreHook> $port for Hooked<dyn $handle, H> {
            $(async fn $name(&mut self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                let name = concat!("store.", stringify!($lender), ".", stringify!($name));
                let call = self.inner.$lender().$name($($argument),*);
                self.hook.around(name, call).await
            })+
        })+
    };
}

passed_on! {
    UserReader of ReadView through users {
        fn by_id(id: UserId) -> Option<User>;
        fn by_email(email: &Email) -> Option<User>;
        fn page(filter: &UserFilter, page: PageRequest) -> Page<User>;
    }

    CredentialReader of ReadView through credentials {
        fn by_id(id: UserId) -> Option<Account>;
        fn by_email(email: &Email) -> Option<Account>;
    }

    SessionReader of ReadView through sessions {
        fn with_user(id: SessionId) -> Option<(Session, User)>;
        fn live_of(
            user: UserId, now: OffsetDateTime, page: PageRequest<AgeCursor<SessionId>>
        ) -> Page<Session, AgeCursor<SessionId>>;
        fn recent_addresses(email: &Email, limit: u16) -> Vec<IpAddr>;
    }

    ClientReader of ReadView through clients {
        fn by_id(id: &ClientId) -> Option<Client>;
        fn by_uid(uid: ClientUid) -> Option<Client>;
        fn secrets(client: ClientUid) -> Vec<ClientSecret>;
        fn page(page: PageRequest<ClientId>) -> Page<Client, ClientId>;
        fn all() -> Vec<Client>;
    }

    AuthorizationCodeReader of ReadView through authorization_codes {
        fn by_digest(digest: &TokenDigest) -> Option<AuthorizationCode>;
    }

    ConsentReader of ReadView through consents {
        fn of(user: UserId, client: ClientUid) -> Option<Consent>;
        fn of_user(user: UserId) -> Vec<Consent>;
    }

    AuditReader of ReadView through audit {
        fn page(
            filter: &AuditFilter, page: PageRequest<AgeCursor<AuditEventId>>
        ) -> Page<AuditEvent, AgeCursor<AuditEventId>>;
        fn has(user: UserId, kind: AuditEventKind) -> bool;
    }

    ActionTokenReader of ReadView through action_tokens {
        fn by_id(id: ActionTokenId) -> Option<ActionToken>;
        fn newest_of(user: UserId, purpose: Purpose) -> Option<ActionToken>;
    }

    PendingRegistrationReader of ReadView through pending_registrations {
        fn by_id(id: VerificationId) -> Option<PendingRegistration>;
        fn newest_of(email: &Email) -> Option<PendingRegistration>;
    }

    OutboxReader of ReadView through outbox {
        fn page(
            state: Option<LetterState>, page: PageRequest<LetterCursor>
        ) -> Page<Letter, LetterCursor>;
        fn was_delivered(kind: LetterKind, recipient: &Email, since: OffsetDateTime) -> bool;
        fn figures() -> OutboxFigures;
    }

    ActionTokenRepository of UnitOfWork through action_tokens {
        fn insert(token: &ActionToken) -> ();
        fn spend(id: ActionTokenId, digest: &TokenDigest, now: OffsetDateTime) -> bool;
        fn count_code(id: ActionTokenId, now: OffsetDateTime) -> Option<i16>;
        fn void(user: UserId, purpose: Purpose) -> u64;
        fn take_expired(purpose: Purpose, now: OffsetDateTime, limit: u16) -> Vec<ActionToken>;
        fn void_all(user: UserId) -> u64;
        fn void_undo_after(user: UserId, after: OffsetDateTime) -> u64;
        fn is_reserved(email: &Email, except: UserId, now: OffsetDateTime) -> bool;
        fn sweep(before: OffsetDateTime, limit: u16) -> u64;
    }

    PendingRegistrationRepository of UnitOfWork through pending_registrations {
        fn insert(registration: &PendingRegistration) -> ();
        fn count_attempt(id: VerificationId, now: OffsetDateTime) -> Option<PendingRegistration>;
        fn renew_code(id: VerificationId, round: i64, attempts: i16, expires_at: OffsetDateTime) -> bool;
        fn spend(id: VerificationId, digest: &TokenDigest, now: OffsetDateTime) -> bool;
        fn delete_all(email: &Email) -> u64;
        fn sweep(before: OffsetDateTime, limit: u16) -> u64;
    }

    OutboxRepository of UnitOfWork through outbox {
        fn insert(letter: &Letter) -> ();
        fn insert_once_since(letter: &Letter, since: OffsetDateTime) -> bool;
        fn queue_logouts(of: LogoutsOf, user: UserId, at: OffsetDateTime) -> u64;
        fn claim(
            claim: ClaimId, now: OffsetDateTime, until: OffsetDateTime, limit: u16, delivery: Delivery
        ) -> Vec<Letter>;
        fn prolong(id: LetterId, claim: ClaimId, until: OffsetDateTime) -> bool;
        fn update(letter: &Letter, claim: ClaimId) -> bool;
        fn delete(id: LetterId, claim: ClaimId) -> bool;
        fn revive(id: LetterId, now: OffsetDateTime, expires_at: OffsetDateTime) -> bool;
        fn mark_address(user: UserId, address: &Email, undeliverable_at: Option<OffsetDateTime>) -> ();
        fn sweep(before: OffsetDateTime, limit: u16) -> u64;
    }

    FactorReader of ReadView through factors {
        fn of_user(user: UserId) -> Vec<Factor>;
        fn by_credential(id: &CredentialId) -> Option<Factor>;
        fn recovery_codes_left(user: UserId) -> u64;
        fn budgets(user: UserId) -> Vec<Spent>;
        fn sealed_with(key: SecretKeyId, limit: u16) -> Vec<Factor>;
    }

    FactorRepository of UnitOfWork through factors {
        fn of_user(user: UserId) -> Vec<Factor>;
        fn insert(factor: &Factor) -> bool;
        fn confirm_totp(id: FactorId, user: UserId, step: i64) -> bool;
        fn accept_step(id: FactorId, user: UserId, step: i64, at: OffsetDateTime) -> bool;
        fn use_passkey(
            id: FactorId, user: UserId, expected_count: u32, used: PasskeyUse, at: OffsetDateTime
        ) -> bool;
        fn rename(id: FactorId, user: UserId, name: &FactorName) -> bool;
        fn remove(id: FactorId, user: UserId) -> bool;
        fn remove_unconfirmed(user: UserId) -> ();
        fn remove_all(user: UserId) -> u64;
        fn reseal(id: FactorId, expected: &[u8], key: SecretKeyId, sealed: &[u8]) -> bool;
        fn replace_recovery_codes(user: UserId, digests: &[TokenDigest]) -> ();
        fn spend_recovery_code(user: UserId, digest: &TokenDigest) -> bool;
        fn recovery_codes_left(user: UserId) -> u64;
        fn take_code(user: UserId, budget: Budget, now: OffsetDateTime) -> Option<Spent>;
        fn return_code(user: UserId, budget: Budget) -> ();
        fn reopen_budgets(user: UserId, except: Option<Budget>) -> ();
    }

    ChallengeReader of ReadView through challenges {
        fn by_digest(digest: &TokenDigest, purpose: ChallengePurpose) -> Option<Challenge>;
    }

    ChallengeRepository of UnitOfWork through challenges {
        fn insert(challenge: &Challenge) -> ();
        fn take_attempt(id: ChallengeId, now: OffsetDateTime) -> Option<i16>;
        fn spend(id: ChallengeId, now: OffsetDateTime) -> bool;
        fn sweep(before: OffsetDateTime, limit: u16) -> u64;
    }

    TrustedDeviceReader of ReadView through trusted_devices {
        fn by_digest(digest: &TokenDigest) -> Option<TrustedDevice>;
    }

    TrustedDeviceRepository of UnitOfWork through trusted_devices {
        fn insert(device: &TrustedDevice) -> ();
        fn delete_all(user: UserId) -> u64;
        fn sweep(before: OffsetDateTime, limit: u16) -> u64;
    }

    UserRepository of UnitOfWork through users {
        fn insert(account: &Account) -> Inserted;
        fn lock(id: UserId) -> Option<User>;
        fn lock_active_superusers() -> Vec<UserId>;
        fn update(id: UserId, change: &UserChange, at: OffsetDateTime) -> Updated;
        fn delete(id: UserId) -> bool;
    }

    CredentialRepository of UnitOfWork through credentials {
        fn password_of(id: UserId) -> Option<PasswordHash>;
        fn change_password(id: UserId, expected_version: i64, hash: &PasswordHash, at: OffsetDateTime) -> bool;
        fn rehash(id: UserId, expected_version: i64, hash: &PasswordHash) -> bool;
        fn advance_version(id: UserId, expected_version: i64, at: OffsetDateTime) -> bool;
        fn change_factors(id: UserId, expected_version: i64, highest_acr: Acr, at: OffsetDateTime) -> bool;
        fn void_password(id: UserId, expected_version: i64, at: OffsetDateTime) -> bool;
    }

    SessionRepository of UnitOfWork through sessions {
        fn insert(session: &Session) -> ();
        fn is_live(id: SessionId, user: UserId, now: OffsetDateTime) -> bool;
        fn rekey(rekey: &Rekey) -> bool;
        fn touch(
            id: SessionId, user: UserId, digest: &TokenDigest, at: OffsetDateTime, expires_at: OffsetDateTime
        ) -> bool;
        fn revoke(
            id: SessionId, user: UserId, reason: RevocationReason, at: OffsetDateTime
        ) -> Option<SessionKind>;
        fn revoke_of_browser(
            browser: SessionId, user: UserId, reason: RevocationReason, at: OffsetDateTime
        ) -> u64;
        fn move_to_browser(from: SessionId, to: SessionId, user: UserId) -> u64;
        fn revoke_of_client(
            client: ClientUid, user: UserId, reason: RevocationReason, at: OffsetDateTime
        ) -> u64;
        fn revoke_all(
            user: UserId, except: Option<SessionId>, reason: RevocationReason, at: OffsetDateTime
        ) -> u64;
        fn make_room(start: &SessionStart, user: &User) -> i64;
        fn sweep_ended(before: OffsetDateTime, limit: u16) -> u64;
    }

    ClientRepository of UnitOfWork through clients {
        fn insert(client: &Client) -> bool;
        fn update(client: &Client) -> bool;
        fn delete(client: ClientUid) -> bool;
        fn lock(client: ClientUid) -> Option<Client>;
        fn insert_secret(secret: &ClientSecret) -> ();
        fn count_secrets(client: ClientUid) -> usize;
        fn delete_secret(id: ClientSecretId, client: ClientUid) -> bool;
        fn use_assertion(client: ClientUid, digest: &TokenDigest, expires_at: OffsetDateTime) -> bool;
        fn sweep_assertions(before: OffsetDateTime, limit: u16) -> u64;
    }

    AuthorizationCodeRepository of UnitOfWork through authorization_codes {
        fn insert(code: &AuthorizationCode) -> ();
        fn spend(id: AuthorizationCodeId, now: OffsetDateTime) -> bool;
        fn count_wrong(id: AuthorizationCodeId) -> ();
        fn sweep(before: OffsetDateTime, limit: u16) -> u64;
    }

    ConsentRepository of UnitOfWork through consents {
        fn current(user: UserId, client: ClientUid) -> Option<Consent>;
        fn put(consent: &Consent) -> ();
        fn delete(user: UserId, client: ClientUid) -> bool;
    }

    UserTransfer of UnitOfWork through transfer {
        fn holders(ids: &[UserId], emails: &[Email]) -> Vec<Account>;
        fn insert_new(accounts: &[Account]) -> Vec<UserId>;
        fn insert_factors(new: &[UserFactors]) -> Vec<UserId>;
        fn replace(account: &Account) -> bool;
    }

    AuditLog of UnitOfWork through audit {
        fn record(event: &AuditEvent) -> ();
        fn record_all(events: &[AuditEvent]) -> ();
        fn sweep(before: OffsetDateTime, limit: u16) -> u64;
    }
}
