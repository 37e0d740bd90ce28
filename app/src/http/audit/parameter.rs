//! Query parameters whose problems say which values are accepted.

use std::borrow::Cow;

use inwren_domain::audit::AuditEventKind;
use inwren_domain::audit::list::NamedSubject;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseFromParameter, ParseResult, Type};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::http::shared::problem::Problem;

/// A query parameter that is parsed from text, or the reason why it is not valid. The library's own errors do not reach
/// the client.
pub(super) struct Checked<T>(Result<T, String>);

/// Returns the value of the parameter with this name.
pub(super) fn checked<T>(name: &str, parameter: Option<Checked<T>>) -> Result<Option<T>, Problem> {
    let value = parameter.map(|parameter| parameter.0).transpose();
    value.map_err(|reason| Problem::invalid(&format!("/query/{name}"), reason))
}

/// A type that can be parsed from text, with an error that says which texts are valid.
pub(super) trait FromText: Send + Sync + Sized {
    /// Returns the schema of the text in the document.
    fn schema() -> MetaSchema;

    fn from_text(text: &str) -> Result<Self, String>;
}

impl FromText for NamedSubject {
    fn schema() -> MetaSchema {
        let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        let pattern = format!("^((user:)?{uuid}|client:[A-Za-z0-9._~-]{{1,64}})$");
        MetaSchema { pattern: Some(pattern), ..MetaSchema::new("string") }
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|invalid: <Self as std::str::FromStr>::Err| invalid.to_string())
    }
}

impl FromText for AuditEventKind {
    fn schema() -> MetaSchema {
        MetaSchema { pattern: Some(format!("^({})$", all_kinds("|"))), ..MetaSchema::new("string") }
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Self::from_name(text).ok_or_else(|| format!("must be one of {}", all_kinds(", ")))
    }
}

fn all_kinds(separator: &str) -> String {
    AuditEventKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(separator)
}

impl FromText for OffsetDateTime {
    fn schema() -> MetaSchema {
        MetaSchema::new_with_format("string", "date-time")
    }

    fn from_text(text: &str) -> Result<Self, String> {
        // A time whose form in UTC is out of range would make the database driver panic.
        let time = Self::parse(text, &Rfc3339).ok().and_then(|time| time.checked_to_utc());
        let example =
            "must be a time in RFC 3339, such as 2026-11-30T08:00:00Z; in a URL, write `+` as `%2B`";
        time.map(Into::into).ok_or_else(|| example.to_owned())
    }
}

impl<T: FromText> Type for Checked<T> {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        Cow::Borrowed("string")
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(T::schema()))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: FromText> ParseFromParameter for Checked<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(Self(T::from_text(text)))
    }
}
