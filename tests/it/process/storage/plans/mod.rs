//! Checks the query plan of every statement of the service, on many users.
//!
//! The statements come from the built service and are not copies: PostgreSQL logs the plan of each statement that it
//! executes, and the tests ask SQLite for the plan of each statement in the log of the service.

mod check;
mod clients;
mod factors;
mod listing;
mod look;
mod postgres;
mod seed;
mod sqlite;
mod story;

use crate::process::support::database::Storage;
use look::Look;

/// Tables that grow with use. The other tables have a few rows, which an operator created, so a full scan of them is
/// fine.
const LARGE: [&str; 14] = [
    "users",
    "sessions",
    "audit_events",
    "outbox",
    "action_tokens",
    "pending_registrations",
    "factors",
    "recovery_codes",
    "factor_budgets",
    "challenges",
    "trusted_devices",
    "client_assertions",
    "authorization_codes",
    "consents",
];

/// Whether a statement sorts the links, the factors or the consents of one user, who has a few, or all that an operator
/// created.
fn sorts_few(statement: &str) -> bool {
    let reads = |table: &&str| statement.contains(&format!("FROM \"{table}\""));
    let is_of_user = ["action_tokens", "factors", "consents"].iter().any(reads);
    let is_of_operator = ["clients", "client_secrets"].iter().any(reads);
    // PostgreSQL may sort the ids of a bounded number of sessions, to remove duplicates.
    let changes = ["UPDATE \"sessions\"", "DELETE FROM \"sessions\""];
    let is_bounded = changes.iter().any(|start| statement.starts_with(start)) && statement.contains("LIMIT");
    is_bounded
        || is_of_user && statement.contains("\"user_id\" =")
        || is_of_operator && !statement.contains("LIMIT")
}

/// Whether a statement reads only the distinct values or groups of a few rows, which it may sort.
fn differs_among_few(statement: &str) -> bool {
    statement.starts_with("SELECT DISTINCT") && statement.contains("LIMIT")
        || statement.contains("FROM \"outbox\"") && statement.contains("GROUP BY")
}

#[test]
fn every_statement_is_served_by_an_index_on_postgres() {
    let storage = Storage::postgres();
    let look = Look::into(&storage, postgres::explain_everything);
    let plans = postgres::plans(&look.log);
    let statements: Vec<&str> = plans.iter().map(|plan| plan.statement.as_str()).collect();
    check::all_were_met(&statements);
    let wrong: Vec<String> = plans.iter().filter_map(postgres::Plan::complaint).collect();
    assert!(wrong.is_empty(), "{} plans:\n{}", wrong.len(), wrong.join("\n\n"));
    println!("{} plans of {} statements", plans.len(), check::distinct(&statements).len());
}

#[test]
fn every_statement_is_served_by_an_index_on_sqlite() {
    let storage = Storage::sqlite();
    let look = Look::into(&storage, |_| ());
    let statements = sqlite::statements(&look.log);
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    check::all_were_met(&statements);
    // In production, no ANALYZE runs on a SQLite database, so the plans must not depend on it.
    for has_taken_stock in [true, false] {
        let wrong: Vec<String> = check::distinct(&statements)
            .into_iter()
            .filter_map(|statement| sqlite::complaint(&storage, statement, has_taken_stock))
            .collect();
        assert!(wrong.is_empty(), "{} plans, {has_taken_stock}:\n{}", wrong.len(), wrong.join("\n\n"));
        storage.ask("DELETE FROM sqlite_stat1");
    }
    println!("plans of {} statements", check::distinct(&statements).len());
}
