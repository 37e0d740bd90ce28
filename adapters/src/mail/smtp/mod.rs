//! Hands messages to a mail server (RFC 5321).

mod connection;
mod failure;
mod mailer;
mod target;

pub use mailer::SmtpMailer;
pub use target::{SmtpTarget, SmtpTargetError};
