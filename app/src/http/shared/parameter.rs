//! Query parameters that are parsed into domain types.

use std::borrow::Cow;

use inwren_domain::account::Tier;
use inwren_domain::audit::AuditEventId;
use inwren_domain::kernel::{AgeCursor, SessionId, UserCursor};
use inwren_domain::outbox::{LetterCursor, LetterState};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult, Type};

use super::cursor::{ClientCursor, CursorText};

/// A query parameter that is parsed from text.
///
/// The document contains its pattern, but the server does not match it: each request would compile a regular
/// expression, and parsing the text finds the same errors.
pub(in crate::http) struct Parameter<T>(pub(in crate::http) T);

/// A type that can be parsed from text.
pub(in crate::http) trait FromText: Send + Sync + Sized {
    /// The format of the text, as a regular expression. `None` if callers only pass the text on.
    const PATTERN: Option<&'static str>;

    fn from_text(text: &str) -> Option<Self>;
}

impl FromText for UserCursor {
    const PATTERN: Option<&'static str> = None;

    fn from_text(text: &str) -> Option<Self> {
        Self::decode(text)
    }
}

/// The form of a cursor of an age and an id.
const AGE_CURSOR: Option<&str> = Some("^[A-Za-z0-9_-]{34}$");

impl FromText for AgeCursor<AuditEventId> {
    const PATTERN: Option<&'static str> = AGE_CURSOR;

    fn from_text(text: &str) -> Option<Self> {
        Self::decode(text)
    }
}

impl FromText for LetterCursor {
    const PATTERN: Option<&'static str> = AGE_CURSOR;

    fn from_text(text: &str) -> Option<Self> {
        Self::decode(text)
    }
}

impl FromText for ClientCursor {
    const PATTERN: Option<&'static str> = None;

    fn from_text(text: &str) -> Option<Self> {
        Self::decode(text)
    }
}

impl FromText for LetterState {
    const PATTERN: Option<&'static str> = Some("^(pending|sending|delivered|dead)$");

    fn from_text(text: &str) -> Option<Self> {
        Self::from_name(text)
    }
}

impl FromText for AgeCursor<SessionId> {
    const PATTERN: Option<&'static str> = AGE_CURSOR;

    fn from_text(text: &str) -> Option<Self> {
        Self::decode(text)
    }
}

impl FromText for Tier {
    const PATTERN: Option<&'static str> = Some("^[a-z0-9_-]{1,32}$");

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl<T: FromText> Type for Parameter<T> {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        Cow::Borrowed("string")
    }

    fn schema_ref() -> MetaSchemaRef {
        let pattern = T::PATTERN.map(str::to_owned);
        MetaSchemaRef::Inline(Box::new(MetaSchema { pattern, ..MetaSchema::new("string") }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: FromText> ParseFromParameter for Parameter<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        T::from_text(text).map(Self).ok_or_else(|| ParseError::custom("invalid value"))
    }
}
