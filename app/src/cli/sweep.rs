use super::error::{Failed, Outcome};
use super::support::{open_core_and_maintenance, say};
use crate::config::Config;
use crate::runtime::sweep::{Swept, sweep};

/// Runs one sweep immediately. A running service sweeps at intervals.
pub(super) async fn run(config: &Config) -> Outcome {
    let (core, maintenance) = open_core_and_maintenance(config, "sessions").await?;
    let mut swept = Swept::default();
    let outcome = sweep(&core, Some(&*maintenance), &mut swept).await;
    let Swept { sessions, audit_events, bytes } = swept;
    say(&format!("deleted {sessions} sessions and {audit_events} audit events, gave {bytes} bytes back"));
    core.store.close().await;
    outcome.map_err(Failed::because)
}
