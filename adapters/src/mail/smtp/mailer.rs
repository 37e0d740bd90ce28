use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use inwren_domain::outbox::{MailError, Mailer, Message};
use lettre::transport::smtp::client::TlsParameters;
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::connection::Connection;
use super::failure::{Stage, temporary};
use super::target::{Encryption, SmtpTarget, SmtpTargetError};
use crate::mail::message::{Composed, Sender, compose};

/// Maximum number of connections.
const CONNECTIONS: usize = 4;
/// How long a delivery takes at most, with waiting for a connection.
const WHOLE: Duration = Duration::from_secs(44);
/// How long after its last message a connection is reused. Servers close idle ones after minutes.
const IDLE: Duration = Duration::from_secs(30);

/// Hands messages to a mail server, over at most four connections, which it reuses.
pub struct SmtpMailer {
    target: SmtpTarget,
    sender: Sender,
    tls: Option<TlsParameters>,
    hello: ClientId,
    permits: Semaphore,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl SmtpMailer {
    /// Number of messages that can be sent at once.
    pub const CONNECTIONS: usize = CONNECTIONS;

    /// Prepares a mailer. It connects with the first message, and trusts the certificate authorities of the system.
    pub fn new(target: SmtpTarget, sender: Sender) -> Result<Self, SmtpTargetError> {
        let tls = match target.encryption {
            Encryption::Plain => None,
            Encryption::Tls | Encryption::StartTls => {
                Some(TlsParameters::new_rustls(target.host.clone()).map_err(|_| SmtpTargetError::Tls)?)
            }
        };
        // RFC 5321 section 4.1.4: a name, or an address literal if there is none.
        let hello = match sender.domain() {
            domain if domain.contains('.') => ClientId::Domain(domain.to_owned()),
            _ => ClientId::default(),
        };
        Ok(Self { target, sender, tls, hello, permits: Semaphore::new(CONNECTIONS), idle: Mutex::default() })
    }

    async fn deliver(&self, message: &Composed) -> Result<(), MailError> {
        let _permit = self.permits.acquire().await.map_err(|error| temporary(Stage::Connect, error))?;
        let mut connection = match self.reusable().await {
            Some(connection) => connection,
            None => Connection::open(&self.target, self.tls.as_ref(), &self.hello).await?,
        };
        let sent = connection.send(&self.sender, message).await;
        if connection.is_usable {
            self.idle().push((connection, Instant::now()));
        }
        sent
    }

    /// An open connection, if there is one that the server still serves.
    async fn reusable(&self) -> Option<Connection> {
        loop {
            let (mut connection, since) = self.idle().pop()?;
            if since.elapsed() < IDLE && connection.reset().await {
                return Some(connection);
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, message: &Message) -> Result<(), MailError> {
        let composed = compose(&self.sender, message)?;
        let late = |_| Err(temporary(Stage::Connect, "the mail server takes too long"));
        timeout(WHOLE, self.deliver(&composed)).await.unwrap_or_else(late)
    }
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpMailer({})", self.target)
    }
}
