use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet, Vector};
use inwren_domain::account::{User, UserFilter};
use inwren_domain::audit::{AuditEvent, AuditEventKind, Subject};
use inwren_domain::client::ServiceClient;
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::kernel::{
    AgeCursor, Email, Page, PageRequest, ServiceClientId, SessionId, UserCursor, UserId,
};
use inwren_domain::session::{Eviction, Opening, REVOKED_AT_ONCE, Revocation, RevocationReason, Session};
use time::OffsetDateTime;

/// The newest audit events that are kept, so that a long-lived process does not grow for ever.
const MAX_AUDIT_EVENTS: usize = 100_000;

/// Everything that the store holds. A clone shares its maps with the original until one of them changes.
#[derive(Clone, Default)]
pub(super) struct State {
    users: HashMap<UserId, Arc<User>>,
    passwords: HashMap<UserId, PasswordHash>,
    by_email: OrdMap<String, UserId>,
    by_creation: OrdMap<(OffsetDateTime, UserId), Arc<User>>,
    sessions: HashMap<SessionId, Arc<Session>>,
    sessions_of: HashMap<UserId, OrdSet<SessionId>>,
    clients: OrdMap<ServiceClientId, Arc<ServiceClient>>,
    audit: Vector<Arc<AuditEvent>>,
}

