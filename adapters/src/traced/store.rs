use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::model::{
    AuditEvent, AuditEventKind, Email, Page, PageRequest, PasswordHash, RevocationReason, ServiceClient,
    ServiceClientId, Session, SessionId, User, UserChange, UserFilter, UserId,
};
use inwren_domain::ports::{
    AuditLog, AuditReader, Inserted, Opening, OpeningOutcome, ReadView, Registration, Rekey, Rotation,
    RotationOutcome, ServiceClientReader, ServiceClientRepository, SessionReader, SessionRepository, Store,
    StoreError, UnitOfWork, Updated, UserReader, UserRepository, UserSnapshot, UserTransfer,
};
use opentelemetry::trace::SpanKind;
use time::OffsetDateTime;

use super::spans::Spans;

pub(super) struct TracedStore {
    inner: Arc<dyn Store>,
    spans: Spans,
}

impl TracedStore {
    pub(super) fn new(inner: Arc<dyn Store>, spans: Spans) -> Self {
        Self { inner, spans }
    }
}

#[async_trait]
impl Store for TracedStore {
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError> {
        let inner = self.inner.read().await?;
        Ok(Box::new(TracedView { inner, spans: self.spans.clone() }))
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let inner = self.spans.around("store.begin", SpanKind::Client, self.inner.begin()).await?;
        Ok(Box::new(TracedUnit { inner, spans: self.spans.clone() }))
    }

    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        let call = self.inner.rotate_session(rotation);
        self.spans.around("store.rotate_session", SpanKind::Client, call).await
    }

    async fn open_session(&self, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
        let call = self.inner.open_session(opening);
        self.spans.around("store.open_session", SpanKind::Client, call).await
    }

    async fn register_user(&self, registration: &Registration) -> Result<Inserted, StoreError> {
        let call = self.inner.register_user(registration);
        self.spans.around("store.register_user", SpanKind::Client, call).await
    }

    async fn snapshot(&self) -> Result<Box<dyn UserSnapshot>, StoreError> {
        self.spans.around("store.snapshot", SpanKind::Client, self.inner.snapshot()).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.spans.around("store.ping", SpanKind::Client, self.inner.ping()).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

struct TracedView {
    inner: Box<dyn ReadView>,
    spans: Spans,
}

struct TracedUnit {
    inner: Box<dyn UnitOfWork>,
    spans: Spans,
}

impl ReadView for TracedView {
    fn users(&mut self) -> &mut dyn UserReader {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionReader {
        self
    }

    fn service_clients(&mut self) -> &mut dyn ServiceClientReader {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditReader {
        self
    }
}

#[async_trait]
impl UnitOfWork for TracedUnit {
    fn users(&mut self) -> &mut dyn UserRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn service_clients(&mut self) -> &mut dyn ServiceClientRepository {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditLog {
        self
    }

    fn transfer(&mut self) -> &mut dyn UserTransfer {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { inner, spans } = *self;
        spans.around("store.commit", SpanKind::Client, inner.commit()).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        let Self { inner, spans } = *self;
        spans.around("store.rollback", SpanKind::Client, inner.rollback()).await
    }
}

/// Passes the calls of a port on, each in a span that has the name of the call.
macro_rules! passed_on {
    ($($port:ident of $type:ident through $lender:ident {
        $(fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)+
    })+) => {
        $(#[async_trait]
        impl $port for $type {
            $(async fn $name(&mut self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                let name = concat!("store.", stringify!($lender), ".", stringify!($name));
                let call = self.inner.$lender().$name($($argument),*);
                self.spans.around(name, SpanKind::Client, call).await
            })+
        })+
    };
}

passed_on! {
    UserReader of TracedView through users {
        fn by_id(id: UserId) -> Option<User>;
        fn by_email(email: &Email) -> Option<User>;
        fn page(filter: &UserFilter, page: PageRequest) -> Page<User>;
    }

    SessionReader of TracedView through sessions {
        fn with_user(id: SessionId) -> Option<(Session, User)>;
        fn live_of(
            user: UserId, now: OffsetDateTime, page: PageRequest<SessionId>
        ) -> Page<Session, SessionId>;
        fn recent_addresses(email: &Email, limit: u16) -> Vec<IpAddr>;
    }

    ServiceClientReader of TracedView through service_clients {
        fn by_id(id: ServiceClientId) -> Option<ServiceClient>;
        fn all() -> Vec<ServiceClient>;
    }

    AuditReader of TracedView through audit {
        fn latest(limit: u16) -> Vec<AuditEvent>;
        fn has(user: UserId, kind: AuditEventKind) -> bool;
    }

    UserRepository of TracedUnit through users {
        fn insert(user: &User) -> Inserted;
        fn lock(id: UserId) -> Option<User>;
        fn lock_active_superusers() -> Vec<UserId>;
        fn update(id: UserId, change: &UserChange, at: OffsetDateTime) -> Updated;
        fn change_password(id: UserId, expected_version: i64, hash: &PasswordHash, at: OffsetDateTime) -> bool;
        fn rehash(id: UserId, expected_version: i64, hash: &PasswordHash) -> bool;
        fn delete(id: UserId) -> bool;
    }

    SessionRepository of TracedUnit through sessions {
        fn insert(session: &Session) -> ();
        fn is_live(id: SessionId, user: UserId, now: OffsetDateTime) -> bool;
        fn rekey(rekey: &Rekey) -> bool;
        fn revoke(id: SessionId, user: UserId, reason: RevocationReason, at: OffsetDateTime) -> bool;
        fn revoke_all(
            user: UserId, except: Option<SessionId>, reason: RevocationReason, at: OffsetDateTime
        ) -> u64;
        fn sweep_ended(before: OffsetDateTime, limit: u16) -> u64;
    }

    ServiceClientRepository of TracedUnit through service_clients {
        fn insert(client: &ServiceClient) -> bool;
        fn revoke(id: ServiceClientId, at: OffsetDateTime) -> bool;
    }

    UserTransfer of TracedUnit through transfer {
        fn holders(ids: &[UserId], emails: &[Email]) -> Vec<User>;
        fn insert_new(users: &[User]) -> Vec<UserId>;
        fn replace(user: &User) -> bool;
    }

    AuditLog of TracedUnit through audit {
        fn record(event: &AuditEvent) -> ();
        fn record_all(events: &[AuditEvent]) -> ();
        fn sweep(before: OffsetDateTime, limit: u16) -> u64;
    }
}
