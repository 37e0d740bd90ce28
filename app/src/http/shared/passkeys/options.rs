use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::authn::PasskeyRequest;
use inwren_domain::challenge::Challenge;
use inwren_domain::factor::enrol::PasskeyOptions;
use inwren_domain::factor::{CoseAlgorithm, CredentialId};
use poem_openapi::types::Example;

use crate::http::shared::body::{EXAMPLE_SECRET, object};

/// The id of a passkey in examples.
const CREDENTIAL: &str = "q1gPIW0xVyW0qFh4mvcJtg";
const PUBLIC_KEY: &str = "public-key";

object! {
    /// The options for `navigator.credentials.get()`.
    #[oai(rename = "CredentialRequestOptions")]
    pub(in crate::http) CredentialRequestDto {
        /// The options, in the form that `PublicKeyCredential.parseRequestOptionsFromJSON()` reads.
        #[oai(rename = "publicKey")]
        public_key: RequestOptionsDto = RequestOptionsDto::example(),
    }
}

impl From<PasskeyRequest> for CredentialRequestDto {
    fn from(request: PasskeyRequest) -> Self {
        Self { public_key: request.into() }
    }
}

object! {
    /// A request to use a passkey: `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3 section 5.5).
    #[oai(rename = "PasskeyRequestOptions", rename_all = "camelCase")]
    pub(in crate::http) RequestOptionsDto {
        /// The challenge that the passkey signs, in base64url.
        challenge: String = EXAMPLE_SECRET.to_owned(),
        /// How many milliseconds the challenge is valid.
        timeout: u32 = timeout(),
        /// The domain to which the passkeys are bound.
        rp_id: String = "auth.example.org".to_owned(),
        /// The passkeys that may answer. If there are none, the user chooses one.
        allow_credentials: Vec<CredentialDescriptor> = vec![CredentialDescriptor::example()],
        /// `required` if the authenticator must verify the user by a PIN or a biometric feature, `preferred` if it
        /// should.
        user_verification: String = "preferred".to_owned(),
    }
}

impl From<PasskeyRequest> for RequestOptionsDto {
    fn from(request: PasskeyRequest) -> Self {
        let verification = if request.requires_user_verification { "required" } else { "preferred" };
        Self {
            challenge: request.challenge.expose().to_owned(),
            timeout: timeout(),
            rp_id: request.relying_party_id,
            allow_credentials: descriptors(request.allowed),
            user_verification: verification.to_owned(),
        }
    }
}

object! {
    /// The options for `navigator.credentials.create()`.
    #[oai(rename = "CredentialCreationOptions")]
    pub(in crate::http) CredentialCreationDto {
        /// The options, in the form that `PublicKeyCredential.parseCreationOptionsFromJSON()` reads.
        #[oai(rename = "publicKey")]
        public_key: CreationOptions = CreationOptions::with_ids("id.example.org", "s5d1lN0yJ0xQxJbYq5dJ6w"),
    }
}

object! {
    /// A request to create a passkey: `PublicKeyCredentialCreationOptionsJSON` (WebAuthn Level 3 section 5.4).
    #[oai(rename = "PasskeyCreationOptions", rename_all = "camelCase")]
    CreationOptions {
        /// The service.
        rp: RelyingPartyEntity = RelyingPartyEntity::with_id("login.example.org"),
        /// The user.
        user: UserEntity = UserEntity::with_id("dXNlciBoYW5kbGUgb2YgYW5u"),
        /// The challenge that the new passkey answers, in base64url.
        challenge: String = EXAMPLE_SECRET.to_owned(),
        /// The algorithms that the service accepts, preferred first.
        pub_key_cred_params: Vec<CredentialParameters> = vec![CredentialParameters::example()],
        /// How many milliseconds the challenge is valid.
        timeout: u32 = timeout(),
        /// The passkeys that the user has: their authenticators create no other one.
        exclude_credentials: Vec<CredentialDescriptor> = vec![CredentialDescriptor::example()],
        /// Which authenticators may create the passkey.
        authenticator_selection: AuthenticatorSelection = AuthenticatorSelection::example(),
        /// Always `none`: the service does not ask who made the authenticator.
        attestation: String = "none".to_owned(),
    }
}

impl CreationOptions {
    /// An example with other ids: linters take the ids of objects within objects for ids of schemas, which must be
    /// unique.
    fn with_ids(relying_party: &str, user: &str) -> Self {
        let (rp, user) = (RelyingPartyEntity::with_id(relying_party), UserEntity::with_id(user));
        Self { rp, user, ..Self::example() }
    }
}

