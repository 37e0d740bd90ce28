//! Behaviour of adapters that the conformance suite of the stores does not cover.

mod foreign_hashes;
mod hasher;
mod late_writes;
mod limiters;
mod passkeys;
mod pools;
mod sealing;
mod tokens;
mod totp;
