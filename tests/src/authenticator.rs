//! Software authenticators: passkeys as a browser returns them, and codes of authenticator apps.

mod encoding;
mod key;
mod totp;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::factor::CoseAlgorithm;
use serde_json::{Value, json};

pub use encoding::{array, bytes, integer, map, text};
use key::Key;
pub use totp::totp_code;

/// A change of a part of an answer.
pub type Change<T> = Option<Box<dyn Fn(&mut T) + Send + Sync>>;

/// A browser with an authenticator in it. It creates discoverable passkeys, and answers whatever is asked,
/// with the origin that the test gives.
pub struct Authenticator {
    /// The algorithm of new passkeys.
    pub algorithm: CoseAlgorithm,
    /// Whether it verifies the user (flag UV).
    pub verifies_user: bool,
    /// Whether passkeys are eligible for backup (flag BE).
    pub backup_eligible: bool,
    /// Whether passkeys are backed up (flag BS).
    pub backed_up: bool,
    /// Whether passkeys have signature counters.
    pub counts: bool,
    /// Changes of what it returns.
    pub tamper: Tamper,
    credentials: Vec<Credential>,
}

/// Changes of what an authenticator returns. All but the last two happen before it signs.
#[derive(Default)]
pub struct Tamper {
    /// Changes the members of the client data.
    pub client_data: Change<Value>,
    /// Changes the JSON of the client data.
    pub client_data_json: Change<Vec<u8>>,
    /// Changes the authenticator data.
    pub authenticator_data: Change<Vec<u8>>,
    /// Replaces the public key of a new passkey, in COSE.
    pub cose_key: Option<Vec<u8>>,
    /// Changes the attestation object.
    pub attestation_object: Change<Vec<u8>>,
    /// Changes the whole answer.
    pub answer: Change<Value>,
}

struct Credential {
    id: Vec<u8>,
    rp_id: String,
    user_handle: String,
    key: Key,
    sign_count: u32,
}

impl Default for Authenticator {
    fn default() -> Self {
        Self::new()
    }
}

impl Authenticator {
    /// An authenticator as platforms have them: ES256, verifies the user, backs passkeys up, counts nothing.
    pub fn new() -> Self {
        Self {
            algorithm: CoseAlgorithm::Es256,
            verifies_user: true,
            backup_eligible: true,
            backed_up: true,
            counts: false,
            tamper: Tamper::default(),
            credentials: Vec::new(),
        }
    }

    /// A security key: it counts, and makes no backups.
    pub fn security_key() -> Self {
        Self { backup_eligible: false, backed_up: false, counts: true, ..Self::new() }
    }

