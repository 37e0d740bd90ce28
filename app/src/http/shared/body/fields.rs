use std::fmt::Display;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::http::shared::problem::{FieldError, Problem};

/// The fields of a JSON object, which are removed as they are read. Errors are collected, so that the client gets all
/// of them in one response. A field that remains is unknown, which is an error too.
pub(in crate::http) struct Fields {
    left: Vec<(String, Value)>,
    errors: Vec<FieldError>,
}

/// A body that is read from the fields of a JSON object.
pub(in crate::http) trait FromFields: Sized {
    /// Reads all fields. Returns `None` only if it has recorded an error.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

impl Fields {
    pub(super) fn read<T: FromFields>(object: Vec<(String, Value)>) -> Result<T, Problem> {
        Self::read_parts(object).map_err(Problem::validation)
    }

    fn read_parts<T: FromFields>(object: Vec<(String, Value)>) -> Result<T, Vec<FieldError>> {
        let mut fields = Self { left: object, errors: Vec::new() };
        let body = T::from_fields(&mut fields);
        for (name, _) in std::mem::take(&mut fields.left) {
            // The escapes of JSON Pointers (RFC 6901 section 3).
            let escaped = name.replace('~', "~0").replace('/', "~1");
            fields.wrong::<()>(&escaped, format_args!("Unknown field `{name}`"));
        }
        match body {
            Some(body) if fields.errors.is_empty() => Ok(body),
            _ => Err(fields.errors),
        }
    }

    /// Removes and reads a field. Returns `None` if it has recorded an error.
    pub(in crate::http) fn take<T: FromField>(&mut self, name: &str) -> Option<T> {
        let place = self.left.iter().position(|(field, _)| field == name);
        let value = place.map(|place| self.left.swap_remove(place).1);
        self.record(name, value.map_or_else(T::absent, T::read))
    }

    /// Returns the value of a field, or records what is wrong with it.
    fn record<T>(&mut self, name: &str, read: Result<T, Invalid>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(Invalid::Whole(problem)) => self.wrong(name, format_args!("Field `{name}` {problem}")),
            Err(Invalid::Parts(errors)) => {
                let within = |error: FieldError| FieldError {
                    pointer: format!("/{name}{}", error.pointer),
                    detail: error.detail,
                };
                self.errors.extend(errors.into_iter().map(within));
                None
            }
        }
    }

    /// Records the error of an invalid field. Returns whether the field is valid.
    pub(in crate::http) fn check<T, E: Display>(&mut self, name: &str, checked: Result<T, E>) -> bool {
        if let Err(error) = &checked {
            self.wrong::<()>(name, error);
        }
        checked.is_ok()
    }

    /// Records an error of the body as a whole, or of the field with this name.
    pub(in crate::http) fn refuse(&mut self, name: &str, detail: &str) {
        let pointer = if name.is_empty() { String::new() } else { format!("/{name}") };
        self.errors.push(FieldError::new(pointer, detail));
    }

    fn wrong<T>(&mut self, name: &str, detail: impl Display) -> Option<T> {
        self.errors.push(FieldError::new(format!("/{name}"), detail));
        None
    }
}

/// What is wrong with the value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum Invalid {
    /// The end of a sentence that starts with the field.
    Whole(&'static str),
    /// Parts of an object are invalid. Their pointers start at the object.
    Parts(Vec<FieldError>),
}

impl From<&'static str> for Invalid {
    fn from(problem: &'static str) -> Self {
        Self::Whole(problem)
    }
}

/// A type that a field of a body can have.
pub(in crate::http) trait FromField: Sized {
    fn read(value: Value) -> Result<Self, Invalid>;

    fn absent() -> Result<Self, Invalid> {
        Err("is required".into())
    }
}

/// An object within the body. The parser has kept the last of repeated fields.
impl<T: FromFields> FromField for T {
    fn read(value: Value) -> Result<Self, Invalid> {
        let Value::Object(object) = value else { return Err("must be an object".into()) };
        Fields::read_parts(object.into_iter().collect()).map_err(Invalid::Parts)
    }
}

