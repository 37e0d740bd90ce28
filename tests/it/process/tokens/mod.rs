//! Signing keys and tokens. The portable build runs these tests, too.

mod forged_tokens;
mod key_files;
pub(super) mod old_service;
mod restart;
