//! A model of account takeover: a thief who holds everything but a second factor tries all sequences of operations
//! against the real use cases, breadth-first.
//!
//! The thief knows the password, reads the mailbox, has a stale session, the token of a trusted device, and one code of
//! each kind that its owner has used. A thief who holds less can make fewer moves, so the search covers every subset.
//! The thief also owns another account with factors of its own.
//!
//! Every move must keep the rules: the thief never gets a fresh session above `aal1`, and
//! never adds or removes a factor before the announced delay is over.

mod moves;
mod passkeys;
mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use moves::Move;
use world::{State, World};

/// What a search has found.
#[derive(Debug, Default)]
pub struct Explored {
    /// Number of different states.
    pub states: usize,
    /// Number of moves that were tried.
    pub tried: usize,
    /// How often each move succeeded, by its name.
    pub succeeded: BTreeMap<String, usize>,
    /// In how many states the factors were removed after the announced delay.
    pub removals: usize,
    /// Whether there was nothing left to try before the depth was reached.
    pub is_complete: bool,
    /// The moves that change the access of the thief, as `from`, `to` and move.
    pub edges: BTreeSet<(String, String, String)>,
}

impl Explored {
    /// The state diagram of the thief's access, as lines of text.
    pub fn diagram(&self) -> String {
        let mut moves: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (from, to, one) in &self.edges {
            moves.entry((from, to)).or_default().push(one);
        }
        let mut lines = String::new();
        let mut last = "";
        for ((from, to), moves) in moves {
            if from != last {
                lines.push_str(&format!("{from}\n"));
            }
            last = from;
            lines.push_str(&format!("  -> {to}: {}\n", moves.join(", ")));
        }
        lines
    }
}

/// Tries all sequences of at most `depth` moves. An error names a sequence that breaks a rule, and the rule.
pub async fn explore(depth: usize) -> Result<Explored, String> {
    let start = World::begin().await;
    let mut found = Explored { states: 1, is_complete: true, ..Explored::default() };
    let mut seen: BTreeSet<State> = BTreeSet::from([start.state().await]);
    let mut waiting = VecDeque::from([(start, Vec::<Move>::new())]);
    while let Some((world, path)) = waiting.pop_front() {
        if path.len() == depth {
            found.is_complete = false;
            continue;
        }
        let from = world.state().await;
        for one in Move::all() {
            let mut next = world.fork();
            let has_succeeded = next.play(one).await;
            found.tried += 1;
            if let Some(rule) = next.broken_rule().await {
                let path: Vec<String> = path.iter().chain([&one]).map(Move::to_string).collect();
                return Err(format!("{rule}: {}", path.join(", ")));
            }
            if has_succeeded {
                *found.succeeded.entry(one.to_string()).or_default() += 1;
            }
            // A move that was refused may have counted an attempt.
            let to = next.state().await;
            if from.access() != to.access() {
                found.edges.insert((from.access(), to.access(), one.to_string()));
            }
            if next.is_removed() {
                found.removals += usize::from(seen.insert(to));
            } else if seen.insert(to) {
                found.states += 1;
                waiting.push_back((next, path.iter().copied().chain([one]).collect()));
            }
        }
    }
    Ok(found)
}
