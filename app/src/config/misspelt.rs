//! Finds names in the environment and in `.env` that look like misspelt settings.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::dotenv;
use super::setting::{SETTINGS, find};

/// The most edits that a misspelt name differs by.
const MAX_EDITS: usize = 2;
/// The shortest setting that is compared. Shorter ones, such as `HOST`, are too close to unrelated names.
const MIN_LENGTH: usize = 8;
/// Names of other programs that are close to a setting.
const OTHER_PROGRAMS: [&str; 3] = ["RUSTC_LOG", "RUST_LIB", "SSL_CERT_PATH"];

/// A name that is no setting, and the setting that it looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misspelt {
    /// The name in the environment or in `.env`. Its value is not kept.
    pub name: String,
    /// The setting.
    pub setting: &'static str,
}

impl fmt::Display for Misspelt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a setting and has no effect. Did you mean {}?", self.name, self.setting)
    }
}

/// Returns the misspelt settings of this process, in the order of their names.
pub fn misspelt() -> Vec<Misspelt> {
    let mut names: BTreeSet<String> =
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    // An unreadable file is an error of the configuration, which is reported elsewhere.
    let file = std::fs::read_to_string(Path::new(dotenv::FILE)).unwrap_or_default();
    names.extend(dotenv::read(&file, |_| None).values.into_keys());
    names.into_iter().filter_map(of_name).collect()
}

fn of_name(name: String) -> Option<Misspelt> {
    let upper = name.to_ascii_uppercase();
    if find(&name).is_some() || OTHER_PROGRAMS.contains(&upper.as_str()) {
        return None;
    }
    let candidates = SETTINGS
        .iter()
        .map(|setting| setting.name)
        .filter(|known| known.len() >= MIN_LENGTH && known.len().abs_diff(upper.len()) <= MAX_EDITS);
    let closest = candidates.map(|known| (edits(&upper, known), known)).min()?;
    (closest.0 <= MAX_EDITS).then_some(Misspelt { name, setting: closest.1 })
}

/// Returns the number of edits between two names: insertions, deletions, substitutions, and transpositions of
/// neighbours (the optimal string alignment distance, a restricted Damerau-Levenshtein distance).
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&last, j) + usize::from(letter != other);
            let mut least = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let is_swapped = i > 0 && j > 0 && a.get(i - 1) == Some(other) && b.get(j - 1) == Some(letter);
            if is_swapped {
                least = least.min(at(&before_last, j - 1) + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(name: &str) -> Option<&'static str> {
        of_name(name.to_owned()).map(|misspelt| misspelt.setting)
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, count) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "ab", 1),
            ("abc", "xabc", 1),
            ("abc", "axc", 1),
            ("abcd", "badc", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((edits(a, b), edits(b, a)), (count, count), "{a} {b}");
        }
    }

    #[test]
    fn a_misspelt_name_finds_its_setting() {
        for (name, setting) in [
            ("TOKEN_ISUER", "TOKEN_ISSUER"),
            ("TOKEN_ISUSER", "TOKEN_ISSUER"),
            ("TOKENISSUER", "TOKEN_ISSUER"),
            ("DATABASE_URI", "DATABASE_URL"),
            ("PUBLIC_ULR", "PUBLIC_URL"),
            ("CORS_ALLOWED_ORIGIN", "CORS_ALLOWED_ORIGINS"),
            ("RATE_LIMITS_LOGIN", "RATE_LIMIT_LOGIN"),
            ("ENVIROMENT", "ENVIRONMENT"),
            ("token_issuer", "TOKEN_ISSUER"),
        ] {
            assert_eq!(meant(name), Some(setting), "{name}");
        }
    }

    #[test]
    fn settings_and_unrelated_names_are_silent() {
        for setting in SETTINGS.iter() {
            assert_eq!(meant(setting.name), None);
        }
        for name in [
            "PATH",
            "HOME",
            "POST",
            "HOSTS",
            "TIER",
            "HOSTNAME",
            "PGHOST",
            "RUSTC_LOG",
            "RUST_BACKTRACE",
            "REDIS_HOST",
            "REDIS_PORT",
            "DATABASE_USER",
            "DATABASE_PASSWORD",
            "LOG_LEVEL",
            "SSL_CERT_FILE",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "OTEL_TRACES_EXPORTER",
            "PUBLIC_DIR",
            "PUBLIC_KEY",
            "",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
