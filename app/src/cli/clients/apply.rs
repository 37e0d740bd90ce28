//! Makes the clients of the service those of a file.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;
use inwren_domain::account::admin::Admin;
use inwren_domain::client::ClientSettings;
use inwren_domain::client::apply::{Difference, InvalidClient, apply, compare};
use inwren_domain::kernel::ClientInfo;
use inwren_domain::{Core, Failure};

use super::output::{SAVE, WIDTH, reason, say_credentials, values};
use crate::cli::error::{Failed, Outcome};
use crate::cli::support::{confirm, count, note, say, say_place, shortened};
use crate::clients_file::{self, FileError, Listed};
use crate::config::Config;

/// The file, and what to do with it.
#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyArgs {
    /// The file, in TOML; `-` is standard input
    file: PathBuf,
    /// Print what differs and change nothing. The exit code is 3 if something differs
    #[arg(long)]
    dry_run: bool,
    /// Also delete the clients that are not in the file
    #[arg(long)]
    prune: bool,
    /// Do not ask for confirmation before clients are deleted
    #[arg(long)]
    yes: bool,
}

impl ApplyArgs {
    /// Reads and parses the file.
    fn listed(&self) -> Result<Vec<Listed>, Failed> {
        let is_stdin = self.file == Path::new("-");
        let read =
            if is_stdin { io::read_to_string(io::stdin()) } else { std::fs::read_to_string(&self.file) };
        let text = read.map_err(|error| {
            let message = self.about(&error.to_string());
            if error.kind() == ErrorKind::InvalidData {
                Failed::Usage(message)
            } else {
                Failed::Reason(message)
            }
        })?;
        let listed = clients_file::parse(&text).map_err(|error| self.invalid(&error))?;
        if self.prune && listed.is_empty() {
            return Err(Failed::Usage(
                self.about("it lists no client, and --prune would delete all clients"),
            ));
        }
        Ok(listed)
    }

    fn about(&self, text: &str) -> String {
        format!("{}: {text}", self.file.display())
    }

    fn invalid(&self, error: &FileError) -> Failed {
        Failed::Usage(self.about(&error.to_string()))
    }

    /// The error for a client whose settings contradict each other or the configuration.
    fn contradictory(&self, listed: &[Listed], InvalidClient { id, invalid }: InvalidClient) -> Failed {
        self.invalid(&FileError {
            line: listed.iter().find(|client| client.id == id).map(|client| client.line),
            client: Some(id.to_string()),
            field: Some(invalid.field),
            reason: invalid.reason.to_owned(),
        })
    }
}

/// Prints what differs between the file and the database, and removes the differences unless this is a dry run.
pub(super) async fn run(config: &Config, core: &Core, args: &ApplyArgs) -> Outcome {
    let listed = args.listed()?;
    let wanted = listed.iter().map(|client| (client.id.clone(), client.settings.clone())).collect();
    let differences = match compare(core, Admin::operator(), wanted, args.prune).await {
        Ok(differences) => differences,
        Err(Failure::Refused(invalid)) => return Err(args.contradictory(&listed, invalid)),
        Err(Failure::Port(failure)) => return Err(Failed::because(failure)),
    };
    if differences.is_empty() {
        say(&format!("no differences: {}", count(listed.len() as u64, "client", "clients")));
        return Ok(());
    }
    differences.iter().flat_map(shown).for_each(|line| say(&line));
    if args.dry_run {
        say(&format!("{}; nothing was changed", count_of(&differences)));
        return Err(Failed::Drift);
    }
    confirm_deletions(&differences, args.yes)?;
    let done = format!("applied {}", count_of(&differences));
    remove(core, differences).await?;
    say(&done);
    say_place(config);
    Ok(())
}

fn count_of(differences: &[Difference]) -> String {
    count(differences.len() as u64, "difference", "differences")
}

fn confirm_deletions(differences: &[Difference], yes: bool) -> Outcome {
    let deleted =
        differences.iter().filter(|difference| matches!(difference, Difference::Surplus(_))).count();
    if deleted == 0 {
        return Ok(());
    }
    let clients = count(deleted as u64, "client", "clients");
    confirm(&format!("This deletes {clients} permanently, with all secrets and the consents of users."), yes)
}

