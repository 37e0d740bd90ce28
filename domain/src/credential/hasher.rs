use std::time::Duration;

use async_trait::async_trait;

use super::{Password, PasswordHash};
use crate::kernel::{ClientInfo, ClientNetwork};

/// Which password hashes may be stored.
pub trait AcceptedHashes: Send + Sync {
    /// Whether a hash may be stored: a password could be checked against it with the memory and the time that this machine
    /// can afford. It MUST be `false` where [`verify`](PasswordHasher::verify) would answer [`HasherError::Unusable`];
    /// `verify` may accept a little more. It may measure the machine once, so it MUST NOT be called while requests wait.
    fn can_verify(&self, hash: &PasswordHash) -> bool;
}

/// The one way to make or check a password hash.
///
/// Hashing is slow and takes much memory on purpose, so an adapter MUST bound how many hashes run and how many wait,
/// MUST answer [`HasherError::Busy`] beyond that, and MUST NOT hash on the caller's thread. Where there is more to hash
/// than can be hashed, [known](Standing::Known) requesters MUST come first, and neither one block of addresses nor one
/// network of clients MUST keep another from its turn.
/// A check of a stored hash MUST take a bounded amount of memory and time, whatever parameters the hash names.
#[async_trait]
pub trait PasswordHasher: AcceptedHashes {
    /// Hashes a new password with the current parameters and a fresh salt.
    async fn hash(&self, password: Password, requester: Requester) -> Result<PasswordHash, HasherError>;

    /// Checks a password against a stored hash, with the parameters that the hash names.
    ///
    /// Without a hash (nobody has the address) it MUST do the work of one check with the current parameters and
    /// MUST answer [`Verification::Mismatch`], so that the time tells nothing. For the same reason a mismatch with a hash
    /// that is cheaper than current ones MUST cost no less, nor MUST a hash that is [unusable](HasherError::Unusable).
    ///
    /// A hash may have been made of a password that was not normalised. Where the two forms differ both MUST be tried, for
    /// every hash and without one, and a match of the other form MUST be hashed anew. But a password MUST NOT be hashed anew
    /// if the function of the stored hash ignored a part of it, or could not see where it ends: another password may match
    /// too, and a slip would replace the right one.
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        requester: Requester,
    ) -> Result<Verification, HasherError>;

    /// Whether it is the password, as [`verify`](Self::verify) finds out. It MUST NOT hash anything anew, and a match MUST
    /// cost what a mismatch costs: so the time of an answer that is a refusal either way tells nothing.
    async fn check(
        &self,
        password: Password,
        hash: PasswordHash,
        requester: Requester,
    ) -> Result<bool, HasherError>;
}

/// On whose behalf a password is hashed. It decides who waits for whom, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Whose share it comes out of.
    pub network: ClientNetwork,
    /// Whether it waits behind a flood.
    pub standing: Standing,
}

impl Requester {
    /// This client, of this standing.
    pub fn new(client: &ClientInfo, standing: Standing) -> Self {
        Self { network: client.network().unwrap_or_default(), standing }
    }
}

/// What is known of a requester before the password has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Somebody who has been let in before: by this account and from this network, or by a token that was just shown.
    Known,
    /// Anybody else.
    Stranger,
}

/// What a check of a password found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It is the password.
    Match {
        /// The same password hashed with the current parameters, where the stored hash has others.
        rehashed: Option<PasswordHash>,
    },
    /// It is not.
    Mismatch,
}

/// Why a password could be neither hashed nor checked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HasherError {
    /// Too many hashes are waiting.
    #[error("the password hasher is at its limit")]
    Busy {
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// The stored hash is none, or of a kind or cost that is not accepted.
    #[error("a stored password hash cannot be checked: {0}")]
    Unusable(&'static str),
    /// The hasher itself failed.
    #[error("the password hasher failed: {0}")]
    Failed(&'static str),
}
