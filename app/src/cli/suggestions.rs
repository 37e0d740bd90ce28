//! Suggestions for misspelt flags: an option of the command, or else a setting.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::SETTINGS;

/// The lowest similarity of a suggestion, from 0 to 1 (Jaro-Winkler).
const MIN_SIMILARITY: f64 = 0.85;
/// The shortest beginning of a flag that is completed to the flag.
const MIN_PREFIX: usize = 3;

/// Replaces the suggestion for an unknown flag. The parser would choose among all flags, of which most are settings.
pub(super) fn improve(mut error: clap::Error, program: &Command, arguments: &[OsString]) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return error };
    let Some(wanted) = flag.strip_prefix("--") else { return error };
    let own: Vec<String> = options_of(command_of(program, arguments));
    let settings =
        || SETTINGS.iter().filter(|setting| setting.has_flag()).map(|setting| setting.flag()).collect();
    if let Some(found) = closest(wanted, own).or_else(|| closest(wanted, settings())) {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(format!("--{found}")));
    } else {
        error.remove(ContextKind::SuggestedArg);
    }
    error
}

/// The command that the arguments name.
fn command_of<'a>(program: &'a Command, arguments: &[OsString]) -> &'a Command {
    let words = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    words.fold(program, |command, word| command.find_subcommand(word).unwrap_or(command))
}

/// The flags that the help of a command shows.
fn options_of(command: &Command) -> Vec<String> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown.filter_map(|argument| argument.get_long()).map(str::to_owned).collect()
}

/// The flag that a misspelt one most likely means.
fn closest(wanted: &str, flags: Vec<String>) -> Option<String> {
    let similarity = |flag: &str| match wanted.len() >= MIN_PREFIX && flag.starts_with(wanted) {
        true => 1.0,
        false => strsim::jaro_winkler(wanted, flag),
    };
    // `max_by` returns the last of equal flags. Reversed, that is the first one of the list.
    let rated = flags.into_iter().rev().map(|flag| (similarity(&flag), flag));
    let likely = rated.filter(|(similarity, _)| *similarity >= MIN_SIMILARITY);
    likely.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, flag)| flag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::program;

    /// What a wrong command line suggests.
    fn suggestion(words: &[&str]) -> Option<String> {
        let mut program = program();
        let arguments: Vec<OsString> = ["inwren"].iter().chain(words).map(OsString::from).collect();
        let error = program.try_get_matches_from_mut(&arguments).unwrap_err();
        match improve(error, &program, &arguments).get(ContextKind::SuggestedArg) {
            Some(ContextValue::String(flag)) => Some(flag.clone()),
            _ => None,
        }
    }

    #[test]
    fn an_option_of_the_command_comes_before_settings() {
        for (words, expected) in [
            (&["users", "create", "ann@example.org", "--pasword-stdn"][..], "--password-stdin"),
            (&["users", "create", "ann@example.org", "--password"], "--password-stdin"),
            (&["users", "create", "ann@example.org", "--super-user"], "--superuser"),
            (&["keys", "list", "--jsn"], "--json"),
            (&["keys", "rotate", "--bit=3072"], "--bits"),
            (&["keys", "rotate", "--databse-url", "memory:"], "--database-url"),
            (&["--prot", "9000"], "--port"),
            (&["serve", "--ephemral"], "--ephemeral"),
        ] {
            assert_eq!(suggestion(words).as_deref(), Some(expected), "{words:?}");
        }
    }

    #[test]
    fn nothing_similar_suggests_nothing() {
        assert_eq!(suggestion(&["--no-such-flag"]), None);
        assert_eq!(suggestion(&["keys", "list", "--xyz"]), None);
    }
}
