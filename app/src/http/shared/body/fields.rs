use std::fmt::Display;

use serde_json::Value;

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
        let mut fields = Self { left: object, errors: Vec::new() };
        let body = T::from_fields(&mut fields);
        for (name, _) in std::mem::take(&mut fields.left) {
            // The escapes of JSON Pointers (RFC 6901 section 3).
            let escaped = name.replace('~', "~0").replace('/', "~1");
            fields.wrong::<()>(&escaped, format_args!("Unknown field `{name}`"));
        }
        match body {
            Some(body) if fields.errors.is_empty() => Ok(body),
            _ => Err(Problem::validation(fields.errors)),
        }
    }

    /// Removes and reads a field. Returns `None` if it has recorded an error.
    pub(in crate::http) fn take<T: FromField>(&mut self, name: &str) -> Option<T> {
        let place = self.left.iter().position(|(field, _)| field == name);
        let value = place.map(|place| self.left.swap_remove(place).1);
        match value.map_or_else(T::absent, T::read) {
            Ok(value) => Some(value),
            Err(problem) => self.wrong(name, format_args!("Field `{name}` {problem}")),
        }
    }

    /// Records the error of an invalid field. Returns whether the field is valid.
    pub(in crate::http) fn check<T, E: Display>(&mut self, name: &str, checked: Result<T, E>) -> bool {
        if let Err(error) = &checked {
            self.wrong::<()>(name, error);
        }
        checked.is_ok()
    }

    fn wrong<T>(&mut self, name: &str, detail: impl Display) -> Option<T> {
        self.errors.push(FieldError::new(format!("/{name}"), detail));
        None
    }
}

/// A type that a field of a body can have. The error says what is wrong with the value.
pub(in crate::http) trait FromField: Sized {
    fn read(value: Value) -> Result<Self, &'static str>;

    fn absent() -> Result<Self, &'static str> {
        Err("is required")
    }
}

impl FromField for String {
    fn read(value: Value) -> Result<Self, &'static str> {
        if let Value::String(text) = value { Ok(text) } else { Err("must be a string") }
    }
}

impl FromField for bool {
    fn read(value: Value) -> Result<Self, &'static str> {
        value.as_bool().ok_or("must be true or false")
    }
}

/// The field may be absent or `null`.
impl<T: FromField> FromField for Option<T> {
    fn read(value: Value) -> Result<Self, &'static str> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }

    fn absent() -> Result<Self, &'static str> {
        Ok(None)
    }
}
