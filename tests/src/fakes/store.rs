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
use time::OffsetDateTime;

use super::script::{Handle, Script};

/// A store that passes everything on to another one, except where its [`Script`] says that it fails.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    script: Arc<Script>,
}

impl FaultyStore {
    /// Stands before a store, and lets others run before and after each call, so that races are met more often.
    pub fn dawdling(inner: Arc<dyn Store>) -> Self {
        Self { inner, script: Arc::new(Script::dawdling()) }
    }

    /// Stands before a store, and lets everything pass at first.
    pub fn over(inner: Arc<dyn Store>) -> Self {
        Self { inner, script: Arc::default() }
    }

    /// What it is to fail at, and what it was asked.
    pub fn script(&self) -> Arc<Script> {
        self.script.clone()
    }
}

struct FaultyView {
    inner: Box<dyn ReadView>,
    script: Arc<Script>,
    _handle: Handle,
}

struct FaultyUnit {
    inner: Box<dyn UnitOfWork>,
    script: Arc<Script>,
    _handle: Handle,
}

/// Makes the call, unless the script says that it fails before or after.
macro_rules! scripted {
    ($script:expr, $name:literal, $call:expr) => {{
        let lost = $script.enter($name)?;
        $script.pause().await;
        let answer = $call.await?;
        if $script.is_unanswered($name) {
            std::future::pending::<()>().await;
        }
        $script.pause().await;
        lost.map_or(Ok(answer), Err)
    }};
}

#[async_trait]
impl Store for FaultyStore {
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError> {
        let inner = scripted!(self.script, "read", self.inner.read())?;
        Ok(Box::new(FaultyView { inner, script: self.script.clone(), _handle: self.script.open() }))
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let inner = scripted!(self.script, "begin", self.inner.begin())?;
        Ok(Box::new(FaultyUnit { inner, script: self.script.clone(), _handle: self.script.open() }))
    }

    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        scripted!(self.script, "rotate_session", self.inner.rotate_session(rotation))
    }

    async fn open_session(&self, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
        scripted!(self.script, "open_session", self.inner.open_session(opening))
    }

    async fn register_user(&self, registration: &Registration) -> Result<Inserted, StoreError> {
        scripted!(self.script, "register_user", self.inner.register_user(registration))
    }

    async fn snapshot(&self) -> Result<Box<dyn UserSnapshot>, StoreError> {
        scripted!(self.script, "snapshot", self.inner.snapshot())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        scripted!(self.script, "ping", self.inner.ping())
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

impl ReadView for FaultyView {
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
impl UserReader for FaultyView {
    async fn by_id(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        scripted!(self.script, "users.by_id", self.inner.users().by_id(id))
    }

    async fn by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        scripted!(self.script, "users.by_email", self.inner.users().by_email(email))
    }

    async fn page(&mut self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError> {
        scripted!(self.script, "users.page", self.inner.users().page(filter, page))
    }
}

#[async_trait]
impl SessionReader for FaultyView {
    async fn with_user(&mut self, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
        scripted!(self.script, "sessions.with_user", self.inner.sessions().with_user(id))
    }

    async fn live_of(
        &mut self,
        user: UserId,
        now: OffsetDateTime,
        page: PageRequest<SessionId>,
    ) -> Result<Page<Session, SessionId>, StoreError> {
        scripted!(self.script, "sessions.live_of", self.inner.sessions().live_of(user, now, page))
    }

    async fn recent_addresses(&mut self, email: &Email, limit: u16) -> Result<Vec<IpAddr>, StoreError> {
        let inner = self.inner.sessions();
        scripted!(self.script, "sessions.recent_addresses", inner.recent_addresses(email, limit))
    }
}

#[async_trait]
impl ServiceClientReader for FaultyView {
    async fn by_id(&mut self, id: ServiceClientId) -> Result<Option<ServiceClient>, StoreError> {
        scripted!(self.script, "service_clients.by_id", self.inner.service_clients().by_id(id))
    }

    async fn all(&mut self) -> Result<Vec<ServiceClient>, StoreError> {
        scripted!(self.script, "service_clients.all", self.inner.service_clients().all())
    }
}

#[async_trait]
impl AuditReader for FaultyView {
    async fn latest(&mut self, limit: u16) -> Result<Vec<AuditEvent>, StoreError> {
        scripted!(self.script, "audit.latest", self.inner.audit().latest(limit))
    }

    async fn has(&mut self, user: UserId, kind: AuditEventKind) -> Result<bool, StoreError> {
        scripted!(self.script, "audit.has", self.inner.audit().has(user, kind))
    }
}

#[async_trait]
impl UnitOfWork for FaultyUnit {
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
        scripted!(self.script, "commit", self.inner.commit())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        scripted!(self.script, "rollback", self.inner.rollback())
    }
}

#[async_trait]
impl UserRepository for FaultyUnit {
    async fn insert(&mut self, user: &User) -> Result<Inserted, StoreError> {
        scripted!(self.script, "users.insert", self.inner.users().insert(user))
    }

    async fn lock(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        scripted!(self.script, "users.lock", self.inner.users().lock(id))
    }

    async fn lock_active_superusers(&mut self) -> Result<Vec<UserId>, StoreError> {
        scripted!(self.script, "users.lock_active_superusers", self.inner.users().lock_active_superusers())
    }

    async fn update(
        &mut self,
        id: UserId,
        change: &UserChange,
        at: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        scripted!(self.script, "users.update", self.inner.users().update(id, change, at))
    }

    async fn change_password(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let users = self.inner.users();
        scripted!(self.script, "users.change_password", users.change_password(id, expected_version, hash, at))
    }

    async fn rehash(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
    ) -> Result<bool, StoreError> {
        scripted!(self.script, "users.rehash", self.inner.users().rehash(id, expected_version, hash))
    }

    async fn delete(&mut self, id: UserId) -> Result<bool, StoreError> {
        scripted!(self.script, "users.delete", self.inner.users().delete(id))
    }
}

#[async_trait]
impl SessionRepository for FaultyUnit {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        scripted!(self.script, "sessions.insert", self.inner.sessions().insert(session))
    }

    async fn is_live(
        &mut self,
        id: SessionId,
        user: UserId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        scripted!(self.script, "sessions.is_live", self.inner.sessions().is_live(id, user, now))
    }

    async fn rekey(&mut self, rekey: &Rekey) -> Result<bool, StoreError> {
        scripted!(self.script, "sessions.rekey", self.inner.sessions().rekey(rekey))
    }

    async fn revoke(
        &mut self,
        id: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        scripted!(self.script, "sessions.revoke", self.inner.sessions().revoke(id, user, reason, at))
    }

    async fn revoke_all(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let sessions = self.inner.sessions();
        scripted!(self.script, "sessions.revoke_all", sessions.revoke_all(user, except, reason, at))
    }

    async fn sweep_ended(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        scripted!(self.script, "sessions.sweep_ended", self.inner.sessions().sweep_ended(before, limit))
    }
}

