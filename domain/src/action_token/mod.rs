//! Action tokens: links that prove control of a mailbox and permit one action, once.

mod issue;
mod model;
mod ports;

pub use issue::Parsed;
pub(crate) use issue::{derive, find, issue, secret_of, void_all};
pub use model::{ActionToken, ActionTokenId, Purpose};
pub use ports::{ActionTokenReader, ActionTokenRepository};
