use std::fmt;
use std::time::SystemTime;

use inwren_domain::kernel::Email;
use inwren_domain::outbox::{MailError, Message};
use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use time::OffsetDateTime;

/// The sender of all letters: an address, with an optional name.
#[derive(Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

/// The text is no sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not an address such as noreply@example.org, or a name and an address such as Example <noreply@example.org>"
)]
pub struct InvalidSender;

impl Sender {
    /// Longest name, in characters.
    const MAX_NAME: usize = 100;

    /// Parses `ADDRESS` or `NAME <ADDRESS>`. The part before the `@` must be ASCII, because many servers accept no other
    /// (RFC 6531). The domain may be a single label, such as `localhost`.
    pub fn parse(text: &str) -> Result<Self, InvalidSender> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"').trim(), address),
            None => ("", text),
        };
        let fits = name.chars().count() <= Self::MAX_NAME && !name.contains(is_break);
        if !fits || name.contains(['<', '>']) {
            return Err(InvalidSender);
        }
        Self::new((!name.is_empty()).then_some(name), address)
    }

    /// A sender with this name and address.
    pub fn new(name: Option<&str>, address: &str) -> Result<Self, InvalidSender> {
        let (local, domain) = address.rsplit_once('@').ok_or(InvalidSender)?;
        let address = match Email::parse(address) {
            Ok(email) => deliverable(&email).map_err(|_| InvalidSender)?,
            Err(_) => Address::new(local, domain).map_err(|_| InvalidSender)?,
        };
        let is_ascii = address.user().is_ascii() && address.domain().is_ascii();
        if !is_ascii {
            return Err(InvalidSender);
        }
        Ok(Self(Mailbox::new(name.map(one_line), address)))
    }

    /// The domain of the address, in its ASCII form.
    pub fn domain(&self) -> &str {
        self.0.email.domain()
    }

    pub(super) fn address(&self) -> &Address {
        &self.0.email
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({self})")
    }
}

/// A message as it is sent.
pub(super) struct Composed {
    pub(super) to: Address,
    /// Header and body, with CRLF line ends. Only an address with non-ASCII characters makes it non-ASCII.
    pub(super) bytes: Vec<u8>,
}

/// Composes a message (RFC 5322) of a text and an HTML part. The same message has the same bytes in every attempt.
pub(super) fn compose(sender: &Sender, message: &Message) -> Result<Composed, MailError> {
    let to = deliverable(&message.to)?;
    let id: String = message.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let language: String =
        message.language.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    // `=_` occurs in no quoted-printable text, so no part contains the boundary (RFC 2045 section 6.7).
    let parts = MultiPart::alternative()
        .boundary(format!("=_{id}"))
        .singlepart(part(ContentType::TEXT_PLAIN, &message.text))
        .singlepart(part(ContentType::TEXT_HTML, &message.html));
    let composed = lettre::Message::builder()
        .from(sender.0.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(&message.subject))
        .date(SystemTime::from(message.date.max(OffsetDateTime::UNIX_EPOCH)))
        .message_id(Some(format!("<{id}@{}>", sender.domain())))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("Content-Language", &language))
        .multipart(parts)
        .map_err(|error| MailError::Temporary(format!("the message cannot be composed: {error}")))?;
    Ok(Composed { to, bytes: composed.formatted() })
}

