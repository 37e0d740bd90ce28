use std::path::Path;

use super::error::{Failed, Outcome};
use super::restore::{listed, summary};
use super::support::{require_database, say};
use crate::config::Config;
use crate::runtime::shutdown::StopSignals;
use crate::wiring::sqlite_file::{sqlite_file, unexpected};

/// Copies the configured SQLite database to a file while other processes use it.
pub(super) async fn run(config: &Config, target: &Path, overwrite: bool) -> Outcome {
    let database = sqlite_file(&config.database.target).map_err(|error| Failed::Usage(error.to_string()))?;
    require_database(config)?;
    let mut signals = StopSignals::listen().map_err(Failed::because)?;
    let contents = tokio::select! {
        contents = database.back_up(target, overwrite) => contents.map_err(Failed::because)?,
        () = signals.next() => return Err(Failed::Reason("interrupted: no backup was written".to_owned())),
    };
    say(&format!("backed up {} to {}", database.path().display(), target.display()));
    say(&summary(&contents));
    let keys = config.keys.private.parent().unwrap_or(Path::new("")).display();
    say(&format!("The backup does not contain the signing keys: also copy {keys}/."));
    let unexpected = unexpected(target, &contents).await.map_err(Failed::because)?;
    if !unexpected.is_empty() {
        say(&format!(
            "warning: the schema differs from the one that the migrations create, so a restore will refuse this backup: {}",
            listed(&unexpected)
        ));
    }
    Ok(())
}
