use time::OffsetDateTime;

use super::{User, UserId};

/// Where a listing of users goes on: after the user that was created then and has this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The last listed user's creation time.
    pub created_at: OffsetDateTime,
    /// The last listed user's id, which decides between equal times.
    pub id: UserId,
}

impl Cursor {
    /// The place right after a user.
    pub fn after(user: &User) -> Self {
        Self { created_at: user.created_at, id: user.id }
    }
}

/// Which part of a listing is wanted.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    limit: u16,
    /// Where to go on; `None` begins with the newest.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The largest page.
    pub const MAX_LIMIT: u16 = 200;
    /// The size of a page for which none was asked.
    pub const DEFAULT_LIMIT: u16 = 50;

    /// Asks for a page of at most `limit` items, which is brought into 1..=200.
    pub fn new(limit: u16, after: Option<Cursor>) -> Self {
        Self { limit: limit.clamp(1, Self::MAX_LIMIT), after }
    }

    /// The most items that the page may have: 1 to 200.
    pub fn limit(&self) -> u16 {
        self.limit
    }
}

/// A part of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

impl Page<User> {
    /// Makes a page of what a store found when it looked for one item more than was asked for.
    pub fn from_one_more(mut found: Vec<User>, limit: u16) -> Self {
        let more = found.len() > usize::from(limit);
        found.truncate(limit.into());
        let next = found.last().filter(|_| more).map(Cursor::after);
        Self { items: found, next }
    }
}
