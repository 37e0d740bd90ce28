use super::error::{Failed, Outcome};
use super::support::{count, open_core_and_maintenance, say, say_place};
use crate::config::Config;
use crate::runtime::sweep::{Swept, sweep};
use crate::secrets;

/// Runs one sweep immediately. A running service sweeps at intervals.
pub(super) async fn run(config: &Config) -> Outcome {
    let (mut core, maintenance) = open_core_and_maintenance(config, "sessions").await?;
    // Without secret keys there are no sealed secrets.
    core.keyring = secrets::keyring(&config.secret_keys.path, config.environment).ok();
    let mut swept = Swept::default();
    let outcome = sweep(&core, Some(&*maintenance), &mut swept).await;
    let Swept { sessions, audit_events, expired, lost_factors, resealed, bytes } = swept;
    say(&format!(
        "deleted {}, {} and {}, returned {bytes} bytes to the file system",
        count(sessions, "session", "sessions"),
        count(audit_events, "audit event", "audit events"),
        count(expired, "expired item", "expired items"),
    ));
    if lost_factors > 0 {
        say(&format!("decided {}", count(lost_factors, "due removal of factors", "due removals of factors")));
    }
    if resealed > 0 {
        say(&format!("sealed {} with the current secret key", count(resealed, "secret", "secrets")));
    }
    say_place(config);
    core.store.close().await;
    outcome.map_err(Failed::because)
}
