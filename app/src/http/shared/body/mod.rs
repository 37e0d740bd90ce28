//! Request bodies: reading, limits and validation.

mod bytes;
mod fields;
mod form;
mod json;
mod object;
mod pending;

use poem::{Request, RequestBody};

pub(in crate::http) use fields::{Fields, FromField, FromFields, Invalid};
pub(in crate::http) use form::{FORM, FormFields, is_form, read_form};
pub(in crate::http) use json::{JsonBody, OptionalJsonBody};
pub(in crate::http) use object::{
    EXAMPLE_ASSERTION, EXAMPLE_REASON, EXAMPLE_SECRET, EXAMPLE_TIME, object, request_body,
};
pub use pending::PendingBodies;

use super::problem::Problem;

/// A request body.
pub(in crate::http) trait Body: Sized + Send {
    /// Reads the body from the request.
    fn read(request: &Request, body: &mut RequestBody) -> impl Future<Output = Result<Self, Problem>> + Send;
}
