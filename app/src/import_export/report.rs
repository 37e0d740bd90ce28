use std::collections::BTreeMap;
use std::io;

use inwren_domain::account::import::{Outcome, Problem};
use serde_json::{Value, json};

use super::progress::Progress;
use super::refused::RefusedRows;

/// Counts of the results, and the first problems in detail.
#[derive(Debug)]
pub struct Report {
    /// Users that were added.
    pub added: u64,
    /// Of these, users without a password.
    pub without_password: u64,
    /// Existing users that were changed.
    pub updated: u64,
    /// Existing users that were identical.
    pub unchanged: u64,
    /// Existing users that were left as they are, because the policy says so.
    pub skipped: u64,
    /// Users that were rejected.
    pub refused: u64,
    problems: BTreeMap<&'static str, u64>,
    first: Vec<(String, Problem)>,
    shown: usize,
    rows: Option<RefusedRows>,
}

impl Report {
    /// An empty report that shows this many problems in detail.
    pub fn showing(problems: usize) -> Self {
        Self {
            added: 0,
            without_password: 0,
            updated: 0,
            unchanged: 0,
            skipped: 0,
            refused: 0,
            problems: BTreeMap::new(),
            first: Vec::new(),
            shown: problems,
            rows: None,
        }
    }

    /// Also writes all refused users to a file.
    #[must_use]
    pub fn writing(mut self, rows: Option<RefusedRows>) -> Self {
        self.rows = rows;
        self
    }

    /// Completes the file of refused users.
    pub fn finish(&mut self) -> io::Result<()> {
        self.rows.take().map_or(Ok(()), RefusedRows::finish)
    }

    /// Records the result for a user. `email` is the address as found, valid or not.
    pub fn note(&mut self, place: &str, email: Option<&str>, outcome: Outcome, progress: &Progress) {
        match outcome {
            Outcome::Added { without_password } => {
                self.added += 1;
                self.without_password += u64::from(without_password);
            }
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Skipped(_) => self.skipped += 1,
            Outcome::Refused(problem) => {
                self.refused += 1;
                *self.problems.entry(problem.code()).or_default() += 1;
                if let Some(rows) = &mut self.rows {
                    rows.add(place, email, &problem);
                }
                if self.first.len() < self.shown {
                    progress.tell(&format!("{place}: {problem}"));
                    self.first.push((place.to_owned(), problem));
                } else if self.shown > 0 && self.refused == self.shown as u64 + 1 {
                    progress.tell("… and more; the summary counts all of them");
                }
            }
        }
    }

    /// Number of problems of a kind.
    pub fn of_kind(&self, code: &str) -> u64 {
        self.problems.get(code).copied().unwrap_or(0)
    }

    /// The report as text.
    pub fn lines(&self, dry_run: bool) -> Vec<String> {
        let would = if dry_run { "would be " } else { "" };
        let mut lines = vec![format!("{:>9} {would}added", self.added)];
        if self.without_password > 0 {
            lines.push(format!(
                "{:>9} of these without a password: `inwren users set-password` sets one",
                self.without_password
            ));
        }
        for (count, what) in
            [(self.updated, "updated"), (self.unchanged, "unchanged"), (self.skipped, "skipped")]
        {
            if count > 0 {
                let would = if what == "updated" { would } else { "" };
                lines.push(format!("{count:>9} {would}{what}"));
            }
        }
        if self.refused > 0 {
            lines.push(format!("{:>9} refused", self.refused));
            for (code, count) in &self.problems {
                lines.push(format!("{count:>19} {code}"));
            }
        }
        lines
    }

    /// Adds the report to a JSON object.
    pub fn with(&self, mut told: Value) -> Value {
        if let (Some(told), Value::Object(own)) = (told.as_object_mut(), self.json()) {
            told.extend(own);
        }
        told
    }

    fn json(&self) -> Value {
        let first = self.first.iter().map(|(place, problem)| {
            json!({ "place": place, "code": problem.code(), "detail": problem.to_string() })
        });
        json!({
            "added": self.added,
            "without_password": self.without_password,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "skipped": self.skipped,
            "refused": self.refused,
            "refused_by_code": self.problems,
            "problems": first.collect::<Vec<_>>(),
        })
    }
}
