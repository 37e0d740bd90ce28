use inwren_domain::credential::Password;
use inwren_domain::credential::password_policy::check_alone;
use inwren_domain::kernel::{Email, PlainToken};
use inwren_domain::token::TokenPair;
use poem_openapi::Object;

use crate::http::body::{object, request_body};

request_body! {
    /// Somebody wants an account.
    RegisterRequest {
        /// The login name: an e-mail address of at most 254 bytes, without invisible characters. It is stored as given.
        /// Two addresses are the same if they differ only in case, or in the form of the domain: domains are compared in
        /// their ASCII form (UTS 46).
        #[oai(validator(min_length = 3, max_length = 254))]
        email: String = "ann@example.org".to_owned(),
        /// 8 to 128 characters of any kind, where each word that names the service or the user counts as one; not one of
        /// the most common passwords, and neither the e-mail address nor the part of it before the @.
        #[oai(validator(min_length = 8, max_length = 128))]
        password: String = "securepassword123".to_owned(),
        /// The tier, from those that users may choose themselves. Left out: the first of them.
        #[oai(nullable)]
        tier: Option<String> = Some("free".to_owned()),
    }
    // The core would stop at the address; whoever fills in a form wants to know everything at once.
    check(fields) {
        let is_email = email.as_deref().is_none_or(|email| fields.check("email", Email::parse(email)));
        if let (false, Some(password)) = (is_email, &password) {
            fields.check("password", check_alone(&Password::new(password)));
        }
    }
}

request_body! {
    /// Somebody wants to log in.
    LoginRequest {
        /// The login name.
        email: String = "ann@example.org".to_owned(),
        /// The password.
        password: String = "securepassword123".to_owned(),
    }
}

request_body! {
    /// Somebody wants the next pair of tokens.
    RefreshRequest {
        /// The refresh token of the last pair. It is used up by this.
        refresh_token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned(),
    }
}

object! {
    /// A pair of tokens (RFC 6749 section 5.1).
    #[oai(rename = "Token")]
    pub(in crate::http) TokenDto {
        /// For services: a JWT, signed with RS256, that they can verify offline.
        access_token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln".to_owned(),
        /// For the next pair: it works once, and then this pair's session goes on with its successor.
        refresh_token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned(),
        /// Always `bearer`.
        token_type: String = "bearer".to_owned(),
        /// How long the access token is good for, in seconds.
        expires_in: u32 = 1800,
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
