use std::fmt::{self, Write as _};
use std::time::Duration;

use inwren_domain::outbox::MailError;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::time::timeout;

use super::failure::{Stage, failure, temporary};
use super::target::{Encryption, SmtpTarget};
use crate::mail::message::{Composed, Sender};

/// How long one address of the server may take to accept the connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the server may take to reply to a command.
const COMMAND: Duration = Duration::from_secs(10);
/// How long the server may take to accept the message.
const DATA: Duration = Duration::from_secs(30);

/// A connection that is ready for a message.
pub(super) struct Connection {
    client: AsyncSmtpConnection,
    /// Whether the connection can take another message.
    pub(super) is_usable: bool,
}

impl Connection {
    /// Connects, encrypts and authenticates.
    pub(super) async fn open(
        target: &SmtpTarget,
        tls: Option<&TlsParameters>,
        hello: &ClientId,
    ) -> Result<Self, MailError> {
        let address = (target.host.as_str(), target.port);
        let from_start = tls.filter(|_| target.encryption == Encryption::Tls).cloned();
        let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), hello, from_start, None);
        // The greeting and the reply to EHLO.
        let mut client = within(Stage::Connect, CONNECT + 2 * COMMAND, connecting).await?;
        if let Some(tls) = tls.filter(|_| target.encryption == Encryption::StartTls) {
            within(Stage::Connect, 2 * COMMAND, client.starttls(tls.clone(), hello)).await?;
        }
        if let Some(credentials) = &target.credentials {
            within(Stage::Credentials, COMMAND, client.auth(DEFAULT_MECHANISMS, credentials)).await?;
        }
        Ok(Self { client, is_usable: true })
    }

    /// Whether the server still serves this connection.
    pub(super) async fn reset(&mut self) -> bool {
        timeout(COMMAND, self.client.command(Rset)).await.is_ok_and(|reply| reply.is_ok())
    }

    /// Sends a message.
    pub(super) async fn send(&mut self, sender: &Sender, message: &Composed) -> Result<(), MailError> {
        self.is_usable = false;
        let sent = self.transaction(sender, message).await;
        // After a reply, whichever it is, the server waits for the next command.
        self.is_usable = match &sent {
            Ok(()) | Err(MailError::Rejected(_)) => true,
            Err(MailError::Temporary(_)) => false,
        };
        sent
    }

    async fn transaction(&mut self, sender: &Sender, message: &Composed) -> Result<(), MailError> {
        let mut parameters = Vec::new();
        if !message.bytes.is_ascii() {
            if !self.client.server_info().supports_feature(Extension::SmtpUtfEight) {
                let text = "the mail server does not accept addresses with non-ASCII characters (SMTPUTF8)";
                return Err(MailError::Rejected(text.to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let from = Mail::new(Some(sender.address().clone()), parameters);
        within(Stage::Sender, COMMAND, self.client.command(from)).await?;
        let to = Rcpt::new(message.to.clone(), Vec::new());
        within(Stage::Recipient, COMMAND, self.client.command(to)).await?;
        within(Stage::Content, COMMAND, self.client.command(Data)).await?;
        within(Stage::Content, DATA, self.client.command(Content::of(message)?)).await?;
        Ok(())
    }
}

/// A message with its end, in one piece: if the end is written on its own, it waits 40 ms for the acknowledgement of what
/// came before (RFC 896 and RFC 1122 section 4.2.3.2), and a connection sends 25 messages per second at most.
struct Content<'a>(&'a str);

impl<'a> Content<'a> {
    fn of(message: &'a Composed) -> Result<Self, MailError> {
        let text = std::str::from_utf8(&message.bytes);
        text.map(Self).map_err(|_| MailError::Rejected("the message is not text".to_owned()))
    }
}

impl fmt::Display for Content<'_> {
    /// Doubles the dots at the beginning of lines (RFC 5321 section 4.5.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.split_inclusive("\r\n") {
            if line.starts_with('.') {
                f.write_char('.')?;
            }
            f.write_str(line)?;
        }
        f.write_str(if self.0.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" })
    }
}

async fn within<T>(
    stage: Stage,
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, MailError> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|error| failure(stage, &error)),
        Err(_) => Err(temporary(stage, format_args!("no reply within {} s", limit.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_dots_do_not_end_a_message() {
        for (text, sent) in [
            ("a: b\r\n\r\nc\r\n", "a: b\r\n\r\nc\r\n.\r\n"),
            ("c", "c\r\n.\r\n"),
            (".\r\n..\r\nd.\r\n", "..\r\n...\r\nd.\r\n.\r\n"),
        ] {
            assert_eq!(Content(text).to_string(), sent);
        }
    }
}
