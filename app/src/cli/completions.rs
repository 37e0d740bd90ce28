use clap_complete::{Shell, generate};

use super::Outcome;
use super::args::commands_and_settings;
use super::output::say;

/// Prints the script that lets a shell complete commands and options.
pub(super) fn run(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    generate(shell, &mut commands_and_settings(), "inwren", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
