use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::account::{EmailVerification, RegistrationMode};
use inwren_domain::authn::Acr;
use inwren_domain::token::PublishedKey;
use poem_openapi::Object;
use poem_openapi::types::Example;

use crate::http::shared::body::object;

object! {
    /// The public keys for verifying tokens (RFC 7517 section 5).
    pub(super) JwkSet {
        /// The keys; the first one signs. Select a key by its `kid`: during a rotation there are several.
        keys: Vec<Jwk> = vec![Jwk::example()],
    }
}

object! {
    /// A public RSA key (RFC 7517 section 4; RFC 7518 section 6.3.1).
    Jwk {
        /// Always `RSA`.
        kty: String = "RSA".to_owned(),
        /// Always `sig`: the key is for signatures.
        r#use: String = "sig".to_owned(),
        /// Always `RS256`.
        alg: String = "RS256".to_owned(),
        /// The id of the key in the header of its tokens: its thumbprint (RFC 7638).
        kid: String = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs".to_owned(),
        /// The modulus, in base64url.
        n: String = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
            jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqz\
            s8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-\
            G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
            .to_owned(),
        /// The public exponent, in base64url.
        e: String = "AQAB".to_owned(),
    }
}

impl From<PublishedKey> for Jwk {
    fn from(key: PublishedKey) -> Self {
        Self {
            kty: "RSA".to_owned(),
            r#use: "sig".to_owned(),
            alg: "RS256".to_owned(),
            kid: key.id,
            n: URL_SAFE_NO_PAD.encode(key.modulus),
            e: URL_SAFE_NO_PAD.encode(key.exponent),
        }
    }
}

impl From<Vec<PublishedKey>> for JwkSet {
    fn from(keys: Vec<PublishedKey>) -> Self {
        Self { keys: keys.into_iter().map(Jwk::from).collect() }
    }
}

/// The endpoints and capabilities of the service (RFC 8414 section 2).
#[derive(Object)]
#[oai(rename = "ServerMetadata", example)]
pub(super) struct ServerMetadata {
    /// The issuer, which is the `iss` of tokens.
    pub(super) issuer: String,
    /// The URL of the token endpoint.
    pub(super) token_endpoint: String,
    /// The URL of the public keys.
    pub(super) jwks_uri: String,
    /// Always empty, because the service has no authorization endpoint.
    pub(super) response_types_supported: Vec<String>,
    /// The URL of the revocation endpoint (RFC 7009).
    pub(super) revocation_endpoint: String,
    /// The client authentication methods of the revocation endpoint: `none`, because the token suffices.
    pub(super) revocation_endpoint_auth_methods_supported: Vec<String>,
    /// The URL of the introspection endpoint (RFC 7662).
    pub(super) introspection_endpoint: String,
    /// The client authentication methods of the introspection endpoint.
    pub(super) introspection_endpoint_auth_methods_supported: Vec<String>,
    /// The grant types of the token endpoint.
    pub(super) grant_types_supported: Vec<String>,
    /// The assurance levels: the values of `acr` in access tokens, the weakest first.
    pub(super) acr_values_supported: Vec<String>,
    /// The client authentication methods of the token endpoint.
    pub(super) token_endpoint_auth_methods_supported: Vec<String>,
    /// The URL of the documentation of the service.
    pub(super) service_documentation: String,
    /// Who may register: `open`, `invited` or `closed`. An extension of this service.
    pub(super) registration: String,
    /// Whether users verify their addresses: `off`, `optional` or `required`. An extension of this service.
    pub(super) email_verification: String,
    /// Whether the service can send letters. If not, operations that need one return `mail-not-configured`. An
    /// extension of this service.
    pub(super) mail_configured: bool,
}

impl ServerMetadata {
    /// Returns the metadata of the service at an address.
    pub(super) fn of(
        issuer: &str,
        address: &str,
        registration: RegistrationMode,
        email_verification: EmailVerification,
        mail_configured: bool,
    ) -> Self {
        let at = |path: &str| format!("{address}{path}");
        Self {
            issuer: issuer.to_owned(),
            token_endpoint: at("/auth/access-token"),
            jwks_uri: at("/.well-known/jwks.json"),
            response_types_supported: Vec::new(),
            revocation_endpoint: at("/auth/revoke"),
            revocation_endpoint_auth_methods_supported: names(&["none"]),
            introspection_endpoint: at("/auth/introspect"),
            introspection_endpoint_auth_methods_supported: names(&["client_secret_basic", "Bearer"]),
            grant_types_supported: names(&["password", "refresh_token", "client_credentials"]),
            acr_values_supported: names(&Acr::ALL.map(Acr::as_str)),
            token_endpoint_auth_methods_supported: names(&[
                "none",
                "client_secret_basic",
                "client_secret_post",
            ]),
            service_documentation: at("/docs"),
            registration: registration.as_str().to_owned(),
            email_verification: email_verification.as_str().to_owned(),
            mail_configured,
        }
    }
}

impl Example for ServerMetadata {
    fn example() -> Self {
        let address = "https://auth.example.org";
        Self::of(address, address, RegistrationMode::Open, EmailVerification::Required, true)
    }
}

/// The server metadata for libraries that look for OpenID Connect metadata (OpenID Connect Discovery 1.0 section 3).
/// The service has no authorization endpoint and issues no ID tokens.
#[derive(Object)]
#[oai(rename = "OpenIdConfiguration", example)]
pub(super) struct OpenIdConfiguration {
    /// The server metadata.
    #[oai(flatten)]
    server: ServerMetadata,
    /// Always `public`: every service sees the same `sub` of a user.
    subject_types_supported: Vec<String>,
    /// The signature algorithm of tokens.
    id_token_signing_alg_values_supported: Vec<String>,
}

impl From<ServerMetadata> for OpenIdConfiguration {
    fn from(server: ServerMetadata) -> Self {
        Self {
            server,
            subject_types_supported: names(&["public"]),
            id_token_signing_alg_values_supported: names(&["RS256"]),
        }
    }
}

impl Example for OpenIdConfiguration {
    fn example() -> Self {
        ServerMetadata::example().into()
    }
}

object! {
    /// The origins whose pages may use the passkeys of this service (WebAuthn Level 3 section 5.11).
    pub(super) RelatedOrigins {
        /// The origins.
        pub(super) origins: Vec<String> = names(&["https://auth.example.org", "https://app.example.org"]),
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
