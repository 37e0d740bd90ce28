use std::collections::HashMap;

use inwren_domain::kernel::AddressBlock;
use inwren_domain::limiter::Decision;

use super::gcra::Pace;

/// Number of shared allowances, for keys without their own entry.
const SHARED: u64 = 64;
/// How many keys of a block are sampled to find one that has used little.
const SAMPLES: u32 = 8;

/// The allowances of one operation.
///
/// Every key has its own entry while there is room. When the table is full, the address block with the most keys gives
/// one of them up for a key of another block, so that a flood from one block displaces only keys of that block.
#[derive(Default)]
pub(super) struct Table {
    /// By the hash of the key, the time at which its allowance is full again, in nanoseconds by the caller's clock.
    /// These values last until the year 2262.
    known: HashMap<u64, i64>,
    /// The same keys by the address block that added them. No block is empty.
    blocks: HashMap<AddressBlock, Vec<u64>>,
    /// Upper bound of the number of keys per block.
    most: usize,
    /// By its index, the time at which a shared allowance is full again.
    shared: HashMap<u64, i64>,
    /// Before this time no key can be dropped. So during a flood not every call searches for one.
    full_until: i128,
}

/// A key, by its hash, and the origin of the call.
#[derive(Clone, Copy)]
pub(super) struct Hashed {
    pub(super) key: u64,
    pub(super) origin: AddressBlock,
}

impl Table {
    /// Takes one call from the key's allowance: from its own entry, or from a shared one if the table already has
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

    /// Returns one call to the key's own entry. A shared allowance gets nothing back: it is unknown which of its keys
    /// took the call, and a key that was displaced meanwhile took none of it.
    pub(super) fn give_back(&mut self, key: u64, pace: Pace, now: i128) -> Decision {
        match self.known.get_mut(&key) {
            Some(whole_at) => {
                let (decision, after) = pace.give_back((*whole_at).into(), now);
                *whole_at = nanos(after);
                decision
            }
            None => {
                let whole_at = self.shared.get(&shared_place(key)).copied().map_or(now, i128::from);
                pace.decision(true, whole_at.clamp(now, now.saturating_add(pace.burst)) - now)
            }
        }
    }

    /// Returns the time at which the key's allowance is full again, if it has its own entry.
    pub(super) fn whole_at(&self, key: u64) -> Option<i128> {
        self.known.get(&key).copied().map(i128::from)
    }

    /// Records the time at which the key's allowance is full again. Results may arrive out of order: the latest time
    /// counts.
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

    /// Returns whether there is room for one more key, and displaces another key if necessary.
    fn make_room(&mut self, newcomer: Hashed, capacity: usize, now: i128) -> bool {
        if self.known.len() >= capacity {
            self.forget_whole(now);
        }
        self.known.len() < capacity || self.displace(newcomer, now)
    }

    /// Drops the keys whose allowance is full.
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
        // From here on the time of a key mostly increases. If a call is given back or the clock steps back, a key is
        // dropped later than possible, which costs room only.
        self.full_until = known.values().copied().map(i128::from).min().unwrap_or(now);
    }

    /// Displaces a key of the block with the most keys for a newcomer whose block has fewer. A shared entry takes over
    /// the usage of the displaced key, so that no client regains its allowance by being displaced.
    fn displace(&mut self, newcomer: Hashed, now: i128) -> bool {
        let held = self.blocks.get(&newcomer.origin).map_or(0, Vec::len);
        // With many small blocks this avoids a search per call.
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
        // The hash of the newcomer serves as a random number. The sampled key that has used the least is displaced.
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

/// The lowest bits select the shard, so this uses others.
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
