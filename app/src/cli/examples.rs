//! Examples of every command, shown in its help, its manual page and the reference.

use clap::Command;

/// A description and its command line.
type Example = (&'static str, &'static str);

/// The examples by command, without the leading `inwren`.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "",
        &[
            ("Serve on http://127.0.0.1:8000, with SQLite in data/ and a key in certs/", "inwren"),
            ("Serve from PostgreSQL", "inwren --database-url postgres://auth@localhost/auth"),
            ("Create a superuser", "inwren users create boss@example.org --superuser"),
        ],
    ),
    (
        "serve",
        &[
            ("Serve on another port", "inwren serve --port 9000"),
            (
                "Run a test server for another service, on any free port",
                "inwren serve --ephemeral --json --port 0",
            ),
        ],
    ),
    ("demo", &[("Watch the life of a session in a few seconds", "inwren demo")]),
    ("migrate up", &[("Update the schema before the service starts", "inwren migrate up")]),
    (
        "migrate down",
        &[
            ("Roll back the last migration, after a confirmation", "inwren migrate down"),
            ("Roll back the last two, in a script", "inwren migrate down 2 --yes"),
        ],
    ),
    ("migrate status", &[("Show the state of the schema", "inwren migrate status")]),
    (
        "keys generate",
        &[
            ("Generate the first key", "inwren keys generate"),
            ("In a script that may run more than once", "inwren keys generate --if-missing"),
        ],
    ),
    (
        "keys rotate",
        &[
            ("Publish the next key, which signs after verifiers had time to fetch it", "inwren keys rotate"),
            ("Create a larger key", "inwren keys rotate --bits 3072"),
        ],
    ),
    (
        "keys list",
        &[
            ("Show which key signs, and until when each is published", "inwren keys list"),
            ("The same for programs", "inwren keys list --json"),
        ],
    ),
    (
        "keys retire",
        &[("Discard a pending key", "inwren keys retire 1xFMIFoMm7nqEbCJ4Gq3s8KCMcM0LJ8nNMzyEXyoZSM")],
    ),
    (
        "keys revoke",
        &[("Revoke a stolen key", "inwren keys revoke 1xFMIFoMm7nqEbCJ4Gq3s8KCMcM0LJ8nNMzyEXyoZSM")],
    ),
    (
        "secrets generate",
        &[
            ("Create the first secret key", "inwren secrets generate"),
            ("In a script that may run more than once", "inwren secrets generate --if-missing"),
        ],
    ),
    ("secrets rotate", &[("Derive new links and codes from a new key", "inwren secrets rotate")]),
    (
        "secrets list",
        &[
            ("Show which key derives new links and codes", "inwren secrets list"),
            ("The same for programs", "inwren secrets list --json"),
        ],
    ),
    (
        "users create",
        &[
            (
                "Create a superuser; the command asks for the password",
                "inwren users create boss@example.org --superuser",
            ),
            ("In a script", "inwren users create ann@example.org --password-stdin < password.txt"),
        ],
    ),
    (
        "users list",
        &[
            ("List the newest users", "inwren users list"),
            ("List the inactive users as JSON", "inwren users list --active no --json"),
            ("Find addresses by their prefix", "inwren users list --email ann"),
        ],
    ),
    (
        "users show",
        &[
            ("Show the user with this address", "inwren users show ann@example.org"),
            ("Show the user with this id", "inwren users show 0199a3f2-6f0e-7b9a-a1c2-3d4e5f607182 --json"),
        ],
    ),
    ("users activate", &[("Let a deactivated user log in again", "inwren users activate ann@example.org")]),
    ("users deactivate", &[("Lock a user out immediately", "inwren users deactivate ann@example.org")]),
    (
        "users delete",
        &[
            ("Delete a user; the command asks for confirmation", "inwren users delete ann@example.org"),
            ("Delete a user in a script", "inwren users delete ann@example.org --yes"),
        ],
    ),
    (
        "users reset-link",
        &[("Let a user who forgot the password set a new one", "inwren users reset-link ann@example.org")],
    ),
    (
        "users reset-factors",
        &[(
            "Remove the factors of a user who has lost the phone",
            "inwren users reset-factors ann@example.org --reason Ticket-4711",
        )],
    ),
    ("users logout", &[("Revoke all sessions of a user", "inwren users logout ann@example.org")]),
    (
        "users set-password",
        &[("Set a new password; the command asks for it", "inwren users set-password ann@example.org")],
    ),
    (
        "users export",
        &[
            ("Write all users with their password hashes to a file", "inwren users export users.ndjson"),
            (
                "Copy users to another database",
                "inwren users export | DATABASE_URL=\"$NEW_DATABASE_URL\" inwren users import -",
            ),
            ("Print only the number of users and their checksum", "inwren users export --checksum-only"),
        ],
    ),
    (
        "users import",
        &[
            ("Check a file without importing it", "inwren users import users.ndjson --dry-run"),
            (
                "Also overwrite existing users with the values of the file",
                "inwren users import users.ndjson --on-conflict update",
            ),
            (
                "Write the refused users to a file",
                "inwren users import users.ndjson --refused refused.ndjson",
            ),
        ],
    ),
    (
        "adopt",
        &[
            (
                "Check the users of another service without importing them",
                "inwren adopt --from \"$OLD_DATABASE_URL\" --dry-run",
            ),
            ("Import them in a script", "inwren adopt --from \"$OLD_DATABASE_URL\" --yes"),
        ],
    ),
    (
        "clients create",
        &[
            ("Create a client for a service", "inwren clients create billing"),
            (
                "Create a client for a single-page application of your own",
                "inwren clients create Shop --id shop --kind public --redirect-uri https://shop.example/callback \
                 --first-party",
            ),
        ],
    ),
    (
        "clients list",
        &[
            ("List the clients", "inwren clients list"),
            ("The same for programs", "inwren clients list --json"),
        ],
    ),
    ("clients show", &[("Show settings and secrets of a client", "inwren clients show grafana")]),
    (
        "clients apply",
        &[
            (
                "Show what differs; the exit code is 3 if something does",
                "inwren clients apply clients.toml --dry-run",
            ),
            ("Create and update the clients of the file", "inwren clients apply clients.toml"),
            ("Also delete the clients that it does not list", "inwren clients apply clients.toml --prune"),
        ],
    ),
    (
        "clients secret",
        &[
            ("Add a secret that expires after a year", "inwren clients secret grafana --expires-in 365"),
            (
                "Delete the secret that it replaces",
                "inwren clients secret grafana --delete 0199a3f2-6f0e-7b9a-a1c2-3d4e5f607182",
            ),
        ],
    ),
    (
        "clients revoke",
        &[(
            "Revoke a client whose secret has leaked",
            "inwren clients revoke 0199a3f2-6f0e-7b9a-a1c2-3d4e5f607182",
        )],
    ),
    (
        "clients delete",
        &[("Delete a client; the command asks for confirmation", "inwren clients delete grafana")],
    ),
    (
        "audit",
        &[
            ("List the newest audit events", "inwren audit"),
            ("List the logins of a user", "inwren audit --subject ann@example.org --kind logged_in"),
            (
                "List the events of a day as JSON",
                "inwren audit --since 2026-11-30T00:00:00Z --until 2026-12-01T00:00:00Z --json",
            ),
        ],
    ),
    (
        "outbox list",
        &[
            ("List the newest letters", "inwren outbox list"),
            ("List the letters that could not be sent, as JSON", "inwren outbox list --state dead --json"),
        ],
    ),
    (
        "outbox retry",
        &[("Send a dead letter again", "inwren outbox retry 0199a3f2-6f0e-7b9a-a1c2-3d4e5f607182")],
    ),
    (
        "backup",
        &[
            ("Copy the database while the service runs", "inwren backup inwren.db"),
            ("Overwrite an older backup", "inwren backup inwren.db --force"),
        ],
    ),
    (
        "restore",
        &[
            ("Restore a backup, after a confirmation", "inwren restore inwren.db"),
            ("In a script, and end all sessions", "inwren restore inwren.db --end-sessions --yes"),
        ],
    ),
    ("sweep", &[("Delete expired data now instead of waiting for the service", "inwren sweep")]),
    (
        "hash calibrate",
        &[
            ("Find parameters for this machine", "inwren hash calibrate"),
            ("Allow half a second per hash", "inwren hash calibrate --target-ms 500"),
        ],
    ),
    ("openapi", &[("Write the document to a file", "inwren openapi > openapi.json")]),
    ("healthcheck", &[("Ask whether the service on port 9000 is ready", "inwren healthcheck --port 9000")]),
    (
        "config check",
        &[
            ("Show the values in force", "inwren config check"),
            ("Check whether they suffice for production", "inwren config check --environment production"),
        ],
    ),
    (
        "completions",
        &[
            ("For bash", "inwren completions bash > ~/.local/share/bash-completion/completions/inwren"),
            ("For fish", "inwren completions fish > ~/.config/fish/completions/inwren.fish"),
        ],
    ),
    (
        "man",
        &[
            ("Read the manual page of a command", "inwren man keys rotate | man -l -"),
            ("Write all of them", "inwren man --write-to ~/.local/share/man/man1"),
        ],
    ),
];