impl FromField for String {
    fn read(value: Value) -> Result<Self, Invalid> {
        if let Value::String(text) = value { Ok(text) } else { Err("must be a string".into()) }
    }
}

impl FromField for Uuid {
    fn read(value: Value) -> Result<Self, Invalid> {
        value.as_str().and_then(|text| Self::try_parse(text).ok()).ok_or("must be a UUID".into())
    }
}

impl FromField for OffsetDateTime {
    fn read(value: Value) -> Result<Self, Invalid> {
        // A time whose form in UTC is out of range would make the database driver panic.
        let time = value.as_str().and_then(|text| Self::parse(text, &Rfc3339).ok()?.checked_to_utc());
        time.map(Into::into).ok_or("must be a time in RFC 3339, such as 2026-11-30T08:00:00Z".into())
    }
}

impl FromField for u16 {
    fn read(value: Value) -> Result<Self, Invalid> {
        let number = value.as_u64().and_then(|number| Self::try_from(number).ok());
        number.ok_or("must be a whole number from 0 to 65535".into())
    }
}

impl FromField for Vec<String> {
    fn read(value: Value) -> Result<Self, Invalid> {
        let Value::Array(items) = value else { return Err("must be a list of strings".into()) };
        items
            .into_iter()
            .map(|item| String::read(item).map_err(|_| "must contain only strings".into()))
            .collect()
    }
}

impl FromField for bool {
    fn read(value: Value) -> Result<Self, Invalid> {
        value.as_bool().ok_or("must be true or false".into())
    }
}

/// The field may be absent or `null`.
impl<T: FromField> FromField for Option<T> {
    fn read(value: Value) -> Result<Self, Invalid> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }

    fn absent() -> Result<Self, Invalid> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Body;

    impl FromFields for Body {
        fn from_fields(fields: &mut Fields) -> Option<Self> {
            let email: Option<String> = fields.take("email");
            let is_active: Option<bool> = fields.take("is_active");
            email.and(is_active).map(|_| Self)
        }
    }

    fn problem(fields: &[(&str, Value)]) -> Option<Problem> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Fields::read::<Body>(fields).err()
    }

    #[test]
    fn errors_name_the_field() {
        let fields = [("is_active", Value::from(1)), ("a/b~", Value::Null)];
        let errors = problem(&fields).map(|problem| problem.errors).unwrap_or_default();
        let errors: Vec<_> =
            errors.iter().map(|error| (error.pointer.as_str(), error.detail.as_str())).collect();
        assert_eq!(
            errors,
            [
                ("/email", "Field `email` is required"),
                ("/is_active", "Field `is_active` must be true or false"),
                ("/a~1b~0", "Unknown field `a/b~`"),
            ]
        );
    }

    #[test]
    fn errors_within_an_object_name_their_field() {
        let inner = serde_json::json!({ "email": 1, "foo": 2 });
        let errors = match <Body as FromField>::read(inner) {
            Err(Invalid::Parts(errors)) => errors,
            _ => Vec::new(),
        };
        let mut fields = Fields { left: Vec::new(), errors: Vec::new() };
        assert!(fields.record::<Body>("inner", Err(Invalid::Parts(errors))).is_none());
        let pointers: Vec<_> = fields.errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/inner/email", "/inner/is_active", "/inner/foo"]);
    }

    #[test]
    fn one_error_is_the_detail_of_the_problem() {
        let detail = |fields: &[_]| problem(fields).map(|problem| problem.detail);
        let email = ("email", Value::from("a@example.org"));
        let is_active = ("is_active", Value::from(true));
        let unknown = ("foo", Value::Null);
        assert_eq!(detail(&[email.clone(), is_active.clone()]), None);
        assert_eq!(
            detail(&[email, is_active.clone(), unknown.clone()]).as_deref(),
            Some("Unknown field `foo`.")
        );
        assert_eq!(
            detail(&[is_active, unknown]).as_deref(),
            Some("2 parts of the request are invalid: see `errors`.")
        );
    }
}
