use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::Letter;
use crate::kernel::{Email, PlainToken};

/// What sends letters. Without it the service has no mail configured.
#[derive(Clone)]
pub struct Mail {
    /// Sends messages.
    pub mailer: Arc<dyn Mailer>,
    /// Writes messages.
    pub writer: Arc<dyn LetterWriter>,
}

/// Sends messages.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a message over, and returns when the receiver has accepted the responsibility for it. It MUST end within
    /// 45 seconds. It MUST send one message per call, to one recipient, whatever the texts contain.
    async fn send(&self, message: &Message) -> Result<(), MailError>;
}

/// A message to send. The mailer adds the sender, the date and the headers that all messages share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The part of the `Message-ID` before the `@`: unique, and the same in every attempt.
    pub id: String,
    /// The recipient.
    pub to: Email,
    /// The subject, one line.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The language of the message: a tag of RFC 5646.
    pub language: String,
    /// When it was caused.
    pub date: OffsetDateTime,
}

/// Why a message was not sent. The text is for the operator; it contains no secret and no content of the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// A later attempt may succeed.
    #[error("{0}")]
    Temporary(String),
    /// The receiver refuses the message or the recipient for ever (RFC 5321 section 4.2.1, 5yz).
    #[error("{0}")]
    Rejected(String),
}

/// Writes the message of a letter, in the language of its reader.
pub trait LetterWriter: Send + Sync {
    /// Writes the message. It MUST NOT use anything of a request but what the letter contains.
    fn write(&self, letter: &Letter, content: &Content) -> Result<Message, WriteError>;
}

/// What a letter says, with its secrets. Its kind and everything else is in the [`Letter`].
#[derive(Clone, Debug)]
pub enum Content {
    /// The link of [`LetterKind::EmailVerification`](super::LetterKind::EmailVerification), with the code of a pending
    /// registration.
    Verification {
        /// The token of the link.
        token: PlainToken,
        /// The code, of a pending registration.
        code: Option<PlainToken>,
    },
    /// The link of a kind with one action: a reset, a confirmation, an undo, an invitation.
    Link(PlainToken),
    /// A text without a link that acts.
    Notice,
}

/// Why a message could not be written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct WriteError(pub String);
