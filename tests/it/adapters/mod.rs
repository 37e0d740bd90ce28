//! The adapters that are no stores, each against the obligations of its port.

mod foreign_hashes;
mod hasher;
mod limiters;
mod pools;
mod tokens;
