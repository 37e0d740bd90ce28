use clap::Command;

use crate::cli::args::commands;

const HEAD: &str = "# Command line

One program, `inwren`: the service, and the commands for whoever operates it. All of them read the same
[settings](configuration.md), which may be given to each as flags; they are left out here. `inwren completions` and
`inwren man` print what a shell and `man` want to know.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration. What cannot be undone asks first; in a script, where there is
nobody to ask, it wants `--yes`. Colours are shown on a terminal only, and never where `NO_COLOR` is set.
";

/// The reference page of all commands, with their help texts.
pub(super) fn page() -> String {
    let mut program = commands().disable_help_subcommand(true);
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
