//! Maps errors of the SMTP client to those of the port.

use std::error::Error as _;
use std::fmt::Display;

use inwren_domain::outbox::MailError;
use lettre::transport::smtp::Error;

/// The part of a delivery that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connecting, with TLS and the greeting.
    Connect,
    /// The credentials.
    Credentials,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`, and the message.
    Content,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::Credentials => "the credentials",
            Self::Sender => "the sender",
            Self::Recipient => "the recipient",
            Self::Content => "the message",
        }
    }
}

/// The longest reply that is repeated, in characters.
const MAX_REPLY: usize = 200;
/// Replies about the client's credentials (RFC 4954 section 6). They say nothing about the recipient.
const ABOUT_CREDENTIALS: [u16; 4] = [530, 534, 535, 538];

/// Maps an error. Only a final refusal of the recipient or the message is final: a refused sender or refused credentials
/// are a mistake in the settings, which the operator can correct while letters wait.
pub(super) fn failure(stage: Stage, error: &Error) -> MailError {
    let Some(code) = error.status() else {
        return temporary(stage, error);
    };
    // A server might repeat what it received in its reply to the credentials.
    let reply = match stage {
        Stage::Credentials => None,
        _ => error.source().map(ToString::to_string),
    };
    let text = match reply {
        Some(reply) => format!("{}: {code} {}", stage.name(), shown(&reply)),
        None => format!("{}: {code}", stage.name()),
    };
    let is_about_message = matches!(stage, Stage::Recipient | Stage::Content);
    if is_about_message && error.is_permanent() && !ABOUT_CREDENTIALS.contains(&u16::from(code)) {
        MailError::Rejected(text)
    } else {
        MailError::Temporary(text)
    }
}

/// A failure that a later attempt may not have.
pub(super) fn temporary(stage: Stage, error: impl Display) -> MailError {
    MailError::Temporary(format!("{}: {}", stage.name(), shown(&error.to_string())))
}

/// A reply on one line, shortened, and without addresses: the text may reach the log.
fn shown(reply: &str) -> String {
    let words = reply.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.map(|word| if word.contains('@') { "(address)" } else { word }).collect();
    words.join(" ").chars().take(MAX_REPLY).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_shown_without_addresses() {
        assert_eq!(
            shown("5.1.1 <ann@example.org>: Recipient\r\naddress rejected"),
            "5.1.1 (address) Recipient address rejected"
        );
        assert_eq!(shown(&"x ".repeat(500)).len(), MAX_REPLY);
    }
}
