use inwren_domain::factor::{
    Asserted, Assertion, CoseAlgorithm, Creation, CredentialId, Expected, InvalidCeremony, NewCredential,
    Passkey, PasskeyVerifier,
};
use inwren_domain::kernel::PlainToken;

/// Passkeys whose private key is their public key, and whose signature is that key. Client data is the challenge alone.
pub(super) struct ModelPasskeys;

impl PasskeyVerifier for ModelPasskeys {
    fn challenge(&self, client_data: &[u8]) -> Option<String> {
        String::from_utf8(client_data.to_vec()).ok()
    }

    fn verify_creation(
        &self,
        answer: &Creation,
        expected: &Expected<'_>,
    ) -> Result<NewCredential, InvalidCeremony> {
        if answer.client_data != expected.challenge.as_bytes() {
            return Err(InvalidCeremony("challenge"));
        }
        Ok(NewCredential {
            algorithm: CoseAlgorithm::Es256,
            public_key: answer.attestation_object.clone(),
            sign_count: 0,
            is_backup_eligible: false,
            is_backed_up: false,
            verified_user: true,
        })
    }

    fn verify_assertion(
        &self,
        answer: &Assertion,
        passkey: &Passkey,
        expected: &Expected<'_>,
    ) -> Result<Asserted, InvalidCeremony> {
        if answer.client_data != expected.challenge.as_bytes() {
            return Err(InvalidCeremony("challenge"));
        }
        if answer.signature != passkey.public_key {
            return Err(InvalidCeremony("signature"));
        }
        Ok(Asserted { sign_count: 0, is_backed_up: false, verified_user: true })
    }
}

/// The answer of the passkey with this name to a challenge.
pub(super) fn answer(name: &str, challenge: &PlainToken) -> Assertion {
    Assertion {
        credential_id: id(name),
        client_data: challenge.expose().as_bytes().to_vec(),
        authenticator_data: Vec::new(),
        signature: name.as_bytes().to_vec(),
        user_handle: None,
    }
}

/// The passkey with this name, created for a challenge.
pub(super) fn creation(name: &str, challenge: &PlainToken) -> Creation {
    Creation {
        credential_id: id(name),
        client_data: challenge.expose().as_bytes().to_vec(),
        attestation_object: name.as_bytes().to_vec(),
        transports: Vec::new(),
    }
}

fn id(name: &str) -> CredentialId {
    CredentialId::new(name.as_bytes().to_vec()).expect("an id")
}
