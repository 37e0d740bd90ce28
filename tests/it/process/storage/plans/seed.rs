//! Many users.

use std::time::Instant;

use crate::process::support::database::Storage;

/// So many that a planner chooses as it does for a million: reading all of a table costs a hundred times what an index does.
const USERS: u32 = 100_000;
const USERS_IN_A_LONG_RUN: u32 = 1_000_000;

/// Adds users with their sessions and events, lets the database take stock, and tells how many users there are.
pub(super) fn fill(storage: &Storage) -> u32 {
    let is_long = std::env::var("INWREN_TEST_LONG").is_ok_and(|long| long == "1");
    let users = if is_long { USERS_IN_A_LONG_RUN } else { USERS };
    let begun = Instant::now();
    let [of_users, of_sessions] = scripts(storage);
    let many = |first: u32, last: u32| {
        of_users.replace("{first}", &first.to_string()).replace("{last}", &last.to_string())
    };
    // Some are called otherwise, among the eldest and as old as they are.
    let customers = many(users - 10_000, users + 10_000).replace("user-", "customer-");
    for script in [&many(1, users), &customers, of_sessions] {
        for statement in script.split(';') {
            storage.ask(statement);
        }
    }
    println!("{}: {users} users and some in {:?}", storage.name(), begun.elapsed());
    users
}

/// Those of users and of their sessions.
fn scripts(storage: &Storage) -> [&'static str; 2] {
    match storage {
        Storage::Postgres(_) => [
            include_str!("../../../../data/users.postgres.sql"),
            // What has been seen of pages is written down, as in a database that has been there for a while.
            concat!(include_str!("../../../../data/sessions.postgres.sql"), ";\nVACUUM"),
        ],
        Storage::Sqlite(_) => [
            include_str!("../../../../data/users.sqlite.sql"),
            include_str!("../../../../data/sessions.sqlite.sql"),
        ],
    }
}
