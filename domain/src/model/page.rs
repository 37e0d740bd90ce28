use time::OffsetDateTime;

use super::{Session, SessionId, User, UserId};

/// Where a listing goes on: after the item that was created then and has this id. Items are users, unless the type of the id
/// says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<Id = UserId> {
    /// The last listed item's creation time.
    pub created_at: OffsetDateTime,
    /// The last listed item's id, which decides between equal times.
    pub id: Id,
}

impl Cursor {
    /// The place right after a user.
    pub fn after(user: &User) -> Self {
        Self { created_at: user.created_at, id: user.id }
    }
}

impl Cursor<SessionId> {
    /// The place right after a session.
    pub fn after_session(session: &Session) -> Self {
        Self { created_at: session.created_at, id: session.id }
    }
}

/// Which part of a listing is wanted.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<Id = UserId> {
    limit: u16,
    /// Where to go on; `None` begins with the newest.
    pub after: Option<Cursor<Id>>,
}

impl PageRequest {
    /// The largest page.
    pub const MAX_LIMIT: u16 = 200;
    /// The size of a page for which none was asked.
    pub const DEFAULT_LIMIT: u16 = 50;
}

impl PageRequest<SessionId> {
    /// The size of a page of sessions for which none was asked. It is the default of the most sessions that an account may
    /// have, so that one page has all of them.
    pub const DEFAULT_SESSIONS: u16 = 100;
}

impl<Id> PageRequest<Id> {
    /// Asks for a page of at most `limit` items, which is brought into 1..=200.
    pub fn new(limit: u16, after: Option<Cursor<Id>>) -> Self {
        Self { limit: limit.clamp(1, PageRequest::MAX_LIMIT), after }
    }

    /// The most items that the page may have: 1 to 200.
    pub fn limit(&self) -> u16 {
        self.limit
    }
}

/// A part of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, Id = UserId> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor<Id>>,
}

impl Page<User> {
    /// Makes a page of what a store found when it looked for one item more than was asked for.
    pub fn from_one_more(found: Vec<User>, limit: u16) -> Self {
        Self::cut(found, limit, Cursor::after)
    }
}

impl Page<Session, SessionId> {
    /// Makes a page of what a store found when it looked for one session more than was asked for.
    pub fn of_sessions(found: Vec<Session>, limit: u16) -> Self {
        Self::cut(found, limit, Cursor::after_session)
    }
}

impl<T, Id> Page<T, Id> {
    fn cut(mut found: Vec<T>, limit: u16, after: impl FnOnce(&T) -> Cursor<Id>) -> Self {
        let more = found.len() > usize::from(limit);
        found.truncate(limit.into());
        let next = found.last().filter(|_| more).map(after);
        Self { items: found, next }
    }
}
