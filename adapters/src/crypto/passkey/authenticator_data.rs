//! The authenticator data (WebAuthn Level 3 section 6.1): what the authenticator says about a ceremony.

use aws_lc_rs::digest::{SHA256, digest};
use inwren_domain::factor::{Expected, InvalidCeremony};

use super::cbor::{self, Map};

/// Authenticator data that were read, but not verified.
pub(super) struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8],
    /// The flags.
    pub(super) flags: Flags,
    /// The signature counter.
    pub(super) sign_count: u32,
    /// The new credential, if the data contain one.
    pub(super) credential: Option<AttestedCredential<'a>>,
}

/// A new credential (section 6.5.1).
pub(super) struct AttestedCredential<'a> {
    /// The id.
    pub(super) id: &'a [u8],
    /// The public key, as a COSE key.
    pub(super) public_key: Map<'a>,
}

/// The flags of authenticator data. Reserved bits are ignored.
#[derive(Clone, Copy)]
pub(super) struct Flags(u8);

impl Flags {
    /// UP: the user was present.
    pub(super) const fn user_present(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// UV: the authenticator verified the user.
    pub(super) const fn user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// BE: the key may be copied to other devices.
    pub(super) const fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// BS: the key is copied.
    pub(super) const fn backed_up(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// AT: the data contain a new credential.
    const fn attested(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// ED: the data contain extensions.
    const fn extended(self) -> bool {
        self.0 & 0x80 != 0
    }
}

impl<'a> AuthenticatorData<'a> {
    /// Reads authenticator data.
    pub(super) fn read(encoded: &'a [u8]) -> Result<Self, InvalidCeremony> {
        Self::parse(encoded).ok_or(InvalidCeremony("the authenticator data are malformed"))
    }

    fn parse(encoded: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, rest) = encoded.split_at_checked(32)?;
        let (&flags, rest) = rest.split_first()?;
        let (&sign_count, mut rest) = rest.split_first_chunk()?;
        let flags = Flags(flags);
        let mut credential = None;
        if flags.attested() {
            let (attested, after) = AttestedCredential::parse(rest)?;
            credential = Some(attested);
            rest = after;
        }
        // Extensions are not used, but must be complete.
        let is_complete = if flags.extended() { cbor::read_map(rest).is_some() } else { rest.is_empty() };
        let sign_count = u32::from_be_bytes(sign_count);
        is_complete.then_some(Self { rp_id_hash, flags, sign_count, credential })
    }

    /// Verifies the relying party and the flags, as far as both ceremonies demand the same.
    pub(super) fn verify(&self, expected: &Expected<'_>) -> Result<(), InvalidCeremony> {
        if self.rp_id_hash != digest(&SHA256, expected.relying_party.id.as_bytes()).as_ref() {
            return Err(InvalidCeremony("the credential belongs to another relying party"));
        }
        if !self.flags.user_present() {
            return Err(InvalidCeremony("the user was not present"));
        }
        if expected.needs_user_verification && !self.flags.user_verified() {
            return Err(InvalidCeremony("the authenticator did not verify the user"));
        }
        if self.flags.backed_up() && !self.flags.backup_eligible() {
            return Err(InvalidCeremony("the key is backed up, but not eligible for it"));
        }
        Ok(())
    }
}

impl<'a> AttestedCredential<'a> {
    /// Reads a credential at the start of `encoded`. Returns it with the bytes after it.
    fn parse(encoded: &'a [u8]) -> Option<(Self, &'a [u8])> {
        // The AAGUID names the model of the authenticator. Without an attestation it proves nothing.
        let (_aaguid, rest) = encoded.split_at_checked(16)?;
        let (&length, rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_at_checked(u16::from_be_bytes(length).into())?;
        let (public_key, rest) = cbor::read_map_prefix(rest)?;
        Some((Self { id, public_key }, rest))
    }
}
