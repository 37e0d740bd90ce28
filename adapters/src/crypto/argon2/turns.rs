use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A queue of entries that take turns.
pub(super) trait Line {
    type Entry;

    /// Returns the number of waiting entries.
    fn len(&self) -> usize;

    /// Takes the next entry, by turns, for which `fits` is true.
    fn pop(&mut self, fits: &dyn Fn(&Self::Entry) -> bool) -> Option<Self::Entry>;

    /// Takes the newest entry. If there are several lines, it takes the newest entry of the longest line.
    fn pop_newest(&mut self) -> Option<Self::Entry>;

    /// Drops the entries for which `wanted` is false.
    fn retain(&mut self, wanted: &mut dyn FnMut(&Self::Entry) -> bool);
}

impl<T> Line for VecDeque<T> {
    type Entry = T;

    fn len(&self) -> usize {
        self.len()
    }

    fn pop(&mut self, fits: &dyn Fn(&T) -> bool) -> Option<T> {
        let place = self.iter().position(fits)?;
        self.remove(place)
    }

    fn pop_newest(&mut self) -> Option<T> {
        self.pop_back()
    }

    fn retain(&mut self, wanted: &mut dyn FnMut(&T) -> bool) {
        self.retain(wanted);
    }
}

/// One line per key, served in turn.
pub(super) struct Turns<K, L> {
    /// No line is empty.
    lines: HashMap<K, L>,
    /// Each key that has a line, once.
    turns: VecDeque<K>,
    len: usize,
}

impl<K, L> Default for Turns<K, L> {
    fn default() -> Self {
        Self { lines: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }
}

impl<K: Copy + Eq + Hash + Ord, L: Line> Turns<K, L> {
    /// Adds an entry to the line of a key. `push` must add exactly one entry.
    pub(super) fn push(&mut self, key: K, push: impl FnOnce(&mut L))
    where
        L: Default,
    {
        let line = self.lines.entry(key).or_insert_with(|| {
            self.turns.push_back(key);
            L::default()
        });
        push(line);
        self.len += 1;
    }

    /// Returns whether another line is longer than the line of this key would be with one more entry.
    pub(super) fn has_longer(&self, key: K) -> bool {
        let longest = self.lines.values().map(Line::len).max().unwrap_or(0);
        longest > self.line(key).map_or(0, Line::len) + 1
    }

    /// Returns the line of a key.
    pub(super) fn line(&self, key: K) -> Option<&L> {
        self.lines.get(&key)
    }

    /// Takes the newest entry from the line of a key.
    pub(super) fn pop_newest_of(&mut self, key: K) -> Option<L::Entry> {
        let line = self.lines.get_mut(&key)?;
        let entry = line.pop_newest()?;
        if line.len() == 0 {
            self.lines.remove(&key);
            self.turns.retain(|turn| *turn != key);
        }
        self.len -= 1;
        Some(entry)
    }
}

impl<K: Copy + Eq + Hash + Ord, L: Line> Line for Turns<K, L> {
    type Entry = L::Entry;

    fn len(&self) -> usize {
        self.len
    }

    fn pop(&mut self, fits: &dyn Fn(&L::Entry) -> bool) -> Option<L::Entry> {
        let lines = &mut self.lines;
        let mut of_turn = |key: &K| lines.get_mut(key).and_then(|line| line.pop(fits));
        let (place, entry) =
            self.turns.iter().enumerate().find_map(|(place, key)| Some((place, of_turn(key)?)))?;
        let key = self.turns.remove(place)?;
        if self.line(key).is_some_and(|line| line.len() > 0) {
            self.turns.push_back(key);
        } else {
            self.lines.remove(&key);
        }
        self.len -= 1;
        Some(entry)
    }

    fn pop_newest(&mut self) -> Option<L::Entry> {
        let longest = self.lines.iter().max_by_key(|(key, line)| (line.len(), **key));
        let key = *longest?.0;
        self.pop_newest_of(key)
    }

    fn retain(&mut self, wanted: &mut dyn FnMut(&L::Entry) -> bool) {
        self.lines.retain(|_, line| {
            line.retain(wanted);
            line.len() > 0
        });
        self.turns.retain(|turn| self.lines.contains_key(turn));
        self.len = self.lines.values().map(Line::len).sum();
    }
}
