//! Renders every letter with sample data, so that broken templates are found at startup.

use inwren_domain::action_token::ActionTokenId;
use inwren_domain::kernel::{ClientInfo, Email, PlainToken};
use inwren_domain::outbox::{Content, Letter, LetterId, LetterKind, LetterState, Message};
use inwren_domain::pending_registration::VerificationId;
use time::OffsetDateTime;
use uuid::Uuid;

use super::kinds;
use super::templates::TemplateError;
use super::writer::Writer;

/// Renders all letters in all languages.
pub(super) fn check(writer: &Writer) -> Result<(), TemplateError> {
    for message in all(writer) {
        message?;
    }
    Ok(())
}

/// All letters in all languages, with sample data.
pub fn all(writer: &Writer) -> impl Iterator<Item = Result<Message, TemplateError>> {
    writer.catalogs().iter().flat_map(move |catalog| {
        samples().into_iter().map(move |(letter, content)| writer.write_in(catalog, &letter, &content))
    })
}

/// A letter of each kind; of verifications one with a code and one without.
fn samples() -> Vec<(Letter, Content)> {
    let token = || PlainToken::new("A".repeat(70));
    let mut samples = Vec::new();
    for kind in kinds() {
        let content = match kind {
            LetterKind::EmailVerification => {
                let registration = VerificationId::from_uuid(Uuid::nil());
                let letter = Letter { verification_id: Some(registration), ..letter(kind) };
                let code = Some(PlainToken::new("12345678".to_owned()));
                samples.push((letter, Content::Verification { token: token(), code }));
                Content::Verification { token: token(), code: None }
            }
            kind if kind.purpose().is_some() => Content::Link(token()),
            _ => Content::Notice,
        };
        samples.push((letter(kind), content));
    }
    samples
}

fn letter(kind: LetterKind) -> Letter {
    const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
    let address = "ann@example.org";
    Letter {
        id: LetterId::from_uuid(Uuid::nil()),
        kind,
        recipient: Email::from_stored(address.to_owned(), address.to_owned()),
        user_id: None,
        action_token_id: Some(ActionTokenId::from_uuid(Uuid::nil())),
        verification_id: None,
        new_email: Some("ann.lee@example.org".to_owned()),
        logout: None,
        locale: None,
        client: ClientInfo::new(Some([203, 0, 113, 9].into()), Some(AGENT)),
        state: LetterState::Sending,
        attempts: 1,
        next_attempt_at: now,
        last_error: None,
        created_at: now,
        expires_at: now + time::Duration::days(1),
        claim: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_its_texts_and_escapes_values() {
        let writer = Writer::read("https://auth.example.org", "A & <B>", None).unwrap();
        let messages: Vec<Message> = all(&writer).map(|message| message.unwrap()).collect();
        assert_eq!(messages.len(), 2 * (kinds().count() + 1));
        for message in messages {
            assert!(!message.subject.contains('{') && !message.text.contains('{'), "{message:?}");
            assert!(
                message.html.contains("A &amp; &lt;B&gt;") && !message.html.contains("<B>"),
                "{message:?}"
            );
            assert!(!message.html.contains("src=") && !message.html.contains("@import"), "{message:?}");
            let links = message.html.matches("href=\"").count();
            assert_eq!(
                links,
                message.html.matches("href=\"https:&#x2f;&#x2f;auth.example.org&#x2f;account").count()
            );
        }
    }
}
