//! In-memory sessions.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::account::User;
use inwren_domain::client::ClientUid;
use inwren_domain::kernel::{
    AgeCursor, Email, Page, PageRequest, SessionId, StoreError, TokenDigest, UserId,
};
use inwren_domain::session::{
    ClientGrant, Eviction, REVOKED_AT_ONCE, Rekey, Revocation, RevocationReason, Session, SessionKind,
    SessionReader, SessionRepository, SessionStart,
};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl SessionReader for MemoryView {
    async fn with_user(&mut self, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
        let state = self.shared.snapshot();
        Ok(state.session_with_user(id).map(|(session, user)| (session.clone(), user.clone())))
    }

    async fn live_of(
        &mut self,
        user: UserId,
        now: OffsetDateTime,
        page: PageRequest<AgeCursor<SessionId>>,
    ) -> Result<Page<Session, AgeCursor<SessionId>>, StoreError> {
        Ok(self.shared.snapshot().live_sessions(user, now, page))
    }

    async fn recent_addresses(&mut self, email: &Email, limit: u16) -> Result<Vec<IpAddr>, StoreError> {
        Ok(self.shared.snapshot().recent_addresses(email, limit.into()))
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

    async fn touch(
        &mut self,
        id: SessionId,
        user: UserId,
        digest: &TokenDigest,
        at: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let is_same = |session: &Session| {
            session.kind == SessionKind::Browser && session.hashed_refresh_token == *digest
        };
        let Some(session) = self.live_session(id, user, at).filter(is_same) else { return Ok(false) };
        self.state.put_session(Session { last_used_at: at, expires_at, ..session });
        Ok(true)
    }

    async fn revoke(
        &mut self,
        id: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<Option<SessionKind>, StoreError> {
        let Some(session) = self.live_session(id, user, at) else { return Ok(None) };
        let kind = session.kind.clone();
        self.state.put_session(Session { revoked: Some(Revocation { at, reason }), ..session });
        Ok(Some(kind))
    }

    async fn revoke_of_browser(
        &mut self,
        browser: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let ends = |grant: &ClientGrant| grant.browser == browser && !grant.is_offline();
        Ok(self.state.revoke_applications(user, Revocation { at, reason }, ends))
    }

    async fn move_to_browser(
        &mut self,
        from: SessionId,
        to: SessionId,
        user: UserId,
    ) -> Result<u64, StoreError> {
        Ok(self.state.move_to_browser(from, to, user))
    }

    async fn revoke_of_client(
        &mut self,
        client: ClientUid,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let ends = |grant: &ClientGrant| grant.client == client;
        Ok(self.state.revoke_applications(user, Revocation { at, reason }, ends))
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

    async fn make_room(&mut self, start: &SessionStart, user: &User) -> Result<i64, StoreError> {
        Ok(self.state.make_room(start, user))
    }

    async fn sweep_ended(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        Ok(self.state.sweep_sessions(before, limit.into()) as u64)
    }
}

impl MemoryUnit {
    /// Returns the user's session with this id, if it is live.
    fn live_session(&self, id: SessionId, user: UserId, at: OffsetDateTime) -> Option<Session> {
        let (session, owner) = self.state.session_with_user(id)?;
        (owner.id == user && session.is_live(owner, at)).then(|| session.clone())
    }
}

impl State {
    pub(super) fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id).map(Arc::as_ref)
    }

    pub(super) fn session_with_user(&self, id: SessionId) -> Option<(&Session, &User)> {
        let session = self.session(id)?;
        Some((session, self.user(session.user_id)?))
    }

    /// Returns the user's live sessions, newest first.
    pub(super) fn live_sessions(
        &self,
        user: UserId,
        now: OffsetDateTime,
        page: PageRequest<AgeCursor<SessionId>>,
    ) -> Page<Session, AgeCursor<SessionId>> {
        let Some(user) = self.user(user) else { return Page { items: Vec::new(), next: None } };
        let mut found = self.unrevoked_sessions(user);
        found.retain(|session| session.is_live(user, now));
        if let Some(after) = page.after {
            found.retain(|session| (session.created_at, session.id) < (after.created_at, after.id));
        }
        found.truncate(usize::from(page.limit()) + 1);
        Page::from_one_more(found, page.limit(), AgeCursor::after)
    }

    /// Returns the user's sessions that were not revoked, newest first.
    pub(super) fn unrevoked_sessions(&self, user: &User) -> Vec<Session> {
        let unrevoked = self.all_sessions(user.id).filter(|session| session.is_unrevoked(user));
        let mut unrevoked: Vec<Session> = unrevoked.cloned().collect();
        unrevoked.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
        unrevoked
    }

    /// Revokes the user's unrevoked sessions of applications whose grant matches, and returns their number.
    fn revoke_applications(
        &mut self,
        user: UserId,
        revocation: Revocation,
        matches: impl Fn(&ClientGrant) -> bool,
    ) -> u64 {
        let Some(user) = self.user(user).cloned() else { return 0 };
        let mut ending = self.unrevoked_sessions(&user);
        ending.retain(|session| session.grant().is_some_and(&matches));
        let count = ending.len() as u64;
        for session in ending {
            self.put_session(Session { revoked: Some(revocation), ..session });
        }
        count
    }

    /// Makes the user's sessions of applications belong to another browser session, and returns their number.
    fn move_to_browser(&mut self, from: SessionId, to: SessionId, user: UserId) -> u64 {
        let began_there = |session: &&Session| session.grant().is_some_and(|grant| grant.browser == from);
        let moving: Vec<Session> = self.all_sessions(user).filter(began_there).cloned().collect();
        let count = moving.len() as u64;
        for mut session in moving {
            if let SessionKind::Application(grant) = &mut session.kind {
                grant.browser = to;
            }
            self.put_session(session);
        }
        count
    }

    /// Revokes all of the user's sessions except those in `kept`, writes the revocation into the newest of them, and
    /// returns into how many.
    pub(super) fn end_sessions(&mut self, user: UserId, kept: &[SessionId], revocation: Revocation) -> u64 {
        let Some(user) = self.user(user).cloned() else { return 0 };
        let epoch = user.sessions_epoch + 1;
        let mut ended = 0;
        for session in self.unrevoked_sessions(&user) {
            if kept.contains(&session.id) {
                self.put_session(Session { epoch, ..session });
            } else if ended < u64::from(REVOKED_AT_ONCE) {
                self.put_session(Session { revoked: Some(revocation), ..session });
                ended += 1;
            }
        }
        self.put_user(User { sessions_epoch: epoch, ..user });
        ended
    }

    /// Makes room for a session, and returns the user's session epoch afterwards.
    pub(super) fn make_room(&mut self, start: &SessionStart, user: &User) -> i64 {
        let at = start.session.created_at;
        let revocation = Revocation { at, reason: RevocationReason::SessionLimit };
        let mut unrevoked = self.unrevoked_sessions(user);
        match start.eviction(u32::try_from(unrevoked.len()).unwrap_or(u32::MAX)) {
            Eviction::None => {}
            Eviction::LeastRecentlyUsed(count) => {
                unrevoked.sort_by_key(|session| (session.expires_at > at, session.last_used_at, session.id));
                for session in unrevoked.into_iter().take(count as usize) {
                    self.put_session(Session { revoked: Some(revocation), ..session });
                }
            }
            Eviction::AllButNewest(count) => {
                let kept: Vec<_> = unrevoked.iter().take(count as usize).map(|session| session.id).collect();
                self.end_sessions(user.id, &kept, revocation);
                return user.sessions_epoch + 1;
            }
        }
        user.sessions_epoch
    }

    /// Returns the addresses of the user's newest sessions.
    pub(super) fn recent_addresses(&self, email: &Email, limit: usize) -> Vec<IpAddr> {
        let Some(user) = self.user_by_email(email) else { return Vec::new() };
        let mut sessions: Vec<&Session> = self.all_sessions(user.id).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
        let newest = sessions.into_iter().filter_map(|session| session.client.ip_address).take(limit);
        newest.collect::<BTreeSet<IpAddr>>().into_iter().collect()
    }

    pub(super) fn all_sessions(&self, user: UserId) -> impl Iterator<Item = &Session> {
        let of_user = self.sessions_of.get(&user).into_iter().flatten();
        of_user.filter_map(|id| self.session(*id))
    }

    pub(super) fn put_session(&mut self, session: Session) {
        self.sessions_of.entry(session.user_id).or_default().insert(session.id);
        self.sessions.insert(session.id, Arc::new(session));
    }

    /// Deletes at most `limit` sessions that ended before `before`.
    pub(super) fn sweep_sessions(&mut self, before: OffsetDateTime, limit: usize) -> usize {
        let ended = |session: &&Arc<Session>| {
            session.expires_at < before || session.revoked.is_some_and(|revocation| revocation.at < before)
        };
        let old: Vec<Arc<Session>> = self.sessions.values().filter(ended).take(limit).cloned().collect();
        for session in &old {
            self.sessions.remove(&session.id);
            if let Some(of_user) = self.sessions_of.get_mut(&session.user_id) {
                of_user.remove(&session.id);
            }
        }
        old.len()
    }
}
