use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use inwren_domain::Core;
use inwren_domain::kernel::{Email, PlainToken};
use inwren_domain::outbox::deliver::{self, Outcome};
use inwren_domain::outbox::{
    Content, Delivery, Letter, LetterWriter, Mail, MailError, Mailer, Message, WriteError,
};

/// Mail that stays in memory. The text of a message is one line for its kind, and one each for its token and code.
#[derive(Default)]
pub struct FakeMail {
    sent: Mutex<Vec<Message>>,
    failures: Mutex<Vec<MailError>>,
}

impl FakeMail {
    /// The ports for a core.
    pub fn mail(self: &Arc<Self>) -> Mail {
        Mail { mailer: self.clone(), writer: self.clone() }
    }

    /// The next attempt fails with this error. Of several errors each is for one attempt, the last one first.
    pub fn fail(&self, error: MailError) {
        self.failures.lock().unwrap().push(error);
    }

    /// Further attempts succeed.
    pub fn recover(&self) {
        self.failures.lock().unwrap().clear();
    }

    /// All messages that were sent, oldest first.
    pub fn sent(&self) -> Vec<Message> {
        self.sent.lock().unwrap().clone()
    }

    /// The messages that were sent to this address, in its normalised form, oldest first.
    pub fn sent_to(&self, email: &Email) -> Vec<Message> {
        self.sent().into_iter().filter(|message| message.to == *email).collect()
    }
}

#[async_trait]
impl Mailer for FakeMail {
    async fn send(&self, message: &Message) -> Result<(), MailError> {
        if let Some(error) = self.failures.lock().unwrap().pop() {
            return Err(error);
        }
        self.sent.lock().unwrap().push(message.clone());
        Ok(())
    }
}

impl LetterWriter for FakeMail {
    fn write(&self, letter: &Letter, content: &Content) -> Result<Message, WriteError> {
        let mut text = format!("kind={}\n", letter.kind.as_str());
        let mut line = |name: &str, secret: &PlainToken| {
            text.push_str(&format!("{name}={}\n", secret.expose()));
        };
        match content {
            Content::Verification { token, code } => {
                line("token", token);
                if let Some(code) = code {
                    line("code", code);
                }
            }
            Content::Link(token) => line("token", token),
            Content::Notice => {}
        }
        Ok(Message {
            id: letter.id.to_string(),
            to: letter.recipient.clone(),
            subject: letter.kind.as_str().to_owned(),
            html: format!("<pre>{text}</pre>"),
            text,
            language: letter
                .locale
                .as_ref()
                .map_or_else(|| "en".to_owned(), |locale| locale.as_str().to_owned()),
            date: letter.created_at,
        })
    }
}

/// The kind of a message, as [`LetterKind::as_str`](inwren_domain::outbox::LetterKind::as_str) returns it.
pub fn kind_in(message: &Message) -> &str {
    value_in(message, "kind").expect("a kind")
}

/// The token of the link in a message of a [`FakeMail`].
pub fn token_in(message: &Message) -> Option<&str> {
    value_in(message, "token")
}

/// The code in a message of a [`FakeMail`].
pub fn code_in(message: &Message) -> Option<&str> {
    value_in(message, "code")
}

fn value_in<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// Sends all letters and logout tokens that are due, as a worker does, and returns the outcomes. Without mail, letters
/// stay in the outbox.
pub async fn deliver_letters(core: &Core) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    loop {
        let mut claimed = deliver::claim(core, Delivery::LogoutTokens).await.expect("a claim");
        if core.mail.is_some() {
            claimed.extend(deliver::claim(core, Delivery::Letters).await.expect("a claim"));
        }
        if claimed.is_empty() {
            return outcomes;
        }
        for letter in claimed {
            outcomes.push(deliver::send(core, letter).await.expect("an outcome"));
        }
    }
}
