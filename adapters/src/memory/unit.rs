use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::account::{Inserted, Updated, User, UserChange, UserRepository};
use inwren_domain::audit::{AuditEvent, AuditLog};
use inwren_domain::client::{ServiceClient, ServiceClientRepository};
use inwren_domain::credential::{Account, CredentialRepository, PasswordHash};
use inwren_domain::kernel::{ServiceClientId, SessionId, StoreError, UserId};
use inwren_domain::session::{Opening, Rekey, Revocation, RevocationReason, Session, SessionRepository};
use inwren_domain::store::UnitOfWork;
use time::OffsetDateTime;
use tokio::sync::OwnedMutexGuard;

use super::shared::Shared;
use super::state::State;

/// The one unit that runs, with its own copy of the state.
pub(super) struct MemoryUnit {
    shared: Arc<Shared>,
    state: State,
    _turn: OwnedMutexGuard<()>,
}

impl MemoryUnit {
    pub(super) fn new(shared: Arc<Shared>, turn: OwnedMutexGuard<()>) -> Self {
        let state = shared.snapshot();
        Self { shared, state, _turn: turn }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    pub(super) fn email_is_free(&self, user: &User) -> bool {
        self.state.user_by_email(&user.email).is_none_or(|holder| holder.id == user.id)
    }

    /// The user, if the credential version is the expected one.
    fn user_of_version(&self, id: UserId, version: i64) -> Option<User> {
        self.state.user(id).filter(|user| user.credential_version == version).cloned()
    }

    /// The user's session with this id, if it is live.
    fn live_session(&self, id: SessionId, user: UserId, at: OffsetDateTime) -> Option<Session> {
        let (session, owner) = self.state.session_with_user(id)?;
        (owner.id == user && session.is_live(owner, at)).then(|| session.clone())
    }
}

#[async_trait]
impl UnitOfWork for MemoryUnit {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.shared.publish(self.state);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl UserRepository for MemoryUnit {
    async fn insert(&mut self, account: &Account) -> Result<Inserted, StoreError> {
        if self.state.user_by_email(&account.user.email).is_some() {
            return Ok(Inserted::EmailTaken);
        }
        self.state.put_account(account.clone());
        Ok(Inserted::Inserted)
    }

    async fn lock(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state.user(id).cloned())
    }

    async fn lock_active_superusers(&mut self) -> Result<Vec<UserId>, StoreError> {
        Ok(self.state.active_superusers())
    }

    async fn update(
        &mut self,
        id: UserId,
        change: &UserChange,
        at: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let Some(updated) = self.state.user(id).map(|user| change.applied_to(user, at)) else {
            return Ok(Updated::NotFound);
        };
        if !self.email_is_free(&updated) {
            return Ok(Updated::EmailTaken);
        }
        self.state.put_user(updated.clone());
        Ok(Updated::Updated(updated))
    }

    async fn delete(&mut self, id: UserId) -> Result<bool, StoreError> {
        Ok(self.state.remove_user(id))
    }
}

#[async_trait]
impl CredentialRepository for MemoryUnit {
    async fn password_of(&mut self, id: UserId) -> Result<Option<PasswordHash>, StoreError> {
        Ok(self.state.password_of(id).cloned())
    }

    async fn change_password(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let changed = self.advance_version(id, expected_version, at).await?;
        if changed {
            self.state.set_password(id, hash.clone());
        }
        Ok(changed)
    }

    async fn rehash(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let is_current = self.user_of_version(id, expected_version).is_some();
        if is_current {
            self.state.set_password(id, hash.clone());
        }
        Ok(is_current)
    }

    async fn advance_version(
        &mut self,
        id: UserId,
        expected_version: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let Some(user) = self.user_of_version(id, expected_version) else { return Ok(false) };
        let credential_version = User::next_credential_version(expected_version);
        self.state.put_user(User { credential_version, updated_at: at, ..user });
        Ok(true)
    }
}

#[async_trait]
impl SessionRepository for MemoryUnit {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        self.state.put_session(session.clone());
        Ok(())
    }

    async fn is_live(
        &mut self,
        id: SessionId,
        user: UserId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        Ok(self.live_session(id, user, now).is_some())
    }

    async fn rekey(&mut self, rekey: &Rekey) -> Result<bool, StoreError> {
        let Some(session) = self.live_session(rekey.session_id, rekey.user_id, rekey.at) else {
            return Ok(false);
        };
        self.state.put_session(rekey.applied_to(&session));
        Ok(true)
    }

    async fn revoke(
        &mut self,
        id: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let Some(session) = self.live_session(id, user, at) else { return Ok(false) };
        self.state.put_session(Session { revoked: Some(Revocation { at, reason }), ..session });
        Ok(true)
    }

    async fn revoke_all(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        Ok(self.state.end_sessions(user, except.as_slice(), Revocation { at, reason }))
    }

    async fn make_room(&mut self, opening: &Opening, user: &User) -> Result<i64, StoreError> {
        Ok(self.state.make_room(opening, user))
    }

    async fn sweep_ended(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        Ok(self.state.sweep_sessions(before, limit.into()) as u64)
    }
}

#[async_trait]
impl ServiceClientRepository for MemoryUnit {
    async fn insert(&mut self, client: &ServiceClient) -> Result<bool, StoreError> {
        if self.state.clients().iter().any(|other| other.name == client.name) {
            return Ok(false);
        }
        self.state.put_client(client.clone());
        Ok(true)
    }

    async fn revoke(&mut self, id: ServiceClientId, at: OffsetDateTime) -> Result<bool, StoreError> {
        let live = self.state.client(id).filter(|client| client.revoked_at.is_none()).cloned();
        let Some(client) = live else { return Ok(false) };
        self.state.put_client(ServiceClient { revoked_at: Some(at), ..client });
        Ok(true)
    }
}

#[async_trait]
impl AuditLog for MemoryUnit {
    async fn record(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        self.state.record(event.clone());
        Ok(())
    }

    async fn record_all(&mut self, events: &[AuditEvent]) -> Result<(), StoreError> {
        for event in events {
            self.state.record(event.clone());
        }
        Ok(())
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        Ok(self.state.sweep_events(before, limit.into()) as u64)
    }
}