impl State {
    pub(super) fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id).map(Arc::as_ref)
    }

    pub(super) fn user_by_email(&self, email: &Email) -> Option<&User> {
        self.by_email.get(email.normalized()).and_then(|id| self.user(*id))
    }

    pub(super) fn password_of(&self, id: UserId) -> Option<&PasswordHash> {
        self.passwords.get(&id)
    }

    pub(super) fn account(&self, id: UserId) -> Option<Account> {
        let user = self.user(id)?.clone();
        Some(Account { user, password: self.password_of(id).cloned() })
    }

    pub(super) fn account_by_email(&self, email: &Email) -> Option<Account> {
        self.by_email.get(email.normalized()).and_then(|id| self.account(*id))
    }

    /// The ids of all users, in order.
    pub(super) fn user_ids(&self) -> Vec<UserId> {
        let mut ids: Vec<UserId> = self.users.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn active_superusers(&self) -> Vec<UserId> {
        self.users.values().filter(|user| user.is_active && user.is_superuser).map(|user| user.id).collect()
    }

    pub(super) fn page(&self, filter: &UserFilter, page: &PageRequest) -> Page<User> {
        let found = match (filter.email_prefix(), &page.after) {
            (Some(prefix), after) => {
                let after =
                    after.as_ref().map(|after| after.address.as_str()).filter(|after| prefix < *after);
                let start = after.map_or(Bound::Included(prefix), Bound::Excluded);
                let from_start = self.by_email.range::<_, str>((start, Bound::Unbounded));
                let with_prefix = from_start.take_while(|(address, _)| address.starts_with(prefix));
                one_more(with_prefix.filter_map(|(_, id)| self.user(*id)), filter, page)
            }
            (None, Some(after)) => {
                let older = self.by_creation.range(..(after.age.created_at, after.age.id));
                one_more(older.rev().map(|(_, user)| user.as_ref()), filter, page)
            }
            (None, None) => {
                one_more(self.by_creation.iter().rev().map(|(_, user)| user.as_ref()), filter, page)
            }
        };
        Page::from_one_more(found, page.limit(), UserCursor::after)
    }

    /// Adds a user, or puts the changed one in the place of the old. The address must be free, or the user's own.
    pub(super) fn put_user(&mut self, user: User) {
        if let Some(old) = self.users.get(&user.id) {
            self.by_email.remove(old.email.normalized());
            self.by_creation.remove(&(old.created_at, old.id));
        }
        let user = Arc::new(user);
        self.by_email.insert(user.email.normalized().to_owned(), user.id);
        self.by_creation.insert((user.created_at, user.id), Arc::clone(&user));
        self.users.insert(user.id, user);
    }

    /// As [`put_user`](Self::put_user), with the password.
    pub(super) fn put_account(&mut self, Account { user, password }: Account) {
        self.passwords.remove(&user.id);
        if let Some(password) = password {
            self.set_password(user.id, password);
        }
        self.put_user(user);
    }

    pub(super) fn set_password(&mut self, id: UserId, password: PasswordHash) {
        self.passwords.insert(id, password);
    }

    /// Deletes a user and their sessions.
    pub(super) fn remove_user(&mut self, id: UserId) -> bool {
        let Some(user) = self.users.remove(&id) else { return false };
        self.passwords.remove(&id);
        self.by_email.remove(user.email.normalized());
        self.by_creation.remove(&(user.created_at, id));
        for session in self.sessions_of.remove(&id).into_iter().flatten() {
            self.sessions.remove(&session);
        }
        true
    }

    pub(super) fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id).map(Arc::as_ref)
    }

    pub(super) fn session_with_user(&self, id: SessionId) -> Option<(&Session, &User)> {
        let session = self.session(id)?;
        Some((session, self.user(session.user_id)?))
    }

    /// The user's live sessions, newest first.
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

    /// The user's sessions that were not ended before their time, newest first.
    pub(super) fn unrevoked_sessions(&self, user: &User) -> Vec<Session> {
        let unrevoked = self.all_sessions(user.id).filter(|session| session.is_unrevoked(user));
        let mut unrevoked: Vec<Session> = unrevoked.cloned().collect();
        unrevoked.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
        unrevoked
    }

    /// Ends all of the user's sessions but those that are kept, writes the revocation into the newest of them, and tells into
    /// how many.
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

    /// Makes room for a session, and gives the user as it is then.
    pub(super) fn make_room(&mut self, opening: &Opening, user: &User) -> i64 {
        let at = opening.session.created_at;
        let revocation = Revocation { at, reason: RevocationReason::SessionLimit };
        let mut unrevoked = self.unrevoked_sessions(user);
        match opening.eviction(u32::try_from(unrevoked.len()).unwrap_or(u32::MAX)) {
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

    /// Where the newest of the user's sessions came from.
    pub(super) fn recent_addresses(&self, email: &Email, limit: usize) -> Vec<IpAddr> {
        let Some(user) = self.user_by_email(email) else { return Vec::new() };
        let mut sessions: Vec<&Session> = self.all_sessions(user.id).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
        let newest = sessions.into_iter().filter_map(|session| session.client.ip_address).take(limit);
        newest.collect::<BTreeSet<IpAddr>>().into_iter().collect()
    }

    fn all_sessions(&self, user: UserId) -> impl Iterator<Item = &Session> {
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

    pub(super) fn client(&self, id: ServiceClientId) -> Option<&ServiceClient> {
        self.clients.get(&id).map(Arc::as_ref)
    }

    /// All service clients, in the order in which they were made.
    pub(super) fn clients(&self) -> Vec<ServiceClient> {
        let mut clients: Vec<ServiceClient> = self.clients.values().map(|c| c.as_ref().clone()).collect();
        clients.sort_by_key(|client| (client.created_at, client.id));
        clients
    }

    pub(super) fn put_client(&mut self, client: ServiceClient) {
        self.clients.insert(client.id, Arc::new(client));
    }

    pub(super) fn record(&mut self, event: AuditEvent) {
        self.audit.push_back(Arc::new(event));
        if self.audit.len() > MAX_AUDIT_EVENTS {
            self.audit.pop_front();
        }
    }

    /// Deletes at most `limit` events that occurred before `before`, the oldest first.
    pub(super) fn sweep_events(&mut self, before: OffsetDateTime, limit: usize) -> usize {
        let old = self.audit.iter().filter(|event| event.occurred_at < before);
        let mut old: Vec<_> = old.map(|event| (event.occurred_at, event.id)).collect();
        old.sort_unstable();
        old.truncate(limit);
        self.audit.retain(|event| old.binary_search(&(event.occurred_at, event.id)).is_err());
        old.len()
    }

    pub(super) fn has_event(&self, user: UserId, kind: AuditEventKind) -> bool {
        self.audit.iter().any(|event| event.subject == Subject::User(user) && event.kind == kind)
    }

    pub(super) fn latest_events(&self, limit: usize) -> Vec<AuditEvent> {
        self.audit.iter().rev().take(limit).map(|event| event.as_ref().clone()).collect()
    }
}

/// The users that the filter takes in, one more than the page may have.
fn one_more<'a>(users: impl Iterator<Item = &'a User>, filter: &UserFilter, page: &PageRequest) -> Vec<User> {
    users.filter(|user| filter.matches(user)).take(usize::from(page.limit()) + 1).cloned().collect()
}
