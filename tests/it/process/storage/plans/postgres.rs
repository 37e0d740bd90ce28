//! The plans of PostgreSQL, which the server logs.

use serde_json::Value;

use super::{LARGE, differs_among_few, sorts_few};
use crate::process::support::database::Storage;

/// Largest number of rows that a filter of a statement may discard.
const PASSED: f64 = 6_000.0;

/// Makes the server log the plan of every statement to this database, including the statements that foreign keys cause.
pub(super) fn explain_everything(storage: &Storage) {
    let url = storage.url();
    let name = url.rsplit('/').next().and_then(|name| name.split('?').next()).expect("a name");
    // The module comes with the server, or in a package of its own (`postgresql-contrib`) in some distributions.
    storage.ask("LOAD 'auto_explain'");
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_timing = off",
        "auto_explain.log_nested_statements = on",
        "auto_explain.log_format = json",
        "auto_explain.log_level = notice",
        // As on a server with one core: a parallel plan would hide work in its worker processes.
        "max_parallel_workers_per_gather = 0",
    ] {
        storage.ask(&format!("ALTER DATABASE {name} SET {setting}"));
    }
}

/// A statement and the plan that the server executed.
pub(super) struct Plan {
    pub(super) statement: String,
    root: Value,
}

/// The plans that the server sent, read from the log of the service.
pub(super) fn plans(log: &str) -> Vec<Plan> {
    let logged = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let plan = |line: Value| {
        if line["target"] != "sqlx::postgres::notice" {
            return None;
        }
        let (_, plan) = line["message"].as_str()?.split_once("plan:")?;
        let mut plan: Value = serde_json::from_str(plan).expect("a plan");
        let statement = plan["Query Text"].as_str().expect("a statement").to_owned();
        Some(Plan { statement, root: plan["Plan"].take() })
    };
    logged.filter_map(plan).collect()
}

impl Plan {
    /// The first wrong step of the plan, if any.
    pub(super) fn complaint(&self) -> Option<String> {
        let step = self.wrong_step(&self.root)?;
        Some(format!("{step}\n{}\n{:#}", self.statement, self.root))
    }

    fn wrong_step(&self, step: &Value) -> Option<String> {
        let kind = step["Node Type"].as_str().expect("a kind");
        let table = step["Relation Name"].as_str().unwrap_or_default();
        let reads_all = kind.ends_with("Seq Scan") && LARGE.contains(&table);
        let may_sort = differs_among_few(&self.statement) || sorts_few(&self.statement);
        let sorts = kind.ends_with("Sort") && !may_sort;
        let passed = step["Rows Removed by Filter"].as_f64().unwrap_or(0.0);
        let passes = passed > PASSED;
        if reads_all || sorts || passes {
            return Some(format!("{kind} {table} ({passed} passed)"));
        }
        let below = step["Plans"].as_array().into_iter().flatten();
        below.filter_map(|step| self.wrong_step(step)).next()
    }
}
