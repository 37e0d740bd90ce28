use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::token::{InvalidToken, SigningError};
use serde::Serialize;

/// A longer token is refused before anything of it is decoded.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What a token is for. The one can never stand in for the other: header and claims both say it.
#[derive(Clone, Copy)]
pub(super) enum TokenType {
    /// Presented to services.
    Access,
    /// Exchanged for the next pair.
    Refresh,
}

impl TokenType {
    /// The `typ` of the header (RFC 8725 section 3.11, RFC 9068 section 2.1).
    pub(super) const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
        }
    }

    /// The claim `type`.
    pub(super) const fn claim(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// The header that all tokens of a key and a type have, byte for byte. So a presented one is compared and never read:
/// nothing that somebody else wrote into it can have an effect (RFC 8725 sections 3.1, 3.10 and 3.11).
pub struct Header {
    /// Its `typ`.
    pub typ: &'static str,
    /// All of it in base64url, as it stands in a token.
    pub encoded: String,
}

impl Header {
    fn new(typ: &'static str, kid: &str) -> Self {
        // Neither needs escaping: a `kid` is base64url. The order is that of the signed bytes.
        let json = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{typ}"}}"#);
        Self { typ, encoded: URL_SAFE_NO_PAD.encode(json) }
    }

    /// The bytes to sign for a token with this payload (RFC 7515 section 5.1).
    pub fn signing_input(&self, payload: &impl Serialize) -> Result<String, SigningError> {
        let payload = serde_json::to_vec(payload).map_err(|_| SigningError("not encodable"))?;
        let mut input = String::with_capacity(TYPICAL_TOKEN_BYTES);
        input.push_str(&self.encoded);
        input.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut input);
        Ok(input)
    }
}

/// Enough for an access token that a key of 2048 bits signed, so that its text is laid out once.
const TYPICAL_TOKEN_BYTES: usize = 1024;

/// The headers of a key's tokens.
pub(super) struct Headers {
    access: Header,
    refresh: Header,
}

impl Headers {
    /// Of the key of this name.
    pub(super) fn new(kid: &str) -> Self {
        let header = |r#type: TokenType| Header::new(r#type.typ(), kid);
        Self { access: header(TokenType::Access), refresh: header(TokenType::Refresh) }
    }

    pub(super) fn of(&self, r#type: TokenType) -> &Header {
        match r#type {
            TokenType::Access => &self.access,
            TokenType::Refresh => &self.refresh,
        }
    }
}

/// A presented token, taken apart (RFC 7515 section 7.1). Nothing in it has been believed yet.
pub struct Compact<'a> {
    /// All of it.
    pub token: &'a str,
    /// The header, in base64url.
    pub header: &'a str,
    /// The payload, in base64url.
    pub payload: &'a str,
    /// What the signature is over: header and payload.
    pub signed: &'a str,
    /// The signature itself.
    pub signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart.
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

    /// Why it was refused, when its header is none of ours.
    pub(super) fn foreign_header(&self) -> InvalidToken {
        match URL_SAFE_NO_PAD.decode(self.header) {
            Ok(_) => InvalidToken::Header,
            Err(_) => InvalidToken::Malformed,
        }
    }
}
