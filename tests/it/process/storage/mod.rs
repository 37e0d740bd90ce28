//! The database of a running service: migrations, query plans, sweeps, backup, import and export.

mod backup;
mod many_sessions;
mod migrations;
mod plans;
mod sweeps;
mod transfer;
