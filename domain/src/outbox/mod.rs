//! The outbox: letters and logout tokens that must leave the process.
//!
//! A use case writes a letter in the unit of work of its cause. A worker claims it, decides what it says, and sends it:
//! [`deliver`]. So no letter is lost or sent without its cause, and no request waits for a mail server.

pub mod admin;
pub mod deliver;
mod letter;
mod logout;
mod mailer;
mod ports;
mod prepare;
mod queue;

pub use letter::{ClaimId, Delivery, Letter, LetterId, LetterKind, LetterState, LogoutsOf};
pub use mailer::{Content, LetterWriter, Mail, MailError, Mailer, Message, WriteError};
pub use ports::{LetterCursor, OutboxFigures, OutboxReader, OutboxRepository, OutboxSignal};
pub(crate) use queue::{NewLetter, notice};
