use super::error::{Failed, Outcome};
use super::support::{count, open_core_and_maintenance, say, say_place};
use crate::config::Config;
use crate::runtime::sweep::{Swept, sweep};

/// Runs one sweep immediately. A running service sweeps at intervals.
pub(super) async fn run(config: &Config) -> Outcome {
    let (core, maintenance) = open_core_and_maintenance(config, "sessions").await?;
    let mut swept = Swept::default();
    let outcome = sweep(&core, Some(&*maintenance), &mut swept).await;
    let Swept { sessions, audit_events, letters, bytes } = swept;
    say(&format!(
        "deleted {}, {} and {}, returned {bytes} bytes to the file system",
        count(sessions, "session", "sessions"),
        count(audit_events, "audit event", "audit events"),
        count(letters, "letter or link", "letters and links"),
    ));
    say_place(config);
    core.store.close().await;
    outcome.map_err(Failed::because)
}
