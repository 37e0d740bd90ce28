use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::error::{Failed, Outcome};

/// Asks whether something is meant that cannot be undone: `what`, in whole sentences. A script, which nobody sits in front
/// of, has to say so beforehand.
pub(super) fn confirm(what: &str, said_yes: bool) -> Outcome {
    if said_yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failed::Usage(format!(
            "{what} There is no terminal to ask on: say --yes if it is meant"
        )));
    }
    // Standard output is for what the command gives.
    let mut terminal = std::io::stderr();
    let _ = write!(terminal, "{what}\nGo on? Type yes: ").and_then(|()| terminal.flush());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Failed::because)?;
    if answer.trim() == "yes" { Ok(()) } else { Err(Failed::Failed("nothing was done".to_owned())) }
}
