use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::token::{InvalidToken, SigningError};
use serde::Serialize;

/// Maximum token length in bytes. Longer tokens are refused before any decoding.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The purpose of a token. A token of one type is never accepted as another: the headers of the types differ.
#[derive(Clone, Copy)]
pub(super) enum TokenType {
    /// Access token, which clients present to services.
    Access,
    /// Refresh token, which clients exchange for the next pair.
    Refresh,
    /// ID token, which tells an application who its user is.
    Id,
    /// Logout token, which tells an application that a session has ended.
    Logout,
}

impl TokenType {
    /// Returns the `typ` of the header (RFC 8725 section 3.11, RFC 9068 section 2.1, OpenID Connect Back-Channel Logout
    /// 1.0 section 2.4).
    pub(super) const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
            Self::Id => "JWT",
            Self::Logout => "logout+jwt",
        }
    }
}

/// The header that all tokens of a key and a type share, byte for byte. Verification compares the presented header and
/// never parses it, so that no value that an attacker writes into it has an effect (RFC 8725 sections 3.1, 3.10 and
/// 3.11).
pub struct Header {
    /// Its `typ`.
    pub typ: &'static str,
    /// The whole header in base64url, as in a token.
    pub encoded: String,
}

impl Header {
    fn new(typ: &'static str, kid: &str) -> Self {
        // Neither value needs escaping: a `kid` is base64url. The order of members is that of the signed bytes.
        let json = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{typ}"}}"#);
        Self { typ, encoded: URL_SAFE_NO_PAD.encode(json) }
    }

    /// Returns the bytes to sign for a token with this payload (RFC 7515 section 5.1).
    pub fn signing_input(&self, payload: &impl Serialize) -> Result<String, SigningError> {
        let payload = serde_json::to_vec(payload).map_err(|_| SigningError("not encodable"))?;
        let mut input = String::with_capacity(TYPICAL_TOKEN_BYTES);
        input.push_str(&self.encoded);
        input.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut input);
        Ok(input)
    }
}

/// Initial capacity in bytes: enough for an access token that a key of 2048 bits signs, so that the text is allocated
/// once.
const TYPICAL_TOKEN_BYTES: usize = 1024;

/// The headers of a key's tokens.
pub(super) struct Headers {
    access: Header,
    refresh: Header,
    id: Header,
    logout: Header,
}

impl Headers {
    /// Creates the headers of the key with this id.
    pub(super) fn new(kid: &str) -> Self {
        let header = |r#type: TokenType| Header::new(r#type.typ(), kid);
        Self {
            access: header(TokenType::Access),
            refresh: header(TokenType::Refresh),
            id: header(TokenType::Id),
            logout: header(TokenType::Logout),
        }
    }

    pub(super) fn of(&self, r#type: TokenType) -> &Header {
        match r#type {
            TokenType::Access => &self.access,
            TokenType::Refresh => &self.refresh,
            TokenType::Id => &self.id,
            TokenType::Logout => &self.logout,
        }
    }
}

/// A presented token, split into its parts (RFC 7515 section 7.1). No part is verified yet.
pub struct Compact<'a> {
    /// The whole token.
    pub token: &'a str,
    /// The header in base64url.
    pub header: &'a str,
    /// The payload in base64url.
    pub payload: &'a str,
    /// The signed part: header and payload.
    pub signed: &'a str,
    /// The decoded signature.
    pub signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Splits a token into its parts.
    pub fn parse(token: &'a str) -> Result<Self, InvalidToken> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidToken::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(InvalidToken::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(InvalidToken::Malformed)?;
        if payload.contains('.') {
            return Err(InvalidToken::Malformed);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| InvalidToken::Malformed)?;
        Ok(Self { token, header, payload, signed, signature })
    }

    /// Returns the reason for refusing a token whose header is not one of ours.
    pub(super) fn foreign_header(&self) -> InvalidToken {
        match URL_SAFE_NO_PAD.decode(self.header) {
            Ok(_) => InvalidToken::Header,
            Err(_) => InvalidToken::Malformed,
        }
    }
}
