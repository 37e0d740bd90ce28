//! What services need that verify tokens themselves: the public keys, and where everything is.

mod api;
mod dto;
mod etag;

pub(super) use api::WellKnownApi;
