//! Every statement of the service explained, on many users.
//!
//! The statements are those that the built service makes, and not copies of them: PostgreSQL itself tells the plan of each
//! as it was carried out, and SQLite is asked for the plan of each that the service's log has.

mod check;
mod listing;
mod look;
mod postgres;
mod seed;
mod sqlite;
mod story;

use crate::process::support::database::Storage;
use look::Look;

/// Tables that grow with use. The others have a few rows, which an operator made, and may be read as a whole.
const LARGE: [&str; 3] = ["users", "sessions", "audit_events"];

/// Whether a statement only sees what differs among a few rows, which it may sort.
fn differs_among_few(statement: &str) -> bool {
    statement.starts_with("SELECT DISTINCT") && statement.contains("LIMIT")
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
    // Nobody takes stock of a database in the field, so the plans must not depend on it.
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
