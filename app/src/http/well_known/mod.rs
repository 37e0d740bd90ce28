//! Documents for services that verify tokens themselves: the public keys and the server metadata.

mod api;
mod dto;
mod etag;

pub(super) use api::WellKnownApi;
