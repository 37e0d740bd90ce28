//! The schema migrations of Inwren Auth, up and down, for PostgreSQL and SQLite.
//!
//! The history is frozen: a released migration is never edited, only followed by another one. So this crate does not
//! depend on the domain or the adapters, which keep changing.

mod backend;
mod columns;
mod m20261101_000001_create_users;
mod m20261101_000002_create_sessions;
mod m20261101_000003_create_audit_events;
mod m20261101_000004_create_service_clients;
mod m20261125_000001_index_listings;
mod m20261125_000002_cover_addresses;
mod m20261126_000001_index_beginnings;
mod m20261129_000001_bound_sessions;
mod m20261129_000002_ascii_domains;
mod m20261129_000003_last_used_client;
mod m20261129_000004_index_addresses;
mod m20261129_000005_optional_passwords;
mod m20261129_000006_session_assurance;
mod m20261129_000007_audit_subjects;
mod m20261130_000001_index_audit_events;
mod m20261130_000002_letters;
mod m20261130_000003_factors;
mod m20261201_000001_provider;
mod nullable;
mod run;
mod set_aside;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub use m20261129_000002_ascii_domains::{FormerAddress, former_addresses};
pub use run::{has_foreign_users, migrate_down, migrate_up, names, pending, sqlite_reference, status};
pub use set_aside::set_aside_and_migrate;

/// All migrations, oldest first. Run them through [`migrate_up`] and [`migrate_down`], which keep two processes from
/// running them concurrently.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261101_000001_create_users::Migration),
            Box::new(m20261101_000002_create_sessions::Migration),
            Box::new(m20261101_000003_create_audit_events::Migration),
            Box::new(m20261101_000004_create_service_clients::Migration),
            Box::new(m20261125_000001_index_listings::Migration),
            Box::new(m20261125_000002_cover_addresses::Migration),
            Box::new(m20261126_000001_index_beginnings::Migration),
            Box::new(m20261129_000001_bound_sessions::Migration),
            Box::new(m20261129_000002_ascii_domains::Migration),
            Box::new(m20261129_000003_last_used_client::Migration),
            Box::new(m20261129_000004_index_addresses::Migration),
            Box::new(m20261129_000005_optional_passwords::Migration),
            Box::new(m20261129_000006_session_assurance::Migration),
            Box::new(m20261129_000007_audit_subjects::Migration),
            Box::new(m20261130_000001_index_audit_events::Migration),
            Box::new(m20261130_000002_letters::Migration),
            Box::new(m20261130_000003_factors::Migration),
            Box::new(m20261201_000001_provider::Migration),
        ]
    }
}
