//! The file of refused users.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use inwren_domain::account::import::Problem;
use serde_json::json;

use crate::runtime::private_file::{PRIVATE_MODE, create_new};

/// Maximum length of a valid address, in bytes.
const MAX_EMAIL: usize = 254;

/// Writes each refused user as one JSON object per line: `place`, `email`, `code` and `detail`. The file gets its name
/// when it is complete, so a run that was interrupted does not keep the next one from writing it.
#[derive(Debug)]
pub struct RefusedRows {
    path: PathBuf,
    /// The incomplete file, beside the final one.
    part: PathBuf,
    output: BufWriter<File>,
    /// The first write error. It does not stop the import.
    failed: Option<io::Error>,
}

impl RefusedRows {
    /// Creates the file, which only its owner may read. It must not exist.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let _ = fs::remove_file(&part);
        let output = BufWriter::new(create_new(&part, PRIVATE_MODE)?);
        Ok(Self { path: path.to_owned(), part, output, failed: None })
    }

    /// Adds a user. `email` is the address as found, valid or not.
    pub fn add(&mut self, place: &str, email: Option<&str>, problem: &Problem) {
        let email = email.filter(|text| may_be_email(text));
        let detail = match problem {
            // The message repeats the value, which is a password hash if columns were mixed up.
            Problem::Tier(_) => "the tier is not in TIERS".to_owned(),
            other => other.to_string(),
        };
        let row = json!({ "place": place, "email": email, "code": problem.code(), "detail": detail });
        if let Err(error) = writeln!(self.output, "{row}") {
            self.failed.get_or_insert(error);
        }
    }

    /// Completes the file, and returns the first write error.
    pub fn finish(mut self) -> io::Result<()> {
        let flushed = self.output.flush();
        self.failed.map_or(flushed, Err)?;
        // A rename would overwrite a file that was created meanwhile.
        let linked = fs::hard_link(&self.part, &self.path);
        let _ = fs::remove_file(&self.part);
        linked
    }
}

/// Whether the text may be a mistyped address. A column that was mixed up may contain a password hash, which must not
/// be written: hashes have no `@`, and most have a `$`.
fn may_be_email(text: &str) -> bool {
    text.len() <= MAX_EMAIL && text.contains('@') && !text.contains('$') && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_up_columns_show_no_hash() {
        for text in ["ann@example.org", "ann@@example.org", "zo\u{eb}@b\u{fc}cher.example"] {
            assert!(may_be_email(text), "{text}");
        }
        let long = format!("{}@example.org", "a".repeat(MAX_EMAIL));
        let hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA";
        for text in ["", "ann", hash, "5f4dcc3b5aa765d61d8327deb882cf99", "$2b$12$a@b", "a\n@b", &long] {
            assert!(!may_be_email(text), "{text}");
        }
    }
}