/// The order of the help text: the examples come before the options.
pub(super) const TEMPLATE: &str = "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n{all-args}";

/// Adds the examples to every command.
pub(super) fn add_to(program: Command) -> Command {
    add(program, "")
}

fn add(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |sub| add(sub, path.trim_start()));
    }
    let Some((_, examples)) = EXAMPLES.iter().find(|(known, _)| *known == path) else {
        return command.help_template(TEMPLATE);
    };
    let mut text = String::from("Examples:");
    for (about, line) in *examples {
        text += &format!("\n  # {about}\n  {line}");
    }
    if let Some(more) = command.get_after_help() {
        text += &format!("\n\n{more}");
    }
    command.after_help(text).help_template(TEMPLATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{commands, program};

    /// The paths of all commands that have no subcommands.
    fn leaves(command: &Command, path: &str) -> Vec<String> {
        if !command.has_subcommands() {
            return vec![path.trim_start().to_owned()];
        }
        let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
        shown.flat_map(|sub| leaves(sub, &format!("{path} {}", sub.get_name()))).collect()
    }

    #[test]
    fn every_command_has_an_example_and_every_example_a_command() {
        let mut known: Vec<String> = EXAMPLES.iter().map(|(path, _)| (*path).to_owned()).collect();
        let mut there = leaves(&commands(), "");
        there.push(String::new());
        known.sort_unstable();
        there.sort_unstable();
        assert_eq!(known, there, "add an example to {}", file!());
    }

    #[test]
    fn every_example_is_understood() {
        for (path, examples) in EXAMPLES {
            for (_, line) in *examples {
                // The rest of the line is shell syntax.
                let words = line.split(['|', '<', '>']).next().unwrap().split_whitespace();
                let words: Vec<&str> = words.collect();
                assert!(words.join(" ").starts_with(format!("inwren {path}").trim_end()), "{line}");
                program().try_get_matches_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}
