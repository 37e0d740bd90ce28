use std::collections::BTreeMap;

use inwren_domain::account::import::{Outcome, Problem};
use serde_json::{Value, json};

use super::progress::Progress;

/// What became of everybody, and the first problems one by one.
#[derive(Debug)]
pub struct Report {
    /// Who is here now and was not before.
    pub added: u64,
    /// Of these, who has no password.
    pub without_password: u64,
    /// Who was here and is now what came.
    pub updated: u64,
    /// Who was here, the same in all.
    pub unchanged: u64,
    /// Who was left as they are, as they were meant to be.
    pub skipped: u64,
    /// Who was left out.
    pub refused: u64,
    problems: BTreeMap<&'static str, u64>,
    first: Vec<(String, Problem)>,
    shown: usize,
}

impl Report {
    /// Nobody yet. So many problems are told one by one.
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
        }
    }

    /// Takes note of what became of somebody.
    pub fn note(&mut self, place: &str, outcome: Outcome, progress: &Progress) {
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
                if self.first.len() < self.shown {
                    progress.tell(&format!("{place}: {problem}"));
                    self.first.push((place.to_owned(), problem));
                } else if self.first.len() == self.shown && self.refused == self.shown as u64 + 1 {
                    progress.tell("… and more, which are counted below");
                }
            }
        }
    }

    /// How many problems of a kind there were.
    pub fn of_kind(&self, code: &str) -> u64 {
        self.problems.get(code).copied().unwrap_or(0)
    }

    /// For people.
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

    /// For programs: what else is told of it, with this beside it.
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
