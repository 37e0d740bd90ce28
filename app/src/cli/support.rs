//! Helpers of all commands: output, confirmation, and use cases over the configured store.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use inwren_domain::Core;
use inwren_domain::kernel::InvalidEmail;
use inwren_domain::store::{Maintenance, MigrationError, Schema};

use super::error::{Failed, Outcome};
use crate::config::{Config, DatabaseTarget, SqlTarget};
use crate::runtime::colour;
use crate::runtime::start::StartError;
use crate::wiring::{self, OpenedStore};

/// Prints a line for the user. It ignores write errors, for example when the reader has closed the pipe.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Cuts a text to a number of characters. A cut text ends with an ellipsis.
pub(super) fn shortened(text: &str, max: usize) -> String {
    match text.chars().count() > max {
        true => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// The error for an address that is invalid.
pub(super) fn wrong_email(text: &str, invalid: InvalidEmail) -> Failed {
    Failed::Usage(format!("{text:?}: {invalid}"))
}

/// Prints an error.
pub(super) fn complain(message: &str) {
    let error = colour::paint(colour::wanted(&std::io::stderr()), colour::ERROR, "error:");
    let _ = writeln!(std::io::stderr(), "{error} {message}");
}

/// Prints a line beside the result, which standard output contains.
pub(super) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints a warning.
pub(super) fn warn(message: &str) {
    let warning = colour::paint(colour::wanted(&std::io::stderr()), colour::WARNING, "warning:");
    let _ = writeln!(std::io::stderr(), "{warning} {message}");
}

/// Asks the user to confirm an action that cannot be undone. `what` describes the action in whole sentences. A script
/// cannot answer, so it has to confirm with a flag.
pub(super) fn confirm(what: &str, said_yes: bool) -> Outcome {
    if said_yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failed::Usage(format!(
            "{what} Standard input is not a terminal, so this cannot be confirmed: add --yes to confirm it"
        )));
    }
    // Standard output is reserved for the result of the command.
    let mut terminal = std::io::stderr();
    let _ = write!(terminal, "{what}\nContinue? Type yes: ").and_then(|()| terminal.flush());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Failed::because)?;
    if answer.trim() == "yes" {
        Ok(())
    } else {
        Err(Failed::Reason("not confirmed: nothing was changed".to_owned()))
    }
}

/// A number with its noun: `1 user`, `2 users`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Where the configured database is: the absolute path of its file, or its URL without credentials.
pub(super) fn place(config: &Config) -> String {
    match &config.database.target {
        DatabaseTarget::Sql(SqlTarget::Sqlite(file)) => absolute(file.path()).display().to_string(),
        target => target.to_string(),
    }
}

/// The path from the root, because a command may run in the wrong folder.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Prints which database a command has changed.
pub(super) fn say_place(config: &Config) {
    say(&format!("database: {}", place(config)));
}

/// Fails if the configured database is a file that does not exist. Only `serve` and `migrate up` create it, so that a
/// command in the wrong folder does not.
pub(super) fn require_database(config: &Config) -> Outcome {
    match &config.database.target {
        DatabaseTarget::Sql(SqlTarget::Sqlite(file)) if !file.path().exists() => {
            Err(Failed::Reason(format!(
                "DATABASE_URL: the database {} does not exist. Run the command in the folder of the service, or set \
             DATABASE_URL. To create the database, run `inwren migrate up`",
                place(config)
            )))
        }
        _ => Ok(()),
    }
}

/// Opens the configured database, which must have the schema of this release: only `serve` and `migrate up` change the
/// schema. `what` names the stored data in the error message for a memory store.
pub(super) async fn open_database(
    config: &Config,
    what: &str,
) -> Result<(OpenedStore, Arc<dyn Maintenance>), Failed> {
    require_database(config)?;
    let opened = wiring::open_store(config).await.map_err(Failed::because)?;
    let Some(maintenance) = opened.maintenance.clone() else {
        return Err(Failed::Usage(format!(
            "DATABASE_URL: {} is a store in memory, which loses its {what} when the command ends",
            place(config)
        )));
    };
    match schema_fault(config, &*maintenance).await.map_err(Failed::because) {
        Ok(None) => Ok((opened, maintenance)),
        Ok(Some(fault)) | Err(fault) => {
            opened.store.close().await;
            Err(fault)
        }
    }
}

async fn schema_fault(
    config: &Config,
    maintenance: &dyn Maintenance,
) -> Result<Option<Failed>, MigrationError> {
    let place = place(config);
    Ok(match maintenance.schema().await? {
        Schema::Current => None,
        Schema::Foreign => Some(Failed::because(StartError::SourceUsers)),
        Schema::Behind(pending) if pending.len() == maintenance.migrations().await?.len() => {
            Some(Failed::Reason(format!(
                "DATABASE_URL: {place} has no tables of this service. Check DATABASE_URL. To create the tables, run \
                 `inwren migrate up`"
            )))
        }
        Schema::Behind(pending) => Some(Failed::Reason(format!(
            "the schema of {place} is behind by {}: run `inwren migrate up`",
            count(pending.len() as u64, "migration", "migrations")
        ))),
    })
}

/// Opens the core over the configured database, which must exist, as must the signing keys.
pub(super) async fn open_core(config: &Config, what: &str) -> Result<Core, Failed> {
    Ok(open_core_and_maintenance(config, what).await?.0)
}

/// Like [`open_core`], but also returns the maintenance of the database.
pub(super) async fn open_core_and_maintenance(
    config: &Config,
    what: &str,
) -> Result<(Core, Arc<dyn Maintenance>), Failed> {
    let (opened, maintenance) = open_database(config, what).await?;
    let keys = wiring::key_store(config).open(wiring::clock().now()).map_err(Failed::because)?;
    let tokens = wiring::tokens(config, &keys.keys).map_err(Failed::because)?;
    let core = wiring::core(config, opened.store, tokens).map_err(Failed::because)?;
    Ok((core, maintenance))
}
