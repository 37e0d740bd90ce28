use argon2::{Block, Params};
use inwren_domain::credential::{HasherError, PasswordHash};

use super::parameters::work;
use super::stored_argon2::StoredArgon2;
use crate::crypto::legacy_hash::LegacyHash;

/// A stored hash by any function that was read and is within the bounds.
pub(super) enum Stored {
    Argon2(StoredArgon2),
    /// A hash by another function. It needs no blocks.
    Foreign(LegacyHash),
}

impl Stored {
    pub(super) fn read(hash: &PasswordHash) -> Result<Self, HasherError> {
        match LegacyHash::read(hash.expose()) {
            Some(foreign) => foreign.map(Self::Foreign),
            None => StoredArgon2::read(hash).map(Self::Argon2),
        }
    }

    /// Returns the number of blocks that a check needs.
    pub(super) fn block_count(&self) -> usize {
        match self {
            Self::Argon2(stored) => stored.params().block_count(),
            Self::Foreign(_) => 0,
        }
    }

    /// Returns whether the hash was made from these bytes.
    pub(super) fn matches(&self, password: &[u8], blocks: &mut [Block]) -> Result<bool, HasherError> {
        match self {
            Self::Argon2(stored) => stored.matches(password, blocks),
            Self::Foreign(stored) => Ok(stored.matches(password)),
        }
    }

    /// Returns whether the function distinguishes this password from all others that a user could type.
    pub(super) fn takes_in_all_of(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(_) => true,
            Self::Foreign(stored) => stored.takes_in_all_of(password),
        }
    }

    /// Returns whether a check costs no more memory and no more work than the check of a hash with these parameters.
    pub(super) fn is_no_dearer_than(&self, current: &Params) -> bool {
        match self {
            Self::Argon2(stored) => {
                self.block_count() <= current.block_count() && work(stored.params()) <= work(current)
            }
            Self::Foreign(_) => false,
        }
    }

    /// Returns whether a new hash of the same password would have the same parameters.
    pub(super) fn is_current(&self, current: &Params) -> bool {
        match self {
            Self::Argon2(stored) => stored.is_current(current),
            Self::Foreign(_) => false,
        }
    }

    /// Returns the number of blocks that a check computes.
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Argon2(stored) => work(stored.params()),
            Self::Foreign(_) => 0,
        }
    }
}
