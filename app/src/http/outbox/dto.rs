use inwren_domain::kernel::{AgeCursor, Page};
use inwren_domain::outbox::{Letter, LetterCursor, LetterId};
use poem_openapi::Object;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::shared::body::{EXAMPLE_TIME, object};
use crate::http::shared::cursor::CursorText;

object! {
    /// A letter in the outbox, or a logout token for an application.
    #[oai(rename = "Letter")]
    pub(super) LetterDto {
        /// Identifies the letter.
        id: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e26),
        /// What the letter is about. Later versions may add kinds.
        kind: String = "password_reset".to_owned(),
        /// The address that it goes to. A `backchannel_logout` goes to an application; this is the address of its user.
        recipient: String = "ann@example.org".to_owned(),
        /// The state of its delivery: `pending`, `sending`, `delivered` or `dead`.
        state: String = "pending".to_owned(),
        /// How often the service tried to send it.
        attempts: i16 = 1,
        /// When the next attempt follows; `null` if none does.
        #[oai(nullable)]
        next_attempt_at: Option<OffsetDateTime> = Some(EXAMPLE_TIME + time::Duration::seconds(30)),
        /// Why the last attempt failed.
        #[oai(nullable)]
        last_error: Option<String> = Some("connection refused".to_owned()),
        /// When it was caused.
        created_at: OffsetDateTime = EXAMPLE_TIME,
    }
}

impl From<&Letter> for LetterDto {
    fn from(letter: &Letter) -> Self {
        Self {
            id: letter.id.as_uuid(),
            kind: letter.kind.as_str().to_owned(),
            recipient: letter.recipient.as_str().to_owned(),
            state: letter.state.as_str().to_owned(),
            attempts: letter.attempts,
            next_attempt_at: letter.state.is_waiting().then_some(letter.next_attempt_at),
            last_error: letter.last_error.clone(),
            created_at: letter.created_at,
        }
    }
}

/// The position that a cursor names. `None` if the text is not a cursor of a list of letters.
pub(crate) fn letter_cursor(text: &str) -> Option<LetterCursor> {
    CursorText::decode(text)
}

/// A page of letters, newest first.
#[derive(Object)]
#[oai(rename = "LetterPage", example)]
pub(crate) struct LetterPage {
    /// The letters.
    items: Vec<LetterDto>,
    /// Where the next page starts; `null` on the last page.
    #[oai(nullable)]
    pub(crate) next_cursor: Option<String>,
}

impl poem_openapi::types::Example for LetterPage {
    fn example() -> Self {
        let letter = LetterDto::example();
        let next = AgeCursor { created_at: letter.created_at, id: LetterId::from_uuid(letter.id) };
        Self { items: vec![letter], next_cursor: Some(next.encode()) }
    }
}

impl From<&Page<Letter, LetterCursor>> for LetterPage {
    fn from(page: &Page<Letter, LetterCursor>) -> Self {
        Self {
            items: page.items.iter().map(LetterDto::from).collect(),
            next_cursor: page.next.map(|next| next.encode()),
        }
    }
}
