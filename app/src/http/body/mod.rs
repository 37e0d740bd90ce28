//! Request bodies: how they are read, bounded and checked.

mod bytes;
mod fields;
mod form;
mod json;
mod object;
mod pending;

use poem::{Request, RequestBody};

pub(super) use fields::{Fields, FromFields};
pub(super) use form::{FORM, FormFields, read_form};
pub(super) use json::JsonBody;
pub(super) use object::{EXAMPLE_TIME, object, request_body};
pub use pending::PendingBodies;

use super::problem::Problem;

/// A body of some kind.
pub(super) trait Body: Sized + Send {
    /// Reads it from the request.
    fn read(request: &Request, body: &mut RequestBody) -> impl Future<Output = Result<Self, Problem>> + Send;
}
