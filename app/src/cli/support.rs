//! Helpers of all commands: output, confirmation, and use cases over the configured store.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;

use inwren_domain::Core;
use inwren_domain::store::Maintenance;

use super::error::{Failed, Outcome};
use crate::config::Config;
use crate::runtime::{colour, start};
use crate::wiring;

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

/// Prints an error.
pub(super) fn complain(message: &str) {
    let error = colour::paint(colour::wanted(&std::io::stderr()), colour::ERROR, "error:");
    let _ = writeln!(std::io::stderr(), "{error} {message}");
}

/// Asks the user to confirm an action that cannot be undone. `what` describes the action in whole sentences. A script
/// cannot answer, so it has to confirm with a flag.
pub(super) fn confirm(what: &str, said_yes: bool) -> Outcome {
    if said_yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failed::Usage(format!(
            "{what} There is no terminal to ask on: say --yes if it is meant"
        )));
    }
    // Standard output is reserved for the result of the command.
    let mut terminal = std::io::stderr();
    let _ = write!(terminal, "{what}\nGo on? Type yes: ").and_then(|()| terminal.flush());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Failed::because)?;
    if answer.trim() == "yes" { Ok(()) } else { Err(Failed::Failed("nothing was done".to_owned())) }
}

/// Opens the core over the configured database. `what` names the stored data in the error message for a memory store.
pub(super) async fn open_core(config: &Config, what: &str) -> Result<Core, Failed> {
    Ok(open_core_and_maintenance(config, what).await?.0)
}

/// Like [`open_core`], but also returns the maintenance of the database.
pub(super) async fn open_core_and_maintenance(
    config: &Config,
    what: &str,
) -> Result<(Core, Arc<dyn Maintenance>), Failed> {
    let opened = wiring::open_store(config).await.map_err(Failed::because)?;
    let Some(maintenance) = opened.maintenance.clone() else {
        return Err(Failed::Usage(format!("DATABASE_URL: a memory store forgets its {what} at once")));
    };
    start::prepare_schema(config, &opened).await.map_err(Failed::because)?;
    let keys = wiring::key_store(config).open_or_generate(wiring::clock().now()).map_err(Failed::because)?;
    let tokens = wiring::tokens(config, &keys.keys).map_err(Failed::because)?;
    let core = wiring::core(config, Arc::clone(&opened.store), tokens).map_err(Failed::because)?;
    Ok((core, maintenance))
}
