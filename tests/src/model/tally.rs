use std::collections::BTreeMap;
use std::fmt;

use super::call::{Answer, Call, TokenNo};

/// Counts answers per call and kind. A property says nothing about answers that never occur.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// Counts an answer. Tokens with numbers from `new` on did not exist before the call.
    pub(super) fn count(&mut self, call: &Call, answer: Answer, new: TokenNo) {
        let what = match answer {
            Answer::Tokens { refresh, .. } if refresh < new => "given again".to_owned(),
            Answer::Tokens { .. } => "new tokens".to_owned(),
            Answer::Done => "done".to_owned(),
            Answer::No(refusal) => format!("{refusal:?}"),
        };
        let call = format!("{call:?}");
        let name = call.split(' ').next().unwrap_or_default();
        *self.0.entry(format!("{name}: {what}")).or_default() += 1;
    }

    /// How often this answer occurred.
    pub fn of(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, count)| writeln!(f, "{count:6} {what}"))
    }
}
