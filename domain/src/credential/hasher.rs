use std::time::Duration;

use async_trait::async_trait;

use super::{Password, PasswordHash};
use crate::kernel::{ClientInfo, ClientNetwork};

/// Decides which password hashes may be stored.
pub trait AcceptedHashes: Send + Sync {
    /// Whether a hash may be stored: this machine can verify a password against it with the memory and the time that it
    /// can afford. It MUST be `false` if [`verify`](PasswordHasher::verify) would return [`HasherError::Unusable`];
    /// `verify` may accept a little more. It may benchmark the machine once, so it MUST NOT be called while requests
    /// wait.
    fn can_verify(&self, hash: &PasswordHash) -> bool;
}

/// Creates and verifies password hashes; no other component does.
///
/// Hashing is slow and takes much memory by design, so an adapter MUST limit how many hashes run and how many wait,
/// MUST return [`HasherError::Busy`] beyond that, and MUST NOT hash on the caller's thread. Under overload,
/// [recognised](ClientTrust::Recognised) requesters MUST come first, and one address block or client network MUST NOT keep
/// another from its turn.
///
/// A verification of a stored hash MUST take a bounded amount of memory and time, regardless of the parameters that the
/// hash names.
#[async_trait]
pub trait PasswordHasher: AcceptedHashes {
    /// Hashes a new password with the current parameters and a fresh salt.
    async fn hash(&self, password: Password, requester: Requester) -> Result<PasswordHash, HasherError>;

    /// Verifies a password against a stored hash, with the parameters that the hash names.
    ///
    /// Without a hash (no user has the address) it MUST do the work of one verification with the current parameters and
    /// MUST return [`Verification::Mismatch`], so that timing reveals nothing. For the same reason a mismatch with a
    /// hash that is cheaper than current ones, and a hash that is [unusable](HasherError::Unusable), MUST NOT cost less
    /// than a mismatch with a current hash.
    ///
    /// A stored hash may be of a password that was not normalised. If the two forms differ, it MUST try both, with any
    /// hash and without one, and MUST rehash when the form that is not normalised matches. But it MUST NOT rehash a
    /// password if the function of the stored hash ignored a part of it, or could not see where it ends: another
    /// password may match too, and a typing error would replace the right one.
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        requester: Requester,
    ) -> Result<Verification, HasherError>;

    /// Checks a password as [`verify`](Self::verify) does. It MUST NOT rehash, and a match MUST cost as much as a
    /// mismatch, so that timing reveals nothing when the response is a refusal either way.
    async fn check(
        &self,
        password: Password,
        hash: PasswordHash,
        requester: Requester,
    ) -> Result<bool, HasherError>;
}

/// The client on whose behalf a password is hashed. It decides the order of waiting requests, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The network whose share the work counts against.
    pub network: ClientNetwork,
    /// The trust in the client. It decides whether the request waits behind a flood.
    pub trust: ClientTrust,
}

impl Requester {
    /// Creates the requester of this client.
    pub fn new(client: &ClientInfo, trust: ClientTrust) -> Self {
        Self { network: client.network().unwrap_or_default(), trust }
    }
}

/// Client trust: what is known about a client before its password has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientTrust {
    /// Recognised: the client was let in before, to this account from this network, or by a token that it has just
    /// presented.
    Recognised,
    /// Unrecognised: any other client.
    Unrecognised,
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The password matches.
    Match {
        /// The same password hashed with the current parameters, if the stored hash has others.
        rehashed: Option<PasswordHash>,
    },
    /// The password does not match.
    Mismatch,
}

/// Why a password could not be hashed or verified.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HasherError {
    /// Too many hashes are waiting.
    #[error("the password hasher is at its limit")]
    Busy {
        /// Time after which to retry.
        retry_after: Duration,
    },
    /// The stored hash is malformed, or of a kind or cost that is not accepted.
    #[error("a stored password hash cannot be checked: {0}")]
    Unusable(&'static str),
    /// The hasher itself failed.
    #[error("the password hasher failed: {0}")]
    Failed(&'static str),
}
