use time::OffsetDateTime;

use super::{SessionId, UserId};
use crate::account::User;
use crate::audit::{AuditEvent, AuditEventId};
use crate::outbox::{Letter, LetterId};
use crate::session::Session;

/// A position in a listing, newest first: after the item with this creation time and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgeCursor<Id> {
    /// Creation time of the last listed item.
    pub created_at: OffsetDateTime,
    /// Id of the last listed item, which breaks ties.
    pub id: Id,
}

impl AgeCursor<SessionId> {
    /// The position right after a session.
    pub fn after(session: &Session) -> Self {
        Self { created_at: session.created_at, id: session.id }
    }
}

impl AgeCursor<AuditEventId> {
    /// The position right after an audit event.
    pub fn after_event(event: &AuditEvent) -> Self {
        Self { created_at: event.occurred_at, id: event.id }
    }
}

impl AgeCursor<LetterId> {
    /// The position right after a letter.
    pub fn after_letter(letter: &Letter) -> Self {
        Self { created_at: letter.created_at, id: letter.id }
    }
}

/// A position in a listing of users: right after a user with these values. It is valid in both orders that a listing
/// can [have](crate::account::UserFilter::is_by_address).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCursor {
    /// The position in the order by age, newest first.
    pub age: AgeCursor<UserId>,
    /// The position in the order of the normalised addresses, byte by byte. An empty text comes before all addresses.
    pub address: String,
}

impl UserCursor {
    /// The position right after a user.
    pub fn after(user: &User) -> Self {
        let age = AgeCursor { created_at: user.created_at, id: user.id };
        Self { age, address: user.email.normalized().to_owned() }
    }
}

/// Selects a page of a listing.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<C = UserCursor> {
    limit: u16,
    /// Where the page starts; `None` for the first page.
    pub after: Option<C>,
}

impl PageRequest {
    /// Maximum page size.
    pub const MAX_LIMIT: u16 = 200;
    /// Default page size.
    pub const DEFAULT_LIMIT: u16 = 50;
}

impl PageRequest<AgeCursor<SessionId>> {
    /// Default page size for sessions. It equals the default session limit per account, so that one page contains all
    /// sessions.
    pub const DEFAULT_SESSIONS: u16 = 100;
}

impl<C> PageRequest<C> {
    /// Requests a page of at most `limit` items, clamped to 1..=200.
    pub fn new(limit: u16, after: Option<C>) -> Self {
        Self { limit: limit.clamp(1, PageRequest::MAX_LIMIT), after }
    }

    /// Maximum number of items in the page: 1 to 200.
    pub fn limit(&self) -> u16 {
        self.limit
    }
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C = UserCursor> {
    /// The items, in the order of the listing.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Builds a page from items that a store read, which are one more than `limit` if there is a next page.
    pub fn from_one_more(mut found: Vec<T>, limit: u16, after: impl FnOnce(&T) -> C) -> Self {
        let has_more = found.len() > usize::from(limit);
        found.truncate(limit.into());
        let next = found.last().filter(|_| has_more).map(after);
        Self { items: found, next }
    }
}
