use std::collections::VecDeque;

use inwren_domain::credential::{ClientTrust, Requester};
use inwren_domain::kernel::{AddressBlock, ClientNetwork};

use super::turns::{Line as _, Turns};

/// After this many entries of recognised clients in a row the queue serves an unrecognised one, so that nothing waits
/// without limit.
const KNOWN_IN_A_ROW: usize = 3;

/// Address blocks take turns, and within the turn of a block its networks take turns.
type Rounds<T> = Turns<AddressBlock, Turns<ClientNetwork, VecDeque<T>>>;

/// A bounded, fair queue. Recognised clients come before unrecognised ones. Within each group every address block waits
/// for its turn, and within a block every network, however many entries it has.
pub(super) struct FairQueue<T> {
    known: Rounds<T>,
    strangers: Rounds<T>,
    capacity: usize,
    known_in_a_row: usize,
}

/// Result of adding an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed<T> {
    /// There was room.
    Queued,
    /// The new entry displaced this one: the newest entry of the network with the most.
    Displaced(T),
    /// The queue is full, and no other network has more entries than the caller's.
    Refused(T),
}

impl<T> FairQueue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { known: Rounds::default(), strangers: Rounds::default(), capacity, known_in_a_row: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len() + self.strangers.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// Adds an entry. If the queue is full, a recognised client displaces an unrecognised one, and a network with few
    /// entries displaces one with many.
    pub(super) fn push(&mut self, requester: Requester, entry: T) -> Pushed<T> {
        let Requester { network, trust } = requester;
        let displaced = if !self.is_full() {
            None
        } else if trust == ClientTrust::Recognised && self.strangers.len() > 0 {
            self.strangers.pop_newest()
        } else {
            match make_room(self.rounds(trust), network) {
                Some(displaced) => Some(displaced),
                None => return Pushed::Refused(entry),
            }
        };
        let rounds = self.rounds(trust);
        rounds.push(network.block(), |block| block.push(network, |line| line.push_back(entry)));
        displaced.map_or(Pushed::Queued, Pushed::Displaced)
    }

    /// Takes the next entry, by turns, for which `fits` is true.
    pub(super) fn pop(&mut self, fits: &dyn Fn(&T) -> bool) -> Option<T> {
        if self.known_in_a_row >= KNOWN_IN_A_ROW
            && let Some(entry) = self.strangers.pop(fits)
        {
            self.known_in_a_row = 0;
            return Some(entry);
        }
        if let Some(entry) = self.known.pop(fits) {
            self.known_in_a_row += 1;
            return Some(entry);
        }
        self.known_in_a_row = 0;
        self.strangers.pop(fits)
    }

    /// Drops the entries for which `wanted` is false.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        self.known.retain(&mut wanted);
        self.strangers.retain(&mut wanted);
    }

    fn rounds(&mut self, trust: ClientTrust) -> &mut Rounds<T> {
        match trust {
            ClientTrust::Recognised => &mut self.known,
            ClientTrust::Unrecognised => &mut self.strangers,
        }
    }
}

/// Removes an entry to make room for a new one of this network: the newest entry of the address block with the most
/// entries. If that is the network's own block, it removes the newest entry of the network with the most entries in it.
/// Returns `None` if neither has more than the caller.
fn make_room<T>(rounds: &mut Rounds<T>, network: ClientNetwork) -> Option<T> {
    let block = network.block();
    if rounds.has_longer(block) {
        return rounds.pop_newest();
    }
    rounds.line(block)?.has_longer(network).then(|| rounds.pop_newest_of(block)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: u8, trust: ClientTrust) -> Requester {
        Requester { network: ClientNetwork::of([192, 0, 2, last].into()), trust }
    }

    fn stranger(last: u8) -> Requester {
        from(last, ClientTrust::Unrecognised)
    }

    fn known(last: u8) -> Requester {
        from(last, ClientTrust::Recognised)
    }

    fn rest(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop(&|_| true)).collect()
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
    fn large_share_yields_to_small_share() {
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

    fn of_block(block: u16, network: u16) -> Requester {
        let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, block, network, 0, 0, 0, 1);
        Requester { network: ClientNetwork::of(address.into()), trust: ClientTrust::Unrecognised }
    }

    #[test]
    fn blocks_take_turns_before_networks_do() {
        let mut queue = FairQueue::new(10);
        for (network, entry) in (1..).zip(["a1", "a2", "a3", "a4"]) {
            queue.push(of_block(1, network), entry);
        }
        queue.push(of_block(2, 1), "b1");
        queue.push(of_block(2, 1), "b1 again");
        queue.push(of_block(2, 2), "b2");
        assert_eq!(rest(&mut queue), ["a1", "b1", "a2", "b2", "a3", "b1 again", "a4"]);
    }

    #[test]
    fn many_networks_of_one_block_keep_no_other_block_out() {
        let mut queue = FairQueue::new(64);
        let flood = |queue: &mut FairQueue<u16>| {
            for network in 0..1_000 {
                queue.push(of_block(1, network), 0);
            }
        };
        flood(&mut queue);
        for newcomer in 2..=21 {
            assert_eq!(queue.push(of_block(newcomer, 1), newcomer), Pushed::Displaced(0));
            flood(&mut queue);
            assert_eq!(queue.len(), 64);
        }
        // Each newcomer waits for at most one entry of the flood.
        let first: Vec<_> = (0..22).filter_map(|_| queue.pop(&|_| true)).collect();
        assert_eq!(first, [&[0], &(2..=21).collect::<Vec<_>>()[..], &[0]].concat());
    }

    #[test]
    fn what_does_not_fit_keeps_its_place_and_holds_up_nothing_else() {
        let mut queue = FairQueue::new(10);
        for (network, entry) in [(1, "large a"), (1, "a"), (2, "large b"), (3, "c")] {
            queue.push(stranger(network), entry);
        }
        queue.push(known(1), "large k");
        let small = |entry: &&str| !entry.starts_with("large");
        assert_eq!([queue.pop(&small), queue.pop(&small), queue.pop(&small)], [Some("a"), Some("c"), None]);
        assert_eq!(rest(&mut queue), ["large k", "large b", "large a"]);
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
