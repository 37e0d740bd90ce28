use inwren_domain::model::{Email, Password, PlainToken, TokenPair};
use inwren_domain::policy::password::check_alone;
use poem_openapi::Object;

use crate::http::body::{Fields, FromFields};

/// Somebody wants an account.
#[derive(Object)]
#[oai(rename = "RegisterRequest", deny_unknown_fields, example)]
pub(super) struct RegisterRequest {
    /// The login name: an e-mail address of at most 254 bytes, without invisible characters. It is stored as given. Two
    /// addresses are the same if they differ only in case, or in the form of the domain: domains are compared in their ASCII
    /// form (UTS 46).
    #[oai(validator(min_length = 3, max_length = 254))]
    pub(super) email: String,
    /// 8 to 128 characters of any kind, where each word that names the service or the user counts as one; not one of
    /// the most common passwords, and neither the e-mail address nor the part of it before the @.
    #[oai(validator(min_length = 8, max_length = 128))]
    pub(super) password: String,
    /// The tier, from those that users may choose themselves. Left out: the first of them.
    #[oai(nullable)]
    pub(super) tier: Option<String>,
}

impl poem_openapi::types::Example for RegisterRequest {
    fn example() -> Self {
        Self {
            email: "ann@example.org".to_owned(),
            password: "securepassword123".to_owned(),
            tier: Some("free".to_owned()),
        }
    }
}

impl FromFields for RegisterRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let (email, password, tier) =
            (fields.text("email"), fields.text("password"), fields.optional_text("tier"));
        // The core would stop at the address; whoever fills in a form wants to know everything at once.
        let is_email = email.as_deref().is_none_or(|email| fields.check("email", Email::parse(email)));
        if let (false, Some(password)) = (is_email, &password) {
            fields.check("password", check_alone(&Password::new(password)));
        }
        Some(Self { email: email?, password: password?, tier: tier? })
    }
}

/// Somebody wants to log in.
#[derive(Object)]
#[oai(rename = "LoginRequest", deny_unknown_fields, example)]
pub(super) struct LoginRequest {
    /// The login name.
    pub(super) email: String,
    /// The password.
    pub(super) password: String,
}

impl poem_openapi::types::Example for LoginRequest {
    fn example() -> Self {
        Self { email: "ann@example.org".to_owned(), password: "securepassword123".to_owned() }
    }
}

impl FromFields for LoginRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let (email, password) = (fields.text("email"), fields.text("password"));
        Some(Self { email: email?, password: password? })
    }
}

/// Somebody wants the next pair of tokens.
#[derive(Object)]
#[oai(rename = "RefreshRequest", deny_unknown_fields, example)]
pub(super) struct RefreshRequest {
    /// The refresh token of the last pair. It is used up by this.
    pub(super) refresh_token: String,
}

impl poem_openapi::types::Example for RefreshRequest {
    fn example() -> Self {
        Self { refresh_token: "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned() }
    }
}

impl FromFields for RefreshRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { refresh_token: fields.text("refresh_token")? })
    }
}

/// A pair of tokens (RFC 6749 section 5.1).
#[derive(Object)]
#[oai(rename = "Token", example)]
pub(in crate::http) struct TokenDto {
    /// For services: a JWT, signed with RS256, that they can verify offline.
    access_token: String,
    /// For the next pair: it works once, and then this pair's session goes on with its successor.
    refresh_token: String,
    /// Always `bearer`.
    token_type: String,
    /// How long the access token is good for, in seconds.
    expires_in: u32,
}

impl poem_openapi::types::Example for TokenDto {
    fn example() -> Self {
        Self {
            access_token: "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln".to_owned(),
            refresh_token: "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned(),
            token_type: "bearer".to_owned(),
            expires_in: 1800,
        }
    }
}

impl From<TokenPair> for TokenDto {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access_token.expose().to_owned(),
            refresh_token: pair.refresh_token.expose().to_owned(),
            token_type: "bearer".to_owned(),
            expires_in: u32::try_from(pair.expires_in.whole_seconds()).unwrap_or(0),
        }
    }
}

/// One or two tokens (RFC 6749 section 5.1).
#[derive(Object)]
#[oai(rename = "OAuthToken", example)]
pub(super) struct OAuthTokenDto {
    /// For services: a JWT, signed with RS256, that they can verify offline.
    access_token: String,
    /// For the next pair. A service client has none (RFC 6749 section 4.4.3): it asks again.
    #[oai(skip_serializing_if_is_none)]
    refresh_token: Option<String>,
    /// Always `bearer`.
    token_type: String,
    /// How long the access token is good for, in seconds.
    expires_in: u32,
}

impl OAuthTokenDto {
    /// A service client's own token.
    pub(super) fn of_client(token: &PlainToken, lifetime: time::Duration) -> Self {
        Self {
            access_token: token.expose().to_owned(),
            refresh_token: None,
            token_type: "bearer".to_owned(),
            expires_in: u32::try_from(lifetime.whole_seconds()).unwrap_or(0),
        }
    }
}

impl From<TokenPair> for OAuthTokenDto {
    fn from(pair: TokenPair) -> Self {
        TokenDto::from(pair).into()
    }
}

impl From<TokenDto> for OAuthTokenDto {
    fn from(TokenDto { access_token, refresh_token, token_type, expires_in }: TokenDto) -> Self {
        Self { access_token, refresh_token: Some(refresh_token), token_type, expires_in }
    }
}

impl poem_openapi::types::Example for OAuthTokenDto {
    fn example() -> Self {
        TokenDto::example().into()
    }
}
