//! Request bodies: how they are read, bounded and checked.

mod bytes;
mod fields;
mod form;
mod json;

pub(super) use fields::{Fields, FromFields};
pub(super) use form::{FORM, FormFields, read_form};
pub(super) use json::JsonBody;
