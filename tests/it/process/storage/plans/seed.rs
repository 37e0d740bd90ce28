//! Fills the database with many users.

use std::time::Instant;

use crate::process::support::database::Storage;

/// Enough users to make a planner choose as it does for a million: a scan of a table costs a hundred times as much as
/// an index.
const USERS: u32 = 100_000;
const USERS_IN_A_LONG_RUN: u32 = 1_000_000;

/// Adds users with their sessions and events, updates the statistics of the database, and returns the number of users
/// of the first group.
pub(super) fn fill(storage: &Storage) -> u32 {
    let is_long = std::env::var("INWREN_TEST_LONG").is_ok_and(|long| long == "1");
    let users = if is_long { USERS_IN_A_LONG_RUN } else { USERS };
    let begun = Instant::now();
    let [of_users, of_sessions] = scripts(storage);
    let many = |first: u32, last: u32| {
        of_users.replace("{first}", &first.to_string()).replace("{last}", &last.to_string())
    };
    // A second group with other names, as old as the oldest users and older.
    let customers = many(users - 10_000, users + 10_000).replace("user-", "customer-");
    for script in [&many(1, users), &customers, of_sessions] {
        for statement in script.split(';') {
            storage.ask(statement);
        }
    }
    println!("{}: {users} users and some in {:?}", storage.name(), begun.elapsed());
    users
}

/// Adds a letter, a token and a pending registration for each user.
pub(super) fn add_letters(storage: &Storage) {
    let script = match storage {
        Storage::Postgres(_) => concat!(include_str!("../../../../data/letters.postgres.sql"), ";\nVACUUM"),
        Storage::Sqlite(_) => include_str!("../../../../data/letters.sqlite.sql"),
    };
    for statement in script.split(';') {
        storage.ask(statement);
    }
}

/// Adds factors, recovery codes, a budget, a challenge and a trusted device for each user.
pub(super) fn add_factors(storage: &Storage) {
    let script = match storage {
        Storage::Postgres(_) => concat!(include_str!("../../../../data/factors.postgres.sql"), ";\nVACUUM"),
        Storage::Sqlite(_) => include_str!("../../../../data/factors.sqlite.sql"),
    };
    for statement in script.split(';') {
        storage.ask(statement);
    }
}

/// Adds clients, and for each user a consent, a code, a used assertion, and a session of an application.
pub(super) fn add_grants(storage: &Storage) {
    let script = match storage {
        Storage::Postgres(_) => concat!(include_str!("../../../../data/grants.postgres.sql"), ";\nVACUUM"),
        Storage::Sqlite(_) => include_str!("../../../../data/grants.sqlite.sql"),
    };
    for statement in script.split(';') {
        storage.ask(statement);
    }
}

/// The scripts for users and for their sessions.
fn scripts(storage: &Storage) -> [&'static str; 2] {
    match storage {
        Storage::Postgres(_) => [
            include_str!("../../../../data/users.postgres.sql"),
            // VACUUM sets the visibility map, as in a database that has been in use for a while.
            concat!(include_str!("../../../../data/sessions.postgres.sql"), ";\nVACUUM"),
        ],
        Storage::Sqlite(_) => [
            include_str!("../../../../data/users.sqlite.sql"),
            include_str!("../../../../data/sessions.sqlite.sql"),
        ],
    }
}
