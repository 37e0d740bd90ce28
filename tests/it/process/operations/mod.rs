//! `docs/operations.md`: its commands do what it says, and its figures are measured.

mod commands;
mod page;
mod sizing;
