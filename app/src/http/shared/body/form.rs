use poem::{Request, RequestBody};

use super::bytes::{has_body, read_body};
use crate::http::shared::problem::Problem;

pub(in crate::http) const FORM: &str = "application/x-www-form-urlencoded";

/// The parameters of an OAuth 2.0 form.
pub(in crate::http) struct FormFields(Vec<(String, String)>);

impl FormFields {
    /// Returns the value of a parameter. An empty value counts as absent (RFC 6749 section 3.2).
    pub(in crate::http) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(field, _)| field == name)?.1.as_str();
        (!value.is_empty()).then_some(value)
    }

    /// Returns all parameters, as the client sent them.
    pub(in crate::http) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Returns whether a parameter is repeated, which RFC 6749 section 3.2 forbids.
    pub(in crate::http) fn has_duplicates(&self) -> bool {
        self.0
            .iter()
            .enumerate()
            .any(|(place, (name, _))| self.0.iter().skip(place + 1).any(|(other, _)| other == name))
    }
}

/// Returns whether the body of a request is a form, by its `Content-Type`.
pub(in crate::http) fn is_form(request: &Request) -> bool {
    let essence = request.content_type().and_then(|content_type| content_type.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(FORM))
}

/// Reads a form. The inner error is a syntax error, for which OAuth 2.0 has its own response.
pub(in crate::http) async fn read_form(
    request: &Request,
    body: &mut RequestBody,
) -> Result<Result<FormFields, &'static str>, Problem> {
    // Many clients send neither a body nor a `Content-Type` if the form has no parameters.
    let is_nothing = request.content_type().is_none() && !has_body(request);
    let bytes = if is_nothing { Vec::new() } else { read_body(request, body, FORM).await? };
    if bytes.iter().filter(|byte| **byte == b'&').count() > MAX_FIELDS {
        return Ok(Err("The form has more than 64 parameters."));
    }
    // The form decoder replaces invalid UTF-8, which could make two different passwords equal.
    if !is_utf8_when_decoded(&bytes) {
        return Ok(Err("The form is not valid UTF-8."));
    }
    Ok(serde_urlencoded::from_bytes(&bytes).map(FormFields).map_err(|_| "The form is malformed."))
}

const MAX_FIELDS: usize = 64;

fn is_utf8_when_decoded(form: &[u8]) -> bool {
    percent_encoding::percent_decode(form).decode_utf8().is_ok()
}
