//! `docs/operations.md`: its commands work as described, and its figures are measured.

mod commands;
mod page;
mod sizing;
