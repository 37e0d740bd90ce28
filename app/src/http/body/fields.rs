use std::fmt::Display;

use serde_json::Value;

use crate::http::problem::{FieldError, Problem};

/// The fields of a JSON object, taken out one by one. What is wrong with any of them is collected, so that the client
/// is told everything at once; what nobody took out is unknown, and wrong too.
pub(in crate::http) struct Fields {
    left: Vec<(String, Value)>,
    errors: Vec<FieldError>,
}

/// A body that is read from the fields of a JSON object.
pub(in crate::http) trait FromFields: Sized {
    /// Takes all fields out. `None` only where an error was noted.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

impl Fields {
    pub(super) fn read<T: FromFields>(object: Vec<(String, Value)>) -> Result<T, Problem> {
        let mut fields = Self { left: object, errors: Vec::new() };
        let body = T::from_fields(&mut fields);
        for (name, _) in std::mem::take(&mut fields.left) {
            // RFC 6901 section 3.
            let escaped = name.replace('~', "~0").replace('/', "~1");
            fields.wrong::<()>(&escaped, "is not known here");
        }
        match body {
            Some(body) if fields.errors.is_empty() => Ok(body),
            _ => Err(Problem::validation(fields.errors)),
        }
    }

    /// A text that has to be there.
    pub(in crate::http) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name) {
            Some(Value::String(text)) => Some(text),
            Some(_) => self.wrong(name, "must be a string"),
            None => self.wrong(name, "is needed"),
        }
    }

    /// A text that may be left out or `null`. The outer `None` is an error.
    #[allow(clippy::option_option, reason = "an error and an absence are two things here")]
    pub(in crate::http) fn optional_text(&mut self, name: &str) -> Option<Option<String>> {
        match self.take(name) {
            Some(Value::String(text)) => Some(Some(text)),
            Some(Value::Null) | None => Some(None),
            Some(_) => self.wrong(name, "must be a string"),
        }
    }

    /// A truth value that may be left out or `null`. The outer `None` is an error.
    #[allow(clippy::option_option, reason = "an error and an absence are two things here")]
    pub(in crate::http) fn optional_flag(&mut self, name: &str) -> Option<Option<bool>> {
        match self.take(name) {
            Some(Value::Bool(flag)) => Some(Some(flag)),
            Some(Value::Null) | None => Some(None),
            Some(_) => self.wrong(name, "must be true or false"),
        }
    }

    /// Notes why a field that was taken out is not what it has to be. `true` if it is.
    pub(in crate::http) fn check<T, E: Display>(&mut self, name: &str, checked: Result<T, E>) -> bool {
        if let Err(error) = &checked {
            self.wrong::<()>(name, &error.to_string());
        }
        checked.is_ok()
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.left.iter().position(|(field, _)| field == name)?;
        Some(self.left.swap_remove(place).1)
    }

    fn wrong<T>(&mut self, name: &str, detail: &str) -> Option<T> {
        self.errors.push(FieldError { pointer: format!("/{name}"), detail: detail.to_owned() });
        None
    }
}
