use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::account::{EmailVerification, RegistrationMode};
use inwren_domain::authn::Acr;
use inwren_domain::client::{AuthMethod, GrantType, Scope};
use inwren_domain::provider::CLAIMS;
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

/// The endpoints and capabilities of the service (RFC 8414 section 2; OpenID Connect Discovery 1.0 section 3).
#[derive(Object)]
#[oai(rename = "ServerMetadata", example)]
pub(super) struct ServerMetadata {
    /// The issuer, which is the `iss` of tokens.
    issuer: String,
    /// The URL of the page where users log in to applications.
    authorization_endpoint: String,
    /// The URL of the token endpoint.
    token_endpoint: String,
    /// The URL of the userinfo endpoint.
    userinfo_endpoint: String,
    /// The URL of the page where applications log users out (OpenID Connect RP-Initiated Logout 1.0).
    end_session_endpoint: String,
    /// The URL of the public keys.
    jwks_uri: String,
    /// The scopes that the service defines. Clients may have others, which their resource servers define.
    scopes_supported: Vec<String>,
    /// The claims of ID tokens and of userinfo.
    claims_supported: Vec<String>,
    /// The response types: only authorization codes.
    response_types_supported: Vec<String>,
    /// How authorization responses reach the application.
    response_modes_supported: Vec<String>,
    /// The grant types of the token endpoint.
    grant_types_supported: Vec<String>,
    /// The code challenge methods (RFC 7636). Every client needs PKCE.
    code_challenge_methods_supported: Vec<String>,
    /// The client authentication methods of the token endpoint.
    token_endpoint_auth_methods_supported: Vec<String>,
    /// The signature algorithms of client assertions.
    token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// The URL of the revocation endpoint (RFC 7009).
    revocation_endpoint: String,
    /// The client authentication methods of the revocation endpoint: `none`, because the token suffices.
    revocation_endpoint_auth_methods_supported: Vec<String>,
    /// The URL of the introspection endpoint (RFC 7662).
    introspection_endpoint: String,
    /// The client authentication methods of the introspection endpoint.
    introspection_endpoint_auth_methods_supported: Vec<String>,
    /// The signature algorithms of client assertions at the introspection endpoint.
    introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// Always `public`: every application sees the same `sub` of a user.
    subject_types_supported: Vec<String>,
    /// The signature algorithm of ID tokens.
    id_token_signing_alg_values_supported: Vec<String>,
    /// The assurance levels: the values of `acr` in tokens, the weakest first.
    acr_values_supported: Vec<String>,
    /// The values of the parameter `prompt`.
    prompt_values_supported: Vec<String>,
    /// The languages of the pages.
    ui_locales_supported: Vec<String>,
    /// Whether authorization requests may have the parameter `claims`.
    claims_parameter_supported: bool,
    /// Whether authorization requests may be signed objects.
    request_parameter_supported: bool,
    /// Whether authorization requests may be references.
    request_uri_parameter_supported: bool,
    /// Whether such references have to be registered.
    require_request_uri_registration: bool,
    /// Whether authorization responses name the issuer (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
    /// Whether the service announces ended sessions (OpenID Connect Back-Channel Logout 1.0).
    backchannel_logout_supported: bool,
    /// Whether these announcements name the session.
    backchannel_logout_session_supported: bool,
    /// The URL of the documentation of the service.
    service_documentation: String,
    /// Who may register: `open`, `invited` or `closed`. An extension of this service.
    registration: String,
    /// Whether users verify their addresses: `off`, `optional` or `required`. An extension of this service.
    email_verification: String,
    /// Whether the service can send letters. If not, operations that need one return `mail-not-configured`. An
    /// extension of this service.
    mail_configured: bool,
}

/// What the metadata depend on.
pub(super) struct Described<'a> {
    /// The issuer of tokens.
    pub(super) issuer: &'a str,
    /// The public URL of the service.
    pub(super) address: &'a str,
    /// Who may register.
    pub(super) registration: RegistrationMode,
    /// Whether addresses are verified.
    pub(super) email_verification: EmailVerification,
    /// Whether mail is configured.
    pub(super) mail_configured: bool,
    /// The languages of the pages.
    pub(super) languages: Vec<String>,
}

/// The signature algorithms of client assertions.
const ASSERTION_ALGORITHMS: [&str; 3] = ["RS256", "PS256", "ES256"];

/// The claims of ID tokens that are not about the profile of the user.
const PROTOCOL_CLAIMS: [&str; 11] =
    ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"];

impl From<Described<'_>> for ServerMetadata {
    fn from(described: Described<'_>) -> Self {
        let at = |path: &str| format!("{}{path}", described.address);
        let claims = PROTOCOL_CLAIMS.into_iter().chain(CLAIMS.map(|(name, _)| name));
        Self {
            issuer: described.issuer.to_owned(),
            authorization_endpoint: at("/oauth/authorize"),
            token_endpoint: at("/oauth/token"),
            userinfo_endpoint: at("/oauth/userinfo"),
            end_session_endpoint: at("/oauth/logout"),
            jwks_uri: at("/.well-known/jwks.json"),
            scopes_supported: names(&[Scope::OPENID, Scope::PROFILE, Scope::EMAIL, Scope::OFFLINE_ACCESS]),
            claims_supported: claims.map(str::to_owned).collect(),
            response_types_supported: names(&["code"]),
            response_modes_supported: names(&["query", "form_post"]),
            grant_types_supported: GrantType::ALL.iter().map(|grant| grant.as_str().to_owned()).collect(),
            code_challenge_methods_supported: names(&["S256"]),
            token_endpoint_auth_methods_supported: AuthMethod::ALL
                .iter()
                .map(|method| method.as_str().to_owned())
                .collect(),
            token_endpoint_auth_signing_alg_values_supported: names(&ASSERTION_ALGORITHMS),
            revocation_endpoint: at("/auth/revoke"),
            revocation_endpoint_auth_methods_supported: names(&["none"]),
            introspection_endpoint: at("/auth/introspect"),
            introspection_endpoint_auth_methods_supported: names(&[
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
                "Bearer",
            ]),
            introspection_endpoint_auth_signing_alg_values_supported: names(&ASSERTION_ALGORITHMS),
            subject_types_supported: names(&["public"]),
            id_token_signing_alg_values_supported: names(&["RS256"]),
            acr_values_supported: names(&Acr::ALL.map(Acr::as_str)),
            prompt_values_supported: names(&["none", "login", "consent", "select_account"]),
            ui_locales_supported: described.languages,
            claims_parameter_supported: true,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            require_request_uri_registration: false,
            authorization_response_iss_parameter_supported: true,
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            service_documentation: at("/docs"),
            registration: described.registration.as_str().to_owned(),
            email_verification: described.email_verification.as_str().to_owned(),
            mail_configured: described.mail_configured,
        }
    }
}

impl Example for ServerMetadata {
    fn example() -> Self {
        let address = "https://auth.example.org";
        Described {
            issuer: address,
            address,
            registration: RegistrationMode::Open,
            email_verification: EmailVerification::Required,
            mail_configured: true,
            languages: names(&["en", "de"]),
        }
        .into()
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
