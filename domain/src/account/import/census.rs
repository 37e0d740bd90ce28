use std::collections::{BTreeMap, HashSet};

use super::seen::{Fingerprint, Seen};
use super::{Destination, SourceUser};
use crate::account::tier_choice::given_by_superuser;
use crate::account::{Tier, TierCatalog};
use crate::credential::{HashScheme, PasswordHash};
use crate::kernel::Email;

/// Maximum number of tier names that are counted separately.
const NAMED_TIERS: usize = 50;

/// Statistics about a table of another service, collected row by row. It uses sixteen bytes per row.
#[derive(Debug, Default)]
pub struct Census {
    /// Rows that were read.
    pub rows: u64,
    /// Users who may not log in.
    pub inactive: u64,
    /// Superusers.
    pub superusers: u64,
    /// Users with an unconfirmed address. This service ignores that.
    pub unverified: u64,
    /// Users who are logged in to the other service. They have to log in again.
    pub with_refresh_token: u64,
    /// Rows with an unreadable value.
    pub unreadable: u64,
    /// Rows whose id is neither a UUID nor a number.
    pub invalid_ids: u64,
    /// Rows whose address is missing or invalid.
    pub invalid_emails: u64,
    /// Users without a password.
    pub without_password: u64,
    /// Number of hashes per scheme.
    pub hashes: BTreeMap<HashScheme, u64>,
    /// Hashes that this service cannot verify.
    pub unknown_hashes: u64,
    /// Number of users per tier. When there are too many tiers, the remaining ones are counted under the empty name.
    pub tiers: BTreeMap<String, u64>,
    /// Users whose tier is not configured.
    pub unknown_tiers: u64,
    seen: Seen,
    repeated: HashSet<Fingerprint>,
}

impl Census {
    /// Counts a row.
    pub fn note(&mut self, destination: &Destination, row: &SourceUser) {
        self.rows += 1;
        if row.unreadable.is_some() {
            self.unreadable += 1;
            return;
        }
        self.inactive += u64::from(!row.is_active.unwrap_or(false));
        self.superusers += u64::from(row.is_superuser.unwrap_or(false));
        self.unverified += u64::from(row.is_verified == Some(false));
        self.with_refresh_token += u64::from(row.has_refresh_token);
        self.invalid_ids += u64::from(row.id.is_none());
        match row.email.as_deref().map(Email::parse) {
            Some(Ok(email)) => self.note_email(&email),
            _ => self.invalid_emails += 1,
        }
        match row.hashed_password.as_ref().filter(|hash| !hash.is_empty()) {
            Some(hash) => self.note_hash(destination, PasswordHash::from_phc(hash.clone())),
            None => self.without_password += 1,
        }
        if let Some(tier) = &row.tier {
            self.note_tier(&destination.tiers, tier);
        }
    }

    fn note_email(&mut self, email: &Email) {
        let fingerprint = Fingerprint::of(email.normalized());
        if !self.seen.insert(fingerprint) {
            self.repeated.insert(fingerprint);
        }
    }

    fn note_hash(&mut self, destination: &Destination, hash: PasswordHash) {
        *self.hashes.entry(HashScheme::of(&hash)).or_default() += 1;
        self.unknown_hashes += u64::from(!destination.hashes.can_verify(&hash));
    }

    fn note_tier(&mut self, tiers: &TierCatalog, name: &str) {
        let known = known_tier(tiers, name);
        let counted = known.as_ref().map_or(name, Tier::as_str);
        self.unknown_tiers += u64::from(known.is_none());
        let has_room = self.tiers.len() < NAMED_TIERS || self.tiers.contains_key(counted);
        *self.tiers.entry(if has_room { counted.to_owned() } else { String::new() }).or_default() += 1;
    }

    /// Number of addresses that more than one row has, possibly in another spelling.
    pub fn repeated_emails(&self) -> usize {
        self.repeated.len()
    }

    /// Returns the fingerprint of the address, if more than one row has it.
    pub(super) fn repeated(&self, email: &Email) -> Option<Fingerprint> {
        let fingerprint = Fingerprint::of(email.normalized());
        self.repeated.contains(&fingerprint).then_some(fingerprint)
    }
}

/// Returns the configured tier of this name. SQLAlchemy stores the names of a Python enumeration, which are usually
/// upper case.
pub(super) fn known_tier(tiers: &TierCatalog, name: &str) -> Option<Tier> {
    given_by_superuser(tiers, name).or_else(|_| given_by_superuser(tiers, &name.to_lowercase())).ok()
}
