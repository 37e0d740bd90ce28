use argon2::Params;
use inwren_domain::credential::{Password, PasswordHash, Verification};

use super::parameters::SALT_BYTES;
use super::stored::Stored;

/// One thing to compute.
pub(super) enum Task {
    Hash {
        password: Password,
        salt: [u8; SALT_BYTES],
    },
    Verify {
        password: Password,
        stored: Box<Stored>,
        salt: [u8; SALT_BYTES],
    },
    /// A verification after which there is no new hash.
    Check {
        password: Password,
        stored: Box<Stored>,
    },
    /// The work of a verification, for somebody whom nobody has heard of.
    VerifyNobody {
        password: Password,
    },
}

/// What a task gives.
pub(super) enum Computed {
    Hash(PasswordHash),
    Verification(Verification),
    Check(bool),
}

impl Task {
    /// The most memory that the task uses at a time, in blocks of 1 KiB.
    pub(super) fn blocks(&self, current: &Params) -> usize {
        let stored = self.stored().map_or(0, Stored::block_count);
        stored.max(current.block_count())
    }

    /// The hash that the password is compared with, if there is one.
    fn stored(&self) -> Option<&Stored> {
        match self {
            Self::Verify { stored, .. } | Self::Check { stored, .. } => Some(stored),
            Self::Hash { .. } | Self::VerifyNobody { .. } => None,
        }
    }
}
