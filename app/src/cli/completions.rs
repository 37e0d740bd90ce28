use clap_complete::{Shell, generate};

use super::args::{commands, settings};
use super::error::Outcome;
use super::support::say;

/// Prints the shell completion script for commands and options. It completes the settings only for `inwren` and
/// `inwren serve`: with all settings of every command, the script would be ten times as long.
pub(super) fn run(shell: Shell) -> Outcome {
    let mut program = commands().args(settings()).mut_subcommand("serve", |serve| serve.args(settings()));
    let mut script = Vec::new();
    generate(shell, &mut program, "inwren", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
