use aws_lc_rs::digest::{SHA256, digest};
use inwren_domain::factor::{
    Asserted, Assertion, Creation, Expected, InvalidCeremony, NewCredential, Passkey, PasskeyVerifier,
};

use super::authenticator_data::AuthenticatorData;
use super::cbor::{self, Item};
use super::client_data::ClientData;
use super::cose_key;

/// Verifies passkeys with AWS-LC. Attestations are not verified: the service does not restrict the models of
/// authenticators.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebAuthn;

impl PasskeyVerifier for WebAuthn {
    fn challenge(&self, client_data: &[u8]) -> Option<String> {
        ClientData::read(client_data).ok()?.challenge().map(str::to_owned)
    }

    fn verify_creation(
        &self,
        answer: &Creation,
        expected: &Expected<'_>,
    ) -> Result<NewCredential, InvalidCeremony> {
        ClientData::read(&answer.client_data)?.verify("webauthn.create", expected)?;
        let data = AuthenticatorData::read(attested(&answer.attestation_object)?)?;
        data.verify(expected)?;
        let credential = data.credential.ok_or(InvalidCeremony("the attestation has no credential"))?;
        // The lengths of valid ids are those of `CredentialId`.
        if credential.id != answer.credential_id.as_bytes() {
            return Err(InvalidCeremony("the attestation has another credential id"));
        }
        let (algorithm, public_key) = cose_key::read(&credential.public_key)?;
        Ok(NewCredential {
            algorithm,
            public_key,
            sign_count: data.sign_count,
            is_backup_eligible: data.flags.backup_eligible(),
            is_backed_up: data.flags.backed_up(),
            verified_user: data.flags.user_verified(),
        })
    }

    fn verify_assertion(
        &self,
        answer: &Assertion,
        passkey: &Passkey,
        expected: &Expected<'_>,
    ) -> Result<Asserted, InvalidCeremony> {
        verify_owner(answer, passkey)?;
        ClientData::read(&answer.client_data)?.verify("webauthn.get", expected)?;
        let data = AuthenticatorData::read(&answer.authenticator_data)?;
        data.verify(expected)?;
        // Section 6.1: only attestations contain a credential.
        if data.credential.is_some() {
            return Err(InvalidCeremony("the assertion contains a new credential"));
        }
        if data.flags.backup_eligible() != passkey.is_backup_eligible {
            return Err(InvalidCeremony("the backup eligibility of the passkey has changed"));
        }
        let hash = digest(&SHA256, &answer.client_data);
        let signed = [answer.authenticator_data.as_slice(), hash.as_ref()].concat();
        cose_key::verify(passkey.algorithm, &passkey.public_key, &signed, &answer.signature)?;
        Ok(Asserted {
            sign_count: data.sign_count,
            is_backed_up: data.flags.backed_up(),
            verified_user: data.flags.user_verified(),
        })
    }
}

/// Verifies that the assertion names the passkey and, if it names a user, the user of the passkey.
fn verify_owner(answer: &Assertion, passkey: &Passkey) -> Result<(), InvalidCeremony> {
    if answer.credential_id != passkey.credential_id {
        return Err(InvalidCeremony("the assertion has another credential id"));
    }
    match &answer.user_handle {
        Some(handle) if handle != passkey.user_handle.as_bytes() => {
            Err(InvalidCeremony("the assertion has another user handle"))
        }
        _ => Ok(()),
    }
}

/// The authenticator data of an attestation object (section 6.5.4). The statement of a format other than
/// `none` is ignored.
fn attested(object: &[u8]) -> Result<&[u8], InvalidCeremony> {
    let malformed = InvalidCeremony("the attestation object is malformed");
    let object = cbor::read_map(object).ok_or(malformed)?;
    let (Some(Item::Text(format)), Some(statement), Some(Item::Bytes(data))) =
        (object.named("fmt"), object.named("attStmt"), object.named("authData"))
    else {
        return Err(malformed);
    };
    let is_empty = matches!(statement, Item::Map(statement) if statement.is_empty());
    if *format == "none" && !is_empty {
        return Err(InvalidCeremony("the attestation statement of the format `none` is not empty"));
    }
    Ok(data)
}
