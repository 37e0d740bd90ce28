use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::factor::{Assertion, Creation, CredentialId, Passkey};
use poem_openapi::types::Example;
use serde_json::Value;

use crate::http::shared::body::{FromField, Invalid, object};
use crate::http::shared::problem::Problem;

/// Longest credential in JSON, in bytes.
const MAX_BYTES: usize = 32 * 1_024;

const CLIENT_DATA: &str = "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiIn0";

/// Why a credential cannot be read, as the end of a sentence that starts with its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct InvalidCredential(pub(in crate::http) &'static str);

/// The field of a credential is called `credential` in every body.
impl From<InvalidCredential> for Problem {
    fn from(InvalidCredential(problem): InvalidCredential) -> Self {
        Self::invalid("/credential", format_args!("Field `credential` {problem}"))
    }
}

object! {
    /// A passkey that a browser used: what `PublicKeyCredential.toJSON()` returns after `navigator.credentials.get()`
    /// (`AuthenticationResponseJSON`, WebAuthn Level 3 section 5.1). Other members are ignored.
    #[oai(rename = "PasskeyAssertion")]
    pub(in crate::http) AssertionDto {
        /// The id of the passkey, in base64url.
        id: String = "q1gPIW0xVyW0qFh4mvcJtg".to_owned(),
        /// The same id.
        #[oai(rename = "rawId")]
        raw_id: String = "q1gPIW0xVyW0qFh4mvcJtg".to_owned(),
        /// Always `public-key`.
        r#type: String = "public-key".to_owned(),
        /// The answer of the authenticator.
        response: AssertionResponse = AssertionResponse::example(),
    }
}

object! {
    /// The answer of an authenticator to a request: `AuthenticatorAssertionResponseJSON`.
    #[oai(rename = "PasskeyAssertionResponse")]
    AssertionResponse {
        /// The client data, in base64url.
        #[oai(rename = "clientDataJSON")]
        client_data: String = CLIENT_DATA.to_owned(),
        /// The authenticator data, in base64url.
        #[oai(rename = "authenticatorData")]
        authenticator_data: String = "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MdAAAAAA".to_owned(),
        /// The signature, in base64url.
        signature: String = "MEUCIQDx_tC9zlOWDwHGZJmwJkGLdqnBGzSLUrw".to_owned(),
        /// The handle of the user, in base64url.
        #[oai(rename = "userHandle", skip_serializing_if_is_none)]
        user_handle: Option<String> = Some("3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs".to_owned()),
    }
}

object! {
    /// A passkey that a browser created: what `PublicKeyCredential.toJSON()` returns after
    /// `navigator.credentials.create()` (`RegistrationResponseJSON`, WebAuthn Level 3 section 5.1). Other members are
    /// ignored.
    #[oai(rename = "PasskeyAttestation")]
    pub(in crate::http) AttestationDto {
        /// The id of the passkey, in base64url.
        id: String = "q1gPIW0xVyW0qFh4mvcJtg".to_owned(),
        /// The same id.
        #[oai(rename = "rawId")]
        raw_id: String = "q1gPIW0xVyW0qFh4mvcJtg".to_owned(),
        /// Always `public-key`.
        r#type: String = "public-key".to_owned(),
        /// The answer of the authenticator.
        response: AttestationResponse = AttestationResponse::example(),
    }
}

object! {
    /// The answer of an authenticator to creation options: `AuthenticatorAttestationResponseJSON`.
    #[oai(rename = "PasskeyAttestationResponse")]
    AttestationResponse {
        /// The client data, in base64url.
        #[oai(rename = "clientDataJSON")]
        client_data: String = CLIENT_DATA.to_owned(),
        /// The attestation object, in base64url.
        #[oai(rename = "attestationObject")]
        attestation_object: String = "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVg".to_owned(),
        /// How browsers reach the authenticator.
        #[oai(skip_serializing_if_is_none)]
        transports: Option<Vec<String>> = Some(vec!["internal".to_owned(), "hybrid".to_owned()]),
    }
}

/// The id in examples of fields. Linters take the ids of objects within objects for ids of schemas, which must be
/// unique.
const OF_FIELD: &str = "AQIDBAUGBwgJCgsMDQ4PEA";

impl AssertionDto {
    /// An example for a field.
    pub(in crate::http) fn example_of_field() -> Self {
        Self { id: OF_FIELD.to_owned(), raw_id: OF_FIELD.to_owned(), ..Self::example() }
    }

    /// Decodes the credential.
    pub(in crate::http) fn decode(&self) -> Result<Assertion, InvalidCredential> {
        let handle = self.response.user_handle.as_deref();
        Ok(Assertion {
            credential_id: credential_id(&self.id, &self.raw_id, &self.r#type)?,
            client_data: bytes(&self.response.client_data)?,
            authenticator_data: bytes(&self.response.authenticator_data)?,
            signature: bytes(&self.response.signature)?,
            user_handle: handle.map(bytes).transpose()?,
        })
    }
}

impl AttestationDto {
    /// An example for a field.
    pub(in crate::http) fn example_of_field() -> Self {
        Self { id: OF_FIELD.to_owned(), raw_id: OF_FIELD.to_owned(), ..Self::example() }
    }