/// Removes the differences one by one, and prints the secrets of new clients.
async fn remove(core: &Core, differences: Vec<Difference>) -> Outcome {
    let all = differences.len();
    let mut has_secret = false;
    for (done, difference) in differences.into_iter().enumerate() {
        let id = difference.id().clone();
        let lacks_secret = lacks_secret(&difference);
        let applied = apply(core, Admin::operator(), difference, &ClientInfo::default()).await;
        let secret = applied.map_err(|failure| {
            let reason = reason(failure);
            Failed::Reason(format!("client {id}: {reason}. Applied {done} of {all} differences"))
        })?;
        if secret.is_some() {
            say_credentials(&id, secret.as_ref());
            has_secret = true;
        }
        if lacks_secret {
            note(&format!(
                "client {id} now authenticates by a secret: add one with `inwren clients secret {id}`"
            ));
        }
    }
    if has_secret {
        say(SAVE);
    }
    Ok(())
}

/// Whether the change makes the client authenticate by a secret, which it may not have.
fn lacks_secret(difference: &Difference) -> bool {
    let needs_one = |settings: &ClientSettings| settings.auth_method.has_secret();
    match difference {
        Difference::Changed { client, settings } => needs_one(settings) && !needs_one(&client.settings),
        Difference::Missing(..) | Difference::Surplus(_) => false,
    }
}

/// A difference as lines.
fn shown(difference: &Difference) -> Vec<String> {
    let id = difference.id();
    match difference {
        Difference::Missing(..) => vec![format!("+ {id}")],
        Difference::Surplus(_) => vec![format!("- {id}")],
        Difference::Changed { .. } => {
            let fields = difference.fields();
            let lines = fields.iter().flat_map(|(field, old, new)| shown_field(field, old, new));
            std::iter::once(format!("~ {id}")).chain(lines).collect()
        }
    }
}

/// The old and the new text of a field: in one line if they fit, else one line per value that differs.
fn shown_field(field: &str, old: &str, new: &str) -> Vec<String> {
    let in_one_line = |text: &str| text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let (old, new) = (in_one_line(old), in_one_line(new));
    let or_none = |text: &str| if text.is_empty() { "(none)".to_owned() } else { text.to_owned() };
    let line = format!("  {field}: {} -> {}", or_none(&old), or_none(&new));
    if line.chars().count() <= WIDTH {
        return vec![line];
    }
    let (old, new) = (values(field, &old), values(field, &new));
    let removed = old.iter().filter(|value| !new.contains(value)).map(|value| ("-", *value));
    let added = new.iter().filter(|value| !old.contains(value)).map(|value| ("+", *value));
    let mut values: Vec<(&str, &str)> = removed.chain(added).collect();
    if values.is_empty() {
        values.push(("~", "the same values in another order"));
    }
    let values = values.into_iter().filter(|(_, value)| !value.is_empty());
    let values = values.map(|(sign, value)| shortened(&format!("    {sign} {value}"), WIDTH));
    std::iter::once(format!("  {field}:")).chain(values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_changes_fit_a_line() {
        assert_eq!(shown_field("refresh_days", "7", "30"), ["  refresh_days: 7 -> 30"]);
        assert_eq!(shown_field("scopes", "", "openid email"), ["  scopes: (none) -> openid email"]);
    }

    #[test]
    fn long_lists_show_values_that_differ() {
        let uri = |name: &str| format!("https://{name}.example/login/generic_oauth/callback");
        let (old, new) = (format!("{} {}", uri("a"), uri("b")), format!("{} {}", uri("b"), uri("c")));
        let lines = shown_field("redirect_uris", &old, &new);
        let expected =
            ["  redirect_uris:".to_owned(), format!("    - {}", uri("a")), format!("    + {}", uri("c"))];
        assert_eq!(lines, expected);
        let swapped = format!("{} {}", uri("b"), uri("a"));
        let lines = shown_field("redirect_uris", &old, &swapped);
        assert_eq!(lines[1..], ["    ~ the same values in another order"]);
    }

    #[test]
    fn long_texts_are_truncated() {
        let lines = shown_field("jwks", "", &"{ }\n".repeat(100));
        assert!(
            lines.len() == 2 && lines[1].starts_with("    + { } {") && lines[1].ends_with('…'),
            "{lines:?}"
        );
    }
}