impl From<PasskeyOptions> for CredentialCreationDto {
    fn from(options: PasskeyOptions) -> Self {
        let parameters = |algorithm: CoseAlgorithm| CredentialParameters {
            r#type: PUBLIC_KEY.to_owned(),
            alg: algorithm.id(),
        };
        let user = UserEntity {
            id: URL_SAFE_NO_PAD.encode(options.user_handle.as_bytes()),
            display_name: options.user_name.clone(),
            name: options.user_name,
        };
        let public_key = CreationOptions {
            rp: RelyingPartyEntity { id: options.relying_party_id, name: options.service_name },
            user,
            challenge: options.challenge.expose().to_owned(),
            pub_key_cred_params: CoseAlgorithm::ALL.into_iter().map(parameters).collect(),
            timeout: timeout(),
            exclude_credentials: descriptors(options.excluded),
            authenticator_selection: AuthenticatorSelection::example(),
            attestation: "none".to_owned(),
        };
        Self { public_key }
    }
}

object! {
    /// The service, as authenticators show it (WebAuthn Level 3 section 5.4.2).
    #[oai(rename = "PasskeyRelyingParty")]
    RelyingPartyEntity {
        /// The domain to which the passkey is bound.
        id: String = "auth.example.org".to_owned(),
        /// The name of the service.
        name: String = "Inwren Auth".to_owned(),
    }
}

impl RelyingPartyEntity {
    fn with_id(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::example() }
    }
}

object! {
    /// The user, as authenticators show it (WebAuthn Level 3 section 5.4.3).
    #[oai(rename = "PasskeyUser", rename_all = "camelCase")]
    UserEntity {
        /// A random handle that identifies the user to authenticators, in base64url.
        id: String = "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs".to_owned(),
        /// The e-mail address of the user.
        name: String = "ann@example.org".to_owned(),
        /// The e-mail address of the user.
        display_name: String = "ann@example.org".to_owned(),
    }
}

impl UserEntity {
    fn with_id(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::example() }
    }
}

object! {
    /// An algorithm for the key of a passkey (WebAuthn Level 3 section 5.3).
    #[oai(rename = "PasskeyParameters")]
    CredentialParameters {
        /// Always `public-key`.
        r#type: String = PUBLIC_KEY.to_owned(),
        /// The number in the IANA registry of COSE algorithms: -7 (ES256), -8 (EdDSA) or -257 (RS256).
        alg: i32 = CoseAlgorithm::Es256.id(),
    }
}

object! {
    /// A passkey (WebAuthn Level 3 section 5.8.3).
    #[oai(rename = "PasskeyDescriptor")]
    CredentialDescriptor {
        /// Always `public-key`.
        r#type: String = PUBLIC_KEY.to_owned(),
        /// The id of the passkey, in base64url.
        id: String = CREDENTIAL.to_owned(),
        /// How browsers reach its authenticator. Absent if unknown.
        #[oai(skip_serializing_if_is_none)]
        transports: Option<Vec<String>> = Some(vec!["internal".to_owned(), "hybrid".to_owned()]),
    }
}

object! {
    /// Which authenticators may create a passkey (WebAuthn Level 3 section 5.4.4).
    #[oai(rename = "PasskeyAuthenticatorSelection", rename_all = "camelCase")]
    AuthenticatorSelection {
        /// `preferred`: a passkey that can log in without an e-mail address, if the authenticator can store one.
        resident_key: String = "preferred".to_owned(),
        /// Always `false`.
        require_resident_key: bool = false,
        /// `preferred`: the authenticator verifies the user by a PIN or a biometric feature, if it can.
        user_verification: String = "preferred".to_owned(),
    }
}

fn descriptors(passkeys: Vec<(CredentialId, Vec<String>)>) -> Vec<CredentialDescriptor> {
    let descriptor = |(id, transports): (CredentialId, Vec<String>)| CredentialDescriptor {
        r#type: PUBLIC_KEY.to_owned(),
        id: URL_SAFE_NO_PAD.encode(id.as_bytes()),
        transports: (!transports.is_empty()).then_some(transports),
    };
    passkeys.into_iter().map(descriptor).collect()
}

/// The lifetime of a challenge in milliseconds.
fn timeout() -> u32 {
    u32::try_from(Challenge::LIFETIME.whole_milliseconds()).unwrap_or(u32::MAX)
}