fn part(kind: ContentType, text: &str) -> SinglePart {
    let builder = SinglePart::builder().header(kind).header(ContentTransferEncoding::QuotedPrintable);
    builder.body(text.to_owned())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The address of an account for the transport: the domain in its ASCII form, the rest as the owner wrote it.
fn deliverable(email: &Email) -> Result<Address, MailError> {
    let parts = email.as_str().rsplit_once('@').zip(email.normalized().rsplit_once('@'));
    let address = parts.and_then(|((local, _), (_, domain))| Address::new(local, domain).ok());
    address.ok_or_else(|| MailError::Rejected("the address cannot receive mail".to_owned()))
}

/// Whether a program may take the character for the end of a line, or worse.
fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Replaces control characters, line breaks above all, by blanks: a header is one line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_break(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 6] = [
        "a\r\nBcc: eve@example.com",
        "a\nBcc: eve@example.com\n\nbody",
        "a\rBcc: eve@example.com",
        "a\u{2028}Bcc: eve@example.com",
        "ä\r\n\r\nBcc: eve@example.com",
        "\0\u{b}\u{85}Bcc: eve@example.com",
    ];

    fn sender() -> Sender {
        Sender::parse("Inwren Äuth <noreply@bücher.example>").unwrap()
    }

    fn message(to: &str) -> Message {
        Message {
            id: "0198a5b2-0000-7000-8000-000000000001".to_owned(),
            to: Email::parse(to).unwrap(),
            subject: "Bestätige deine Adresse".to_owned(),
            text: "Grüße\n\nhttps://example.org/account/verify?t=abc=\n.\nEnde".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
            language: "de".to_owned(),
            date: OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000),
        }
    }

    fn composed(message: &Message) -> String {
        String::from_utf8(compose(&sender(), message).unwrap().bytes).unwrap()
    }

    fn header_names(text: &str) -> Vec<&str> {
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        lines.map(|line| line.split_once(':').unwrap().0).collect()
    }

    #[test]
    fn a_message_has_these_headers() {
        let text = composed(&message("Ann@Grüße.example"));
        assert_eq!(
            header_names(&text),
            [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "Auto-Submitted",
                "Content-Language",
                "MIME-Version",
                "Content-Type"
            ]
        );
        for line in [
            "To: Ann@xn--gre-6ka8l.example\r\n",
            "Message-ID: <0198a5b2-0000-7000-8000-000000000001@xn--bcher-kva.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Language: de\r\n",
            "boundary=\"=_0198a5b2-0000-7000-8000-000000000001\"\r\n",
            "<noreply@xn--bcher-kva.example>\r\n",
            "Date: Fri, 04 Oct 2024 00:00:00 +0000\r\n",
            "Gr=C3=BC=C3=9Fe\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn attempts_have_the_same_bytes() {
        assert_eq!(composed(&message("ann@example.org")), composed(&message("ann@example.org")));
    }

    #[test]
    fn no_field_can_add_a_header() {
        let expected = composed(&message("ann@example.org"));
        for text in HOSTILE {
            let message = Message {
                id: text.to_owned(),
                subject: text.to_owned(),
                text: text.to_owned(),
                html: text.to_owned(),
                language: text.to_owned(),
                ..message("ann@example.org")
            };
            let composed = composed(&message);
            assert_eq!(header_names(&composed), header_names(&expected), "{text:?}");
            assert!(!composed.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
            assert!(Sender::parse(&format!("{text} <noreply@example.org>")).is_err());
            assert!(Sender::parse(&format!("{text}@example.org")).is_err());
            let named = Sender::new(Some(text), "noreply@example.org").unwrap();
            let bytes = compose(&named, &message).unwrap().bytes;
            assert_eq!(header_names(&String::from_utf8(bytes).unwrap()), header_names(&expected));
        }
    }

    #[test]
    fn a_hostile_stored_address_is_rejected() {
        for text in HOSTILE {
            let address = format!("{text}@example.org");
            let to = Email::from_stored(address.clone(), address);
            let refused = compose(&sender(), &Message { to, ..message("ann@example.org") });
            assert!(matches!(refused, Err(MailError::Rejected(_))), "{text:?}");
        }
    }

    #[test]
    fn no_part_contains_the_boundary() {
        let hostile = "--=_0198a5b2-0000-7000-8000-000000000001--".to_owned();
        let text = composed(&Message { text: hostile.clone(), html: hostile, ..message("ann@example.org") });
        assert_eq!(text.matches("\r\n--=_0198a5b2").count(), 3, "{text}");
    }

    #[test]
    fn senders_have_an_ascii_address() {
        for (text, shown) in [
            ("noreply@example.org", "noreply@example.org"),
            ("Inwren Auth <noreply@localhost>", "Inwren Auth <noreply@localhost>"),
            ("\"Inwren, Auth\" <noreply@example.org>", "\"Inwren, Auth\" <noreply@example.org>"),
            ("Bücher <post@bücher.example>", "Bücher <post@xn--bcher-kva.example>"),
        ] {
            assert_eq!(Sender::parse(text).map(|sender| sender.to_string()), Ok(shown.to_owned()), "{text}");
        }
        for text in
            ["", "example.org", "grüße@example.org", "A <a@b.co", "A <a@b.co> <c@d.ef>", "a b@example.org"]
        {
            assert_eq!(Sender::parse(text), Err(InvalidSender), "{text}");
        }
    }
}
