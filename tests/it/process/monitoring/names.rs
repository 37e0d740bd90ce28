//! The dashboard, the alerts and the documentation name only existing metrics.

use std::collections::BTreeSet;

use inwren_tests::stores::TempFolder;
use serde_json::Value;

use super::client::join;
use super::{Storage, program, scrape};

const DASHBOARD: &str = include_str!("../../../../docs/monitoring/grafana-dashboard.json");
const ALERTS: &str = include_str!("../../../../docs/monitoring/alerts.yaml");
const DOCUMENTATION: &str = include_str!("../../../../docs/monitoring.md");

/// All words that look like names of our metrics.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("inwren_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// Collects the queries of a dashboard, at any depth.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "expr" || name == "query" => found.push(text.clone()),
                    _ => queries(field, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

#[test]
fn every_name_is_one_that_a_running_service_shows() {
    let mut shown = BTreeSet::new();
    let mut kinds = Vec::new();
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let service = program(&folder, &storage).start();
        join(&mut service.connect(), "ann@example.org").unwrap();
        let page = scrape(&service);
        shown.extend(page.names_in_queries());
        kinds.extend(page.names().into_iter().map(|name| (page.kind(&name).unwrap().to_owned(), name)));
        service.stop();
    }
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let mut asked = Vec::new();
    queries(&dashboard, &mut asked);
    assert!(asked.len() > 25, "{asked:?}");
    let in_dashboard: BTreeSet<String> = asked.iter().flat_map(|query| metrics_in(query)).collect();
    let in_alerts = metrics_in(ALERTS);
    assert!(in_alerts.len() > 10, "{in_alerts:?}");
    for (place, names) in [("the dashboard", &in_dashboard), ("the alerts", &in_alerts)] {
        let unknown: Vec<_> = names.difference(&shown).collect();
        assert!(unknown.is_empty(), "{place} ask for {unknown:?}, which no service shows");
    }
    let shown_ours = metrics_in(&shown.iter().map(|name| format!("{name} ")).collect::<String>());
    assert_eq!(shown_ours, shown, "a name that is neither ours nor of the process");
    // The dashboard shows every metric.
    let of_dashboard = |name: &str| in_dashboard.iter().any(|asked| asked.starts_with(name));
    for (kind, name) in &kinds {
        assert!(of_dashboard(name), "{name} is not on the dashboard");
        let row = DOCUMENTATION.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} is not in docs/monitoring.md"));
        assert_eq!(row.split('|').nth(2).map(str::trim), Some(kind.as_str()), "{row}");
    }
    let documented = DOCUMENTATION.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for name in documented.filter(|name| metrics_in(name).contains(*name)) {
        assert!(kinds.iter().any(|(_, shown)| shown == name), "{name} is documented, but not shown");
    }
}

#[test]
fn every_alert_is_explained() {
    let alerts: Vec<&str> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    for alert in &alerts {
        assert!(DOCUMENTATION.contains(&format!("\n### {alert}\n")), "{alert}");
        let runbook = format!("runbook: docs/monitoring.md#{}", alert.to_lowercase());
        assert!(ALERTS.contains(&runbook), "{runbook}");
    }
    let explained = DOCUMENTATION.lines().filter_map(|line| line.strip_prefix("### Inwren"));
    assert_eq!(explained.count(), alerts.len());
}