    /// Decodes the credential. Transports that are no names of transports are left out.
    pub(in crate::http) fn decode(self) -> Result<Creation, InvalidCredential> {
        let is_transport = |name: &String| Passkey::is_transport(name);
        let transports = self.response.transports.unwrap_or_default();
        Ok(Creation {
            credential_id: credential_id(&self.id, &self.raw_id, &self.r#type)?,
            client_data: bytes(&self.response.client_data)?,
            attestation_object: bytes(&self.response.attestation_object)?,
            transports: transports.into_iter().filter(is_transport).take(Passkey::MAX_TRANSPORTS).collect(),
        })
    }
}

fn credential_id(id: &str, raw_id: &str, r#type: &str) -> Result<CredentialId, InvalidCredential> {
    if r#type != "public-key" {
        return Err(InvalidCredential("must have the type `public-key`"));
    }
    if id != raw_id {
        return Err(InvalidCredential("must have equal `id` and `rawId`"));
    }
    CredentialId::new(bytes(id)?).ok_or(InvalidCredential("must have an `id` of 1 to 1023 bytes"))
}

fn bytes(text: &str) -> Result<Vec<u8>, InvalidCredential> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCredential("must have base64url values without padding"))
}

/// Reads a member that is a text.
fn text(object: &Value, name: &str, problem: &'static str) -> Result<String, &'static str> {
    object.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(problem)
}

/// The `response` of a credential that is not too large.
fn response(credential: &Value) -> Result<&Value, &'static str> {
    if !credential.is_object() {
        return Err("must be an object");
    }
    if credential.to_string().len() > MAX_BYTES {
        return Err("must have at most 32 KiB");
    }
    credential.get("response").filter(|response| response.is_object()).ok_or("must have an object `response`")
}

const ID: &str = "must have a string `id`";
const RAW_ID: &str = "must have a string `rawId`";
const TYPE: &str = "must have a string `type`";
const CLIENT: &str = "must have a string `response.clientDataJSON`";

impl FromField for AssertionDto {
    fn read(value: Value) -> Result<Self, Invalid> {
        let answer = response(&value)?;
        let user_handle = match answer.get("userHandle") {
            None | Some(Value::Null) => None,
            Some(Value::String(handle)) => Some(handle.clone()),
            Some(_) => return Err("must have a string `response.userHandle`".into()),
        };
        let response = AssertionResponse {
            client_data: text(answer, "clientDataJSON", CLIENT)?,
            authenticator_data: text(
                answer,
                "authenticatorData",
                "must have a string `response.authenticatorData`",
            )?,
            signature: text(answer, "signature", "must have a string `response.signature`")?,
            user_handle,
        };
        let (id, raw_id) = (text(&value, "id", ID)?, text(&value, "rawId", RAW_ID)?);
        Ok(Self { id, raw_id, r#type: text(&value, "type", TYPE)?, response })
    }
}

impl FromField for AttestationDto {
    fn read(value: Value) -> Result<Self, Invalid> {
        const OBJECT: &str = "must have a string `response.attestationObject`";
        let answer = response(&value)?;
        let response = AttestationResponse {
            client_data: text(answer, "clientDataJSON", CLIENT)?,
            attestation_object: text(answer, "attestationObject", OBJECT)?,
            transports: transports(answer.get("transports"))?,
        };
        let (id, raw_id) = (text(&value, "id", ID)?, text(&value, "rawId", RAW_ID)?);
        Ok(Self { id, raw_id, r#type: text(&value, "type", TYPE)?, response })
    }
}

fn transports(value: Option<&Value>) -> Result<Option<Vec<String>>, &'static str> {
    const PROBLEM: &str = "must have strings in `response.transports`";
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(names)) => {
            let names = names.iter().map(|name| name.as_str().map(str::to_owned).ok_or(PROBLEM));
            names.collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(PROBLEM),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assertion() -> Value {
        json!({
            "id": "AQI",
            "rawId": "AQI",
            "type": "public-key",
            "response": {
                "clientDataJSON": "e30",
                "authenticatorData": "Aw",
                "signature": "BA",
                "userHandle": null,
                "unknown": 1,
            },
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        })
    }

    #[test]
    fn assertion_of_a_browser_is_decoded() {
        let decoded = AssertionDto::read(assertion()).map(|read| read.decode());
        let expected = Assertion {
            credential_id: CredentialId::new(vec![1, 2]).unwrap(),
            client_data: b"{}".to_vec(),
            authenticator_data: vec![3],
            signature: vec![4],
            user_handle: None,
        };
        assert_eq!(decoded, Ok(Ok(expected)));
    }

    #[test]
    fn other_shapes_are_refused() {
        for (member, value) in [
            ("/id", json!("AQM")),
            ("/id", json!(1)),
            ("/rawId", json!(null)),
            ("/type", json!("password")),
            ("/response", json!([])),
            ("/response/signature", json!("BA==")),
            ("/response/signature", json!("B")),
            ("/response/userHandle", json!(1)),
            ("/response/clientDataJSON", json!("+/+/")),
            ("/response/unknown", json!("a".repeat(MAX_BYTES))),
        ] {
            let mut credential = assertion();
            *credential.pointer_mut(member).unwrap() = value;
            let read = AssertionDto::read(credential);
            assert!(read.is_err() || read.is_ok_and(|read| read.decode().is_err()), "{member}");
        }
    }

    #[test]
    fn only_names_of_transports_are_kept() {
        let credential = json!({
            "id": "AQI",
            "rawId": "AQI",
            "type": "public-key",
            "response": {
                "clientDataJSON": "e30",
                "attestationObject": "oA",
                "transports": ["internal", "smart-card", "two words", "", "a".repeat(33)],
            },
        });
        let decoded = AttestationDto::read(credential).map(|read| read.decode());
        let transports = decoded.unwrap().unwrap().transports;
        assert_eq!(transports, ["internal", "smart-card"]);
    }
}