    /// Creates passkeys with this algorithm.
    pub fn with_algorithm(self, algorithm: CoseAlgorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// Does not verify the user.
    pub fn without_user_verification(self) -> Self {
        Self { verifies_user: false, ..self }
    }

    /// The ids of its passkeys, oldest first, as base64url.
    pub fn credential_ids(&self) -> Vec<String> {
        self.credentials.iter().map(|credential| URL_SAFE_NO_PAD.encode(&credential.id)).collect()
    }

    /// Sets the signature counter of all passkeys: what a copy of the authenticator does.
    pub fn set_sign_count(&mut self, sign_count: u32) {
        for credential in &mut self.credentials {
            credential.sign_count = sign_count;
        }
    }

    /// Answers `PublicKeyCredentialCreationOptionsJSON` with a `RegistrationResponseJSON`.
    ///
    /// # Panics
    ///
    /// If the options do not offer the algorithm, or exclude a passkey of this authenticator.
    pub fn create(&mut self, options: &Value, origin: &str) -> Value {
        let options = options.get("publicKey").unwrap_or(options);
        let offered = array_of(&options["pubKeyCredParams"])
            .iter()
            .any(|offer| offer["type"] == "public-key" && offer["alg"] == i64::from(self.algorithm.id()));
        assert!(offered, "the algorithm is not offered: {options}");
        assert!(
            self.find(&options["excludeCredentials"]).is_none(),
            "the options exclude a passkey: {options}"
        );
        let credential = Credential {
            id: key::random::<32>().to_vec(),
            rp_id: text_of(&options["rp"]["id"]),
            user_handle: text_of(&options["user"]["id"]),
            key: Key::generate(self.algorithm),
            sign_count: 0,
        };
        let client_data = self.client_data("webauthn.create", options, origin);
        let cose_key = self.tamper.cose_key.clone().unwrap_or_else(|| credential.key.to_cose());
        let length = u16::try_from(credential.id.len()).expect("a length").to_be_bytes();
        let attested = [&[0; 16][..], &length, &credential.id, &cose_key].concat();
        let data = self.authenticator_data(&credential, 0x40, &attested);
        let mut object = map(&[
            (text("fmt"), text("none")),
            (text("attStmt"), map(&[])),
            (text("authData"), bytes(&data)),
        ]);
        change(&self.tamper.attestation_object, &mut object);
        let response = json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
            "attestationObject": URL_SAFE_NO_PAD.encode(object),
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "publicKey": URL_SAFE_NO_PAD.encode(credential.key.to_der()),
            "publicKeyAlgorithm": self.algorithm.id(),
            "transports": ["hybrid", "internal"],
        });
        let answer = self.answer(&credential.id, response);
        self.credentials.push(credential);
        answer
    }

    /// Answers `PublicKeyCredentialRequestOptionsJSON` with an `AuthenticationResponseJSON`.
    ///
    /// # Panics
    ///
    /// If this authenticator has no passkey for the options.
    pub fn get(&mut self, options: &Value, origin: &str) -> Value {
        let options = options.get("publicKey").unwrap_or(options);
        let index = if array_of(&options["allowCredentials"]).is_empty() {
            // A user who has several chooses the newest.
            self.credentials.iter().rposition(|credential| options["rpId"] == credential.rp_id.as_str())
        } else {
            self.find(&options["allowCredentials"])
        };
        let index = index.unwrap_or_else(|| panic!("no passkey for {options}"));
        if self.counts {
            self.credentials[index].sign_count += 1;
        }
        let credential = &self.credentials[index];
        let client_data = self.client_data("webauthn.get", options, origin);
        let data = self.authenticator_data(credential, 0, &[]);
        let signed = [&data, digest(&SHA256, &client_data).as_ref()].concat();
        let response = json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "signature": URL_SAFE_NO_PAD.encode(credential.key.sign(&signed)),
            "userHandle": credential.user_handle,
        });
        self.answer(&credential.id, response)
    }

    /// The passkey that the descriptors name first.
    fn find(&self, descriptors: &Value) -> Option<usize> {
        let ids = self.credential_ids();
        array_of(descriptors).iter().find_map(|named| ids.iter().position(|id| named["id"] == id.as_str()))
    }

    fn client_data(&self, kind: &str, options: &Value, origin: &str) -> Vec<u8> {
        let mut data = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": origin,
            "crossOrigin": false,
        });
        change(&self.tamper.client_data, &mut data);
        let mut json = data.to_string().into_bytes();
        change(&self.tamper.client_data_json, &mut json);
        json
    }

    fn authenticator_data(&self, credential: &Credential, flags: u8, attested: &[u8]) -> Vec<u8> {
        let set = |is_set, flag| if is_set { flag } else { 0 };
        let flags = flags
            | 0x01
            | set(self.verifies_user, 0x04)
            | set(self.backup_eligible, 0x08)
            | set(self.backed_up, 0x10);
        let rp_id_hash = digest(&SHA256, credential.rp_id.as_bytes());
        let count = credential.sign_count.to_be_bytes();
        let mut data = [rp_id_hash.as_ref(), &[flags], &count, attested].concat();
        change(&self.tamper.authenticator_data, &mut data);
        data
    }

    fn answer(&self, id: &[u8], response: Value) -> Value {
        let id = URL_SAFE_NO_PAD.encode(id);
        let mut answer = json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": response,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        });
        change(&self.tamper.answer, &mut answer);
        answer
    }
}

fn change<T>(change: &Change<T>, value: &mut T) {
    if let Some(change) = change {
        change(value);
    }
}

fn array_of(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
