//! Signing keys and tokens. The tests also run on the portable build.

mod forged_tokens;
mod key_files;
pub(super) mod old_service;
mod restart;
