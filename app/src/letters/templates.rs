//! The templates of letters, and of the pages to which letters link.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

/// The templates of the program.
const BUILT_IN: [(&str, &str); 3] = [
    ("account.html", include_str!("templates/account.html")),
    ("letter.html", include_str!("templates/letter.html")),
    ("letter.txt", include_str!("templates/letter.txt")),
];

/// A template or a text is wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct TemplateError {
    file: String,
    reason: String,
}

impl TemplateError {
    pub(crate) fn new(file: &str, reason: impl Display) -> Self {
        Self { file: file.to_owned(), reason: reason.to_string() }
    }
}

/// Returns the templates. A file in the folder replaces the one of the same name.
pub(super) fn environment(folder: Option<&Path>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A line with a tag alone leaves no empty line.
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    let folder: Option<PathBuf> = folder.map(Path::to_owned);
    environment.set_loader(move |name| {
        let Some((_, built_in)) = BUILT_IN.iter().find(|(known, _)| *known == name) else { return Ok(None) };
        let Some(path) = folder.as_ref().map(|folder| folder.join(name)) else {
            return Ok(Some((*built_in).to_owned()));
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Some((*built_in).to_owned())),
            Err(error) => Err(Error::new(ErrorKind::InvalidOperation, "cannot be read").with_source(error)),
        }
    });
    environment
}