#[async_trait]
impl ServiceClientRepository for FaultyUnit {
    async fn insert(&mut self, client: &ServiceClient) -> Result<bool, StoreError> {
        scripted!(self.script, "service_clients.insert", self.inner.service_clients().insert(client))
    }

    async fn revoke(&mut self, id: ServiceClientId, at: OffsetDateTime) -> Result<bool, StoreError> {
        scripted!(self.script, "service_clients.revoke", self.inner.service_clients().revoke(id, at))
    }
}

#[async_trait]
impl UserTransfer for FaultyUnit {
    async fn holders(&mut self, ids: &[UserId], emails: &[Email]) -> Result<Vec<User>, StoreError> {
        scripted!(self.script, "transfer.holders", self.inner.transfer().holders(ids, emails))
    }

    async fn insert_new(&mut self, users: &[User]) -> Result<Vec<UserId>, StoreError> {
        scripted!(self.script, "transfer.insert_new", self.inner.transfer().insert_new(users))
    }

    async fn replace(&mut self, user: &User) -> Result<bool, StoreError> {
        scripted!(self.script, "transfer.replace", self.inner.transfer().replace(user))
    }
}

#[async_trait]
impl AuditLog for FaultyUnit {
    async fn record_all(&mut self, events: &[AuditEvent]) -> Result<(), StoreError> {
        scripted!(self.script, "audit.record_all", self.inner.audit().record_all(events))
    }

    async fn record(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        scripted!(self.script, "audit.record", self.inner.audit().record(event))
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        scripted!(self.script, "audit.sweep", self.inner.audit().sweep(before, limit))
    }
}
