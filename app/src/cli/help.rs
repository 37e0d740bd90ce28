//! The help of the program and the list of all settings.

use clap::Command;
use clap::builder::StyledStr;

use super::examples::TEMPLATE;
use crate::config::{SETTINGS, Setting, group_of};
use crate::runtime::colour::STRONG;

/// The width of the list of settings.
const WIDTH: usize = 98;
const INDENT: &str = "      ";

/// The last line of every command's help.
const HINT: &str = "Settings are accepted as flags, too: `inwren help settings` lists them.";

const HEAD: &str = "Settings of inwren, accepted by every command.

A setting is a flag (--database-url), an environment variable (DATABASE_URL) or a line in .env.
Flags override variables, and variables override .env. An empty value counts as not set.
`inwren config check` shows the values in force.";

/// Replaces the help of the program by a list of commands that fits a screen, and ends the help of every command with
/// how to see the settings.
pub(super) fn hint_at_settings(program: Command) -> Command {
    let template = format!("{TEMPLATE}\n\n{HINT}");
    let overview = overview(&program);
    each_subcommand(program, &template).help_template(overview)
}

fn each_subcommand(mut command: Command, template: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        command = command
            .mut_subcommand(name, |sub| each_subcommand(sub, template).help_template(template.to_owned()));
    }
    command
}

/// The help of the program, as a template. It has no options of its own but the usual two.
fn overview(program: &Command) -> StyledStr {
    let mut text = String::from("{about}\n{usage-heading} {usage}\n");
    for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        text += &format!("  {STRONG}{:<12}{STRONG:#} {about}\n", command.get_name());
    }
    text += "\nOptions of a command: inwren COMMAND --help. Settings: inwren help settings.";
    text.into()
}

/// The text of `inwren help settings`: all settings in the groups of the reference.
pub(super) fn settings() -> StyledStr {
    let mut text = HEAD.to_owned();
    let mut group = "";
    for setting in SETTINGS.iter() {
        if group_of(setting) != group {
            group = group_of(setting);
            text += &format!("\n\n{STRONG}{group}{STRONG:#}");
        }
        text += &entry(setting);
    }
    text.push('\n');
    text.into()
}

fn entry(setting: &Setting) -> String {
    let Setting { name, takes, about, .. } = setting;
    let default = setting.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
    let head = match setting.has_flag() {
        true => format!("--{} VALUE", setting.flag()),
        false => format!("{name} (a variable only, because it is a secret)"),
    };
    let without_password = if setting.is_address() { " (as a flag, without a password)" } else { "" };
    let mut text = format!("\n  {STRONG}{head}{STRONG:#}");
    for line in wrapped(&format!("{about}: {takes}{default}{without_password}"), WIDTH - INDENT.len()) {
        text += &format!("\n{INDENT}{line}");
    }
    text
}

/// Breaks a text into lines between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::program;

    /// The help of a command, without styles.
    fn help_of(words: &[&str]) -> String {
        let mut command = program();
        command.build();
        let mut found = &mut command;
        for word in words {
            found = found.find_subcommand_mut(word).unwrap();
        }
        found.render_long_help().to_string()
    }

    #[test]
    fn the_help_of_the_program_fits_a_screen() {
        let help = help_of(&[]);
        assert!(help.lines().count() < 24, "{} lines and the prompt\n{help}", help.lines().count());
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(
            help.contains("\n  demo ") && help.contains("help settings") && !help.contains("reference"),
            "{help}"
        );
    }

    #[test]
    fn the_help_of_a_command_shows_its_own_options() {
        let help = help_of(&["keys", "rotate"]);
        assert!(help.contains("--bits") && help.trim_end().ends_with(HINT), "{help}");
        assert!(!help.contains("--database-url"), "{help}");
    }

    #[test]
    fn the_list_has_every_setting_and_fits_100_columns() {
        let list = help_of(&["settings"]);
        for setting in SETTINGS.iter() {
            let name =
                if setting.has_flag() { format!("--{} ", setting.flag()) } else { setting.name.to_owned() };
            assert!(list.contains(&name), "{name} is not in\n{list}");
        }
        for line in list.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert!(list.contains("\nDatabase\n") && !list.contains('\u{1b}'), "{list}");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a-long-word b", 4), ["a-long-word", "b"]);
    }
}
