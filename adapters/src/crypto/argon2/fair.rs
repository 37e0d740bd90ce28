use std::collections::{HashMap, VecDeque};

use inwren_domain::model::ClientNetwork;
use inwren_domain::ports::{Requester, Standing};

/// After so many of the known in a row a stranger has a turn, so that nobody waits for ever.
const KNOWN_IN_A_ROW: usize = 3;

/// A bounded queue that is fair to who asks: the known come before strangers, and among either each network of clients
/// has its turn after the others, however much it asks for.
pub(super) struct FairQueue<T> {
    known: Rounds<T>,
    strangers: Rounds<T>,
    capacity: usize,
    known_in_a_row: usize,
}

/// What came of a new entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed<T> {
    /// There was room.
    Queued,
    /// Another entry had to go for it: the newest of whoever has the most.
    Displaced(T),
    /// There is no room, and nobody has more than whoever asks.
    Refused(T),
}

impl<T> FairQueue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { known: Rounds::default(), strangers: Rounds::default(), capacity, known_in_a_row: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len + self.strangers.len
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// Adds an entry. Where there is no room, the known displace strangers, and whoever has little waiting displaces
    /// whoever has much.
    pub(super) fn push(&mut self, requester: Requester, entry: T) -> Pushed<T> {
        let Requester { network, standing } = requester;
        let displaced = if !self.is_full() {
            None
        } else if standing == Standing::Known && self.strangers.len > 0 {
            self.strangers.take_from_longest()
        } else if self.rounds(standing).longest() > self.rounds(standing).waiting_of(network) + 1 {
            self.rounds(standing).take_from_longest()
        } else {
            return Pushed::Refused(entry);
        };
        self.rounds(standing).push(network, entry);
        displaced.map_or(Pushed::Queued, Pushed::Displaced)
    }

    /// Takes the entry whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let strangers_turn = self.known_in_a_row >= KNOWN_IN_A_ROW && self.strangers.len > 0;
        if self.known.len > 0 && !strangers_turn {
            self.known_in_a_row += 1;
            return self.known.pop();
        }
        self.known_in_a_row = 0;
        self.strangers.pop()
    }

    /// Drops the entries for which this is false.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        self.known.retain(&mut wanted);
        self.strangers.retain(&mut wanted);
    }

    fn rounds(&mut self, standing: Standing) -> &mut Rounds<T> {
        match standing {
            Standing::Known => &mut self.known,
            Standing::Stranger => &mut self.strangers,
        }
    }
}

/// A queue for each network, served in turn.
struct Rounds<T> {
    /// None of them is empty.
    queues: HashMap<ClientNetwork, VecDeque<T>>,
    /// Each network that has a queue, once.
    turns: VecDeque<ClientNetwork>,
    len: usize,
}

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self { queues: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }
}

impl<T> Rounds<T> {
    fn push(&mut self, network: ClientNetwork, entry: T) {
        let queue = self.queues.entry(network).or_default();
        if queue.is_empty() {
            self.turns.push_back(network);
        }
        queue.push_back(entry);
        self.len += 1;
    }

    fn pop(&mut self) -> Option<T> {
        let network = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&network)?;
        let entry = queue.pop_front()?;
        if queue.is_empty() {
            self.queues.remove(&network);
        } else {
            self.turns.push_back(network);
        }
        self.len -= 1;
        Some(entry)
    }

    fn waiting_of(&self, network: ClientNetwork) -> usize {
        self.queues.get(&network).map_or(0, VecDeque::len)
    }

    fn longest(&self) -> usize {
        self.queues.values().map(VecDeque::len).max().unwrap_or(0)
    }

    fn take_from_longest(&mut self) -> Option<T> {
        let longest = self.queues.iter_mut().max_by_key(|(network, queue)| (queue.len(), **network));
        let (&network, queue) = longest?;
        let entry = queue.pop_back()?;
        if queue.is_empty() {
            self.queues.remove(&network);
            self.turns.retain(|turn| *turn != network);
        }
        self.len -= 1;
        Some(entry)
    }

    fn retain(&mut self, wanted: &mut impl FnMut(&T) -> bool) {
        self.queues.retain(|_, queue| {
            queue.retain(&mut *wanted);
            !queue.is_empty()
        });
        self.turns.retain(|turn| self.queues.contains_key(turn));
        self.len = self.queues.values().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: u8, standing: Standing) -> Requester {
        Requester { network: ClientNetwork::of([192, 0, 2, last].into()), standing }
    }

    fn stranger(last: u8) -> Requester {
        from(last, Standing::Stranger)
    }

    fn known(last: u8) -> Requester {
        from(last, Standing::Known)
    }

    fn rest(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn networks_take_turns() {
        let mut queue = FairQueue::new(10);
        for entry in ["a1", "a2", "a3"] {
            queue.push(stranger(1), entry);
        }
        queue.push(stranger(2), "b1");
        queue.push(stranger(3), "c1");
        queue.push(stranger(2), "b2");
        assert_eq!(queue.len(), 6);
        assert_eq!(rest(&mut queue), ["a1", "b1", "c1", "a2", "b2", "a3"]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn the_known_come_first_but_not_always() {
        let mut queue = FairQueue::new(10);
        for entry in ["s1", "s2"] {
            queue.push(stranger(1), entry);
        }
        for entry in ["k1", "k2", "k3", "k4", "k5"] {
            queue.push(known(2), entry);
        }
        assert_eq!(rest(&mut queue), ["k1", "k2", "k3", "s1", "k4", "k5", "s2"]);
    }

    #[test]
    fn whoever_has_much_makes_room_for_whoever_has_little() {
        let mut queue = FairQueue::new(3);
        for entry in ["a1", "a2", "a3"] {
            assert_eq!(queue.push(stranger(1), entry), Pushed::Queued);
        }
        assert_eq!(queue.push(stranger(1), "a4"), Pushed::Refused("a4"));
        assert_eq!(queue.push(stranger(2), "b1"), Pushed::Displaced("a3"));
        assert_eq!(queue.push(stranger(2), "b2"), Pushed::Refused("b2"));
        assert_eq!(queue.push(stranger(3), "c1"), Pushed::Displaced("a2"));
        assert_eq!(queue.push(stranger(4), "d1"), Pushed::Refused("d1"));
        assert_eq!(rest(&mut queue), ["a1", "b1", "c1"]);
    }

    #[test]
    fn the_known_displace_strangers_and_are_never_displaced_by_them() {
        let mut queue = FairQueue::new(2);
        queue.push(stranger(1), "a1");
        queue.push(stranger(2), "b1");
        assert_eq!(queue.push(known(1), "k1"), Pushed::Displaced("b1"));
        assert_eq!(queue.push(known(1), "k2"), Pushed::Displaced("a1"));
        assert_eq!(queue.push(known(1), "k3"), Pushed::Refused("k3"));
        assert_eq!(queue.push(stranger(3), "c1"), Pushed::Refused("c1"));
        assert_eq!(queue.push(known(2), "l1"), Pushed::Displaced("k2"));
        assert_eq!(rest(&mut queue), ["k1", "l1"]);
    }

    #[test]
    fn those_that_are_not_wanted_any_more_make_room() {
        let mut queue = FairQueue::new(3);
        queue.push(stranger(1), "a1");
        queue.push(stranger(2), "b1");
        queue.push(stranger(2), "b2");
        queue.retain(|entry| *entry == "b2");
        assert_eq!(queue.len(), 1);
        queue.push(stranger(1), "a2");
        assert_eq!(rest(&mut queue), ["b2", "a2"]);
    }
}
