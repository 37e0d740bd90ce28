use std::path::Path;

use clap_mangen::Man;

use super::args::commands;
use super::error::{Failed, Outcome};
use super::support::say;
use crate::config::{SETTINGS, Setting, group_of};

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
                "unknown command {:?}; `inwren help` lists all commands",
                words.join(" ")
            )));
        };
        found = next.clone();
    }
    Ok(found)
}

fn program() -> clap::Command {
    let mut program = commands().disable_help_subcommand(true);
    // Building the tree sets the names of the pages: `inwren-keys-rotate`.
    program.build();
    program
}

fn write_all(folder: &Path) -> Outcome {
    let failed = |error: std::io::Error| Failed::Reason(format!("{}: {error}", folder.display()));
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
    // Only the page of the program lists the settings, because all commands accept the same ones.
    if command.get_name() == "inwren" {
        page.extend(settings().bytes());
    }
    Ok(page)
}

/// The section of the settings, in the language of manual pages.
fn settings() -> String {
    let mut text = String::from(".SH SETTINGS\n");
    let mut group = "";
    for setting in SETTINGS.iter() {
        if group_of(setting) != group {
            group = group_of(setting);
            text += &format!(".SS {}\n", escaped(group));
        }
        let Setting { name, takes, about, .. } = setting;
        let flag = match setting.has_flag() {
            true => format!("\\fB{}\\fR VALUE, ", escaped(&format!("--{}", setting.flag()))),
            false => String::new(),
        };
        let default = setting.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
        let text_of = escaped(&format!("{about}: {takes}{default}"));
        text += &format!(".TP\n{flag}\\fB{name}\\fR\n{text_of}\n");
    }
    text
}

/// Escapes what the language of manual pages would interpret. A text never starts with a dot or a quote.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
