use time::OffsetDateTime;

use super::{SessionId, UserId};
use crate::account::User;
use crate::session::Session;

/// A place in a listing that begins with the newest: after the item that was created then and has this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgeCursor<Id> {
    /// The last listed item's creation time.
    pub created_at: OffsetDateTime,
    /// The last listed item's id, which decides between equal times.
    pub id: Id,
}

impl AgeCursor<SessionId> {
    /// The place right after a session.
    pub fn after(session: &Session) -> Self {
        Self { created_at: session.created_at, id: session.id }
    }
}

/// A place in a listing of users: right after one who had these values. It is a place in either order that a listing may
/// [have](crate::account::UserFilter::is_by_address).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCursor {
    /// The place where the newest come first.
    pub age: AgeCursor<UserId>,
    /// The place in the order of the normalised addresses, byte by byte. Empty is before all.
    pub address: String,
}

impl UserCursor {
    /// The place right after a user.
    pub fn after(user: &User) -> Self {
        let age = AgeCursor { created_at: user.created_at, id: user.id };
        Self { age, address: user.email.normalized().to_owned() }
    }
}

/// Which part of a listing is wanted.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<C = UserCursor> {
    limit: u16,
    /// Where to go on; `None` is the beginning.
    pub after: Option<C>,
}

impl PageRequest {
    /// The largest page.
    pub const MAX_LIMIT: u16 = 200;
    /// The size of a page for which none was asked.
    pub const DEFAULT_LIMIT: u16 = 50;
}

impl PageRequest<AgeCursor<SessionId>> {
    /// The size of a page of sessions for which none was asked. It is the default of the most sessions that an account may
    /// have, so that one page has all of them.
    pub const DEFAULT_SESSIONS: u16 = 100;
}

impl<C> PageRequest<C> {
    /// Asks for a page of at most `limit` items, which is brought into 1..=200.
    pub fn new(limit: u16, after: Option<C>) -> Self {
        Self { limit: limit.clamp(1, PageRequest::MAX_LIMIT), after }
    }

    /// The most items that the page may have: 1 to 200.
    pub fn limit(&self) -> u16 {
        self.limit
    }
}

/// A part of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C = UserCursor> {
    /// The items, in the order of the listing.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Makes a page of what a store found when it looked for one item more than was asked for.
    pub fn from_one_more(mut found: Vec<T>, limit: u16, after: impl FnOnce(&T) -> C) -> Self {
        let has_more = found.len() > usize::from(limit);
        found.truncate(limit.into());
        let next = found.last().filter(|_| has_more).map(after);
        Self { items: found, next }
    }
}
