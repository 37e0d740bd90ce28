//! The plans of SQLite, which the tests query.

use serde_json::Value;

use super::{LARGE, differs_among_few, sorts_few};
use crate::process::support::database::Storage;

/// The statements in the log of the service that read or write rows.
pub(super) fn statements(log: &str) -> Vec<String> {
    let logged = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let statement = |line: Value| {
        if line["target"] != "sqlx::query" {
            return None;
        }
        let text = line["db.statement"].as_str().map(str::trim).filter(|text| !text.is_empty());
        let text = text.or_else(|| line["summary"].as_str())?.to_owned();
        let has_plan =
            ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| text.starts_with(verb));
        has_plan.then_some(text)
    };
    logged.filter_map(statement).collect()
}

/// The plan of a statement, if it is wrong. After ANALYZE, SQLite knows that a user has only a few sessions, and that
/// sorting them costs nothing.
pub(super) fn complaint(storage: &Storage, statement: &str, has_taken_stock: bool) -> Option<String> {
    let few = differs_among_few(statement);
    let may_sort = sorts_few(statement) || has_taken_stock && statement.contains("\"user_id\" =");
    let rows = storage.ask(&format!("EXPLAIN QUERY PLAN {statement}"));
    // Without a condition, an index scan stops at the limit.
    let is_unconditional = statement.contains("WHERE TRUE ORDER BY") || !statement.contains("WHERE");
    let stops_early = is_unconditional && statement.contains("LIMIT");
    let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").expect("a plan")).collect();
    let wrong = plan.iter().any(|step| {
        // `SCAN users`, `SCAN users USING INDEX …`: a full scan, in any order.
        let reads_all = step
            .strip_prefix("SCAN ")
            .and_then(|rest| rest.split(' ').next())
            .is_some_and(|table| LARGE.contains(&table))
            && !(stops_early && step.contains("USING INDEX"));
        let sorts = step.contains("TEMP B-TREE")
            && !(few && (step.contains("FOR DISTINCT") || step.contains("FOR GROUP BY")));
        // Most rows have not expired.
        let reads_most = step.contains("(expires_at>?)");
        reads_all || reads_most || sorts && !may_sort || step.contains("AUTOMATIC")
    });
    let of_large = LARGE.iter().any(|table| statement.contains(table));
    (wrong && of_large).then(|| format!("{statement}\n  {}", plan.join("\n  ")))
}
