use std::path::Path;

use clap_mangen::Man;

use super::args::{commands, commands_and_settings};
use super::error::{Failed, Outcome};
use super::support::say;

/// Prints the manual page of a command, or writes the pages of all commands to a folder.
pub(super) fn run(command: &[String], folder: Option<&Path>) -> Outcome {
    match folder {
        Some(folder) => write_all(folder),
        None => {
            let page = rendered(&find(command)?).map_err(Failed::because)?;
            say(String::from_utf8_lossy(&page).trim_end());
            Ok(())
        }
    }
}

/// Finds a command by its words. Without words, returns the whole program.
fn find(words: &[String]) -> Result<clap::Command, Failed> {
    let mut found = program();
    for word in words {
        let Some(next) = found.find_subcommand(word) else {
            return Err(Failed::Usage(format!(
                "there is no command {:?}; `inwren help` lists all",
                words.join(" ")
            )));
        };
        found = next.clone();
    }
    Ok(found)
}

/// The program with its settings. Only its own page lists them, because the pages of its commands would repeat them.
fn program() -> clap::Command {
    let mut whole = commands_and_settings().disable_help_subcommand(true);
    let mut bare = commands().disable_help_subcommand(true);
    // Building the tree sets the names of the pages: `inwren-keys-rotate`.
    bare.build();
    let names: Vec<String> = whole.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        if let Some(of_bare) = bare.find_subcommand(&name) {
            let of_bare = of_bare.clone();
            whole = whole.mut_subcommand(name, |_| of_bare);
        }
    }
    whole
}

fn write_all(folder: &Path) -> Outcome {
    let failed = |error: std::io::Error| Failed::Failed(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut waiting = vec![program()];
    while let Some(command) = waiting.pop() {
        let name = command.get_display_name().unwrap_or("inwren").to_owned();
        std::fs::write(folder.join(format!("{name}.1")), rendered(&command).map_err(failed)?)
            .map_err(failed)?;
        say(&folder.join(format!("{name}.1")).display().to_string());
        waiting.extend(command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned());
    }
    Ok(())
}

fn rendered(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let source = concat!("inwren ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).manual("Inwren Auth").render(&mut page)?;
    Ok(page)
}
