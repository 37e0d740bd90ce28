//! What is particular to an adapter, and to no port that the conformance suite covers.

mod foreign_hashes;
mod hasher;
mod late_writes;
mod limiters;
mod pools;
mod tokens;
