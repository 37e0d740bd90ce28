use std::collections::HashMap;

use inwren_domain::kernel::AddressBlock;
use inwren_domain::limiter::Decision;

use super::gcra::Pace;

/// The allowances that keys without a place of their own share.
const SHARED: u64 = 64;
/// How many keys of a block are looked at to find one that has used little.
const SAMPLES: u32 = 8;

/// The allowances of one operation.
///
/// Every key has a place of its own while there is room. When the table is full, the block of addresses that holds the most
/// keys gives one of them up for a key of another block, so that a crowd within one block takes room from itself alone.
#[derive(Default)]
pub(super) struct Table {
    /// By the hash of the key, when its allowance is whole again, in nanoseconds by the clock of the caller. They last until
    /// the year 2262.
    known: HashMap<u64, i64>,
    /// The same keys by the blocks that brought them in, none of which is empty.
    blocks: HashMap<AddressBlock, Vec<u64>>,
    /// No block has more keys than this.
    most: usize,
    /// When the shared allowances are whole again, by their place.
    shared: HashMap<u64, i64>,
    /// Before this time no key can be forgotten: so a crowd does not make every call look for one.
    full_until: i128,
}

/// A key, by its hash, and where the call comes from.
#[derive(Clone, Copy)]
pub(super) struct Hashed {
    pub(super) key: u64,
    pub(super) origin: AddressBlock,
}

impl Table {
    /// Takes one of the key's allowance: from its own place, or from a shared one where there is no room for at most
    /// `capacity` keys.
    pub(super) fn take(&mut self, hashed: Hashed, pace: Pace, capacity: usize, now: i128) -> Decision {
        if let Some(whole_at) = self.known.get_mut(&hashed.key) {
            return take(pace, whole_at, now);
        }
        if self.make_room(hashed, capacity, now) {
            let mut whole_at = nanos(now);
            let decision = take(pace, &mut whole_at, now);
            self.insert(hashed, whole_at);
            return decision;
        }
        take(pace, self.shared.entry(shared_place(hashed.key)).or_insert(nanos(now)), now)
    }

    /// When the key's allowance is whole again, where it has a place of its own.
    pub(super) fn whole_at(&self, key: u64) -> Option<i128> {
        self.known.get(&key).copied().map(i128::from)
    }

    /// Takes over when the key's allowance is whole again. Times that overtake one another do no harm.
    pub(super) fn learn(&mut self, hashed: Hashed, whole_at: i128, capacity: usize, now: i128) {
        if let Some(known) = self.known.get_mut(&hashed.key) {
            *known = (*known).max(nanos(whole_at));
        } else if self.make_room(hashed, capacity, now) {
            self.insert(hashed, nanos(whole_at));
        }
    }

    fn insert(&mut self, Hashed { key, origin }: Hashed, whole_at: i64) {
        let keys = self.blocks.entry(origin).or_default();
        keys.push(key);
        self.most = self.most.max(keys.len());
        self.known.insert(key, whole_at);
    }

    /// Whether there is room for one more key, if need be after another one has lost its place.
    fn make_room(&mut self, newcomer: Hashed, capacity: usize, now: i128) -> bool {
        if self.known.len() >= capacity {
            self.forget_whole(now);
        }
        self.known.len() < capacity || self.displace(newcomer, now)
    }

    /// Forgets the keys whose allowance is whole.
    fn forget_whole(&mut self, now: i128) {
        if now < self.full_until {
            return;
        }
        self.known.retain(|_, whole_at| i128::from(*whole_at) > now);
        let known = &self.known;
        self.blocks.retain(|_, keys| {
            keys.retain(|key| known.contains_key(key));
            !keys.is_empty()
        });
        // From here on the time of a key goes only forward, unless the clock of the caller steps back.
        self.full_until = known.values().copied().map(i128::from).min().unwrap_or(now);
    }

    /// Takes a key of the block with the most of them for a newcomer whose block has fewer. What that key has used is not
    /// forgotten: its shared place takes it over, so that no client gets an allowance back by being displaced.
    fn displace(&mut self, newcomer: Hashed, now: i128) -> bool {
        let held = self.blocks.get(&newcomer.origin).map_or(0, Vec::len);
        // Many small blocks are not looked at by each call.
        if self.most <= held + 1 {
            return false;
        }
        let Some(keys) = self.blocks.values_mut().max_by_key(|keys| keys.len()) else { return false };
        self.most = keys.len();
        if keys.len() <= held + 1 {
            return false;
        }
        let known = &self.known;
        let used_until = |place: &usize| keys.get(*place).and_then(|key| known.get(key));
        // The hash of the newcomer is as good as chance. Of some keys the one goes that has used the least.
        let places = (0..SAMPLES).map(|turn| newcomer.key.rotate_right(turn * 8) as usize % keys.len());
        let Some(place) = places.min_by_key(used_until) else { return false };
        let key = keys.swap_remove(place);
        if let Some(whole_at) = self.known.remove(&key) {
            let shared = self.shared.entry(shared_place(key)).or_insert(nanos(now));
            *shared = (*shared).max(whole_at);
        }
        true
    }
}

/// The lowest bits chose the shard.
fn shared_place(key: u64) -> u64 {
    (key >> 32) % SHARED
}

fn take(pace: Pace, whole_at: &mut i64, now: i128) -> Decision {
    let (decision, after) = pace.decide((*whole_at).into(), now);
    *whole_at = nanos(after);
    decision
}

fn nanos(time: i128) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}
