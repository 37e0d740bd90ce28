use clap::Command;

use crate::cli::args::commands;

const HEAD: &str = "# Command line

One program, `inwren`, contains the service and the commands for its operators. All commands read the same
[settings](configuration.md), and accept them as flags; `inwren help settings` lists them. `inwren completions` and
`inwren man` print completion scripts and manual pages.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 drift (`clients apply --dry-run`). A command asks for
confirmation before a change that cannot be undone; a script confirms it with `--yes`. A misspelt flag suggests the right
one. Colours appear only on a terminal, and never with `NO_COLOR`.

Only `serve` and `migrate up` create a database, its tables or, in development, a signing key (`keys generate` creates a
key everywhere). Every other command exits with 1 if they do not exist, and names the path that it looked at. A command
that changes the database prints which one: the path of the file, or the URL without the password.
";

/// The width of the help texts, which otherwise depends on the terminal.
const WIDTH: usize = 100;

/// The reference page of all commands, with their help texts.
pub(super) fn page() -> String {
    let mut program = commands().disable_help_subcommand(true).term_width(WIDTH);
    program.build();
    let mut page = HEAD.to_owned();
    add(&mut page, &program, "inwren");
    page
}

fn add(page: &mut String, command: &Command, words: &str) {
    let help = command.clone().render_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    *page += &format!("\n## {words}\n\n```text\n{}\n```\n", lines.join("\n").trim());
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        add(page, sub, &format!("{words} {}", sub.get_name()));
    }
}
