use std::path::Path;

use super::error::{Failed, Outcome};
use super::restore::{listed, told};
use super::support::say;
use crate::config::Config;
use crate::runtime::shutdown::StopSignals;
use crate::wiring::sqlite_file::{sqlite_file, unexpected};

/// Copies the configured SQLite database to a file while other processes use it.
pub(super) async fn run(config: &Config, target: &Path, overwrite: bool) -> Outcome {
    let database = sqlite_file(&config.database.target).map_err(|error| Failed::Usage(error.to_string()))?;
    let mut signals = StopSignals::listen().map_err(Failed::because)?;
    let contents = tokio::select! {
        contents = database.back_up(target, overwrite) => contents.map_err(Failed::because)?,
        () = signals.next() => return Err(Failed::Failed("interrupted; there is no backup".to_owned())),
    };
    say(&format!("backed up {} to {}", database.path().display(), target.display()));
    say(&told(&contents));
    let keys = config.keys.private.parent().unwrap_or(Path::new("")).display();
    say(&format!("The signing keys are not in it: keep a copy of {keys}/ with it."));
    let unexpected = unexpected(target, &contents).await.map_err(Failed::because)?;
    if !unexpected.is_empty() {
        say(&format!(
            "warning: the database has another schema than its migrations make, and a restore refuses the backup: {}",
            listed(&unexpected)
        ));
    }
    Ok(())
}
