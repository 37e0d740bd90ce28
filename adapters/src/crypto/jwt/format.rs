use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::model::{
    AccessClaims, ClientClaims, RefreshClaims, ServiceClientId, SessionId, Tier, TokenDigest, TokenId, UserId,
};
use inwren_domain::ports::{InvalidToken, SigningError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A longer token is refused before anything of it is decoded.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

const ALGORITHM: &str = "RS256";

/// What our tokens look like, and nothing else does: who issues them, for whom, and how far clocks may differ.
///
/// The checks follow RFC 8725: the algorithm, the type and the key are decided here and only compared with what the
/// token says; a header or claim that ours do not have is refused, which takes in `crit`, embedded keys and key URLs.
#[derive(Clone, Debug)]
pub struct TokenFormat {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// How far the clocks of two instances may differ.
    pub leeway: Duration,
}

/// A token's payload of one class: access or refresh. The classes can never stand in for each other.
pub(super) trait Payload: Serialize + DeserializeOwned {
    /// The `typ` header (RFC 8725 section 3.11).
    const TYP: &'static str;
    /// The `type` claim.
    const TYPE: &'static str;
    /// What the core knows it as.
    type Claims;

    fn new(claims: &Self::Claims, format: &TokenFormat) -> Self;
    fn registered(&self) -> Registered<'_>;
    fn into_claims(self) -> Option<Self::Claims>;
}

/// The claims that are checked in the same way in every class.
pub(super) struct Registered<'a> {
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) iss: &'a str,
    pub(super) aud: &'a str,
    pub(super) r#type: &'a str,
}

/// An access token's payload. The order of the fields is that of the signed bytes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessPayload {
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) jti: String,
    pub(super) r#type: String,
    pub(super) sid: String,
    pub(super) auth_time: i64,
    pub(super) email: String,
    pub(super) tier: String,
    pub(super) is_superuser: bool,
}

/// The payload of a service client's own access token. The order of the fields is that of the signed bytes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientPayload {
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) jti: String,
    pub(super) r#type: String,
    pub(super) client_id: String,
}

/// A refresh token's payload. The order of the fields is that of the signed bytes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshPayload {
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) jti: String,
    pub(super) r#type: String,
    pub(super) sid: String,
}

impl Payload for AccessPayload {
    const TYP: &'static str = "at+jwt";
    const TYPE: &'static str = "access";
    type Claims = AccessClaims;

    fn new(claims: &AccessClaims, format: &TokenFormat) -> Self {
        Self {
            iat: claims.issued_at.unix_timestamp(),
            exp: claims.expires_at.unix_timestamp(),
            iss: format.issuer.clone(),
            sub: claims.user_id.to_string(),
            aud: format.audience.clone(),
            jti: claims.id.as_str().to_owned(),
            r#type: Self::TYPE.to_owned(),
            sid: claims.session_id.to_string(),
            auth_time: claims.authenticated_at.unix_timestamp(),
            email: claims.email.clone(),
            tier: claims.tier.as_str().to_owned(),
            is_superuser: claims.is_superuser,
        }
    }

    fn registered(&self) -> Registered<'_> {
        Registered { iat: self.iat, exp: self.exp, iss: &self.iss, aud: &self.aud, r#type: &self.r#type }
    }

    fn into_claims(self) -> Option<AccessClaims> {
        Some(AccessClaims {
            id: TokenId::from_stored(self.jti),
            user_id: UserId::from_uuid(uuid(&self.sub)?),
            session_id: SessionId::from_uuid(uuid(&self.sid)?),
            issued_at: moment(self.iat)?,
            expires_at: moment(self.exp)?,
            authenticated_at: moment(self.auth_time)?,
            email: self.email,
            tier: Tier::from_stored(self.tier),
            is_superuser: self.is_superuser,
        })
    }
}

impl Payload for ClientPayload {
    const TYP: &'static str = "at+jwt";
    const TYPE: &'static str = "access";
    type Claims = ClientClaims;

    fn new(claims: &ClientClaims, format: &TokenFormat) -> Self {
        Self {
            iat: claims.issued_at.unix_timestamp(),
            exp: claims.expires_at.unix_timestamp(),
            iss: format.issuer.clone(),
            sub: claims.client_id.to_string(),
            aud: format.audience.clone(),
            jti: claims.id.as_str().to_owned(),
            r#type: Self::TYPE.to_owned(),
            client_id: claims.client_id.to_string(),
        }
    }

    fn registered(&self) -> Registered<'_> {
        Registered { iat: self.iat, exp: self.exp, iss: &self.iss, aud: &self.aud, r#type: &self.r#type }
    }

    fn into_claims(self) -> Option<ClientClaims> {
        if self.sub != self.client_id {
            return None;
        }
        Some(ClientClaims {
            id: TokenId::from_stored(self.jti),
            client_id: ServiceClientId::from_uuid(uuid(&self.client_id)?),
            issued_at: moment(self.iat)?,
            expires_at: moment(self.exp)?,
        })
    }
}

impl Payload for RefreshPayload {
    const TYP: &'static str = "rt+jwt";
    const TYPE: &'static str = "refresh";
    type Claims = RefreshClaims;

    fn new(claims: &RefreshClaims, format: &TokenFormat) -> Self {
        Self {
            iat: claims.issued_at.unix_timestamp(),
            exp: claims.expires_at.unix_timestamp(),
            iss: format.issuer.clone(),
            sub: claims.user_id.to_string(),
            aud: format.audience.clone(),
            jti: claims.id.as_str().to_owned(),
            r#type: Self::TYPE.to_owned(),
            sid: claims.session_id.to_string(),
        }
    }

    fn registered(&self) -> Registered<'_> {
        Registered { iat: self.iat, exp: self.exp, iss: &self.iss, aud: &self.aud, r#type: &self.r#type }
    }

    fn into_claims(self) -> Option<RefreshClaims> {
        let id = TokenId::from_stored(self.jti);
        id.generation()?;
        Some(RefreshClaims {
            id,
            user_id: UserId::from_uuid(uuid(&self.sub)?),
            session_id: SessionId::from_uuid(uuid(&self.sid)?),
            issued_at: moment(self.iat)?,
            expires_at: moment(self.exp)?,
        })
    }
}

/// Our header, whole: any other field is refused. The order of the fields is that of the signed bytes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// A token taken apart, with its header checked but not its signature.
pub(super) struct Unverified<'a> {
    pub(super) kid: String,
    #[cfg_attr(not(feature = "aws-lc"), allow(dead_code, reason = "jwt-simple does this by itself"))]
    pub(super) signed: &'a str,
    #[cfg_attr(not(feature = "aws-lc"), allow(dead_code, reason = "jwt-simple does this by itself"))]
    pub(super) signature: Vec<u8>,
    payload: &'a str,
}

impl TokenFormat {
    /// The bytes to sign for a token of our own.
    #[cfg_attr(not(feature = "aws-lc"), allow(dead_code, reason = "jwt-simple does this by itself"))]
    pub(super) fn signing_input<P: Payload>(&self, payload: &P, kid: &str) -> Result<String, SigningError> {
        let header = Header { alg: ALGORITHM.to_owned(), kid: kid.to_owned(), typ: P::TYP.to_owned() };
        let json = |bytes: serde_json::Result<Vec<u8>>| {
            bytes.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(|_| SigningError("not encodable"))
        };
        let header = json(serde_json::to_vec(&header))?;
        let payload = json(serde_json::to_vec(payload))?;
        Ok(format!("{header}.{payload}"))
    }

    /// Takes a token apart and checks its header. Nothing of the payload is looked at before the signature is checked.
    pub(super) fn take_apart<'a, P: Payload>(&self, token: &'a str) -> Result<Unverified<'a>, InvalidToken> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidToken::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(InvalidToken::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(InvalidToken::Malformed)?;
        if payload.contains('.') {
            return Err(InvalidToken::Malformed);
        }
        let header: Header = decode(header).map_err(|broken| match broken {
            Broken::Encoding => InvalidToken::Malformed,
            Broken::Json => InvalidToken::Header,
        })?;
        if header.alg != ALGORITHM || header.typ != P::TYP {
            return Err(InvalidToken::Header);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| InvalidToken::Malformed)?;
        Ok(Unverified { kid: header.kid, signed, signature, payload })
    }

    /// Reads the claims of a token whose signature has been checked, and checks that they hold for us, now.
    pub(super) fn claims<P: Payload>(
        &self,
        verified: &Unverified<'_>,
        now: OffsetDateTime,
    ) -> Result<P::Claims, InvalidToken> {
        let payload: P = decode(verified.payload).map_err(|_| InvalidToken::Claims)?;
        let Registered { iat, exp, iss, aud, r#type } = payload.registered();
        if iss != self.issuer || aud != self.audience || r#type != P::TYPE || exp <= iat {
            return Err(InvalidToken::Claims);
        }
        let now = now.unix_timestamp();
        let leeway = self.leeway.whole_seconds();
        if now >= exp.saturating_add(leeway) {
            return Err(InvalidToken::Expired);
        }
        if iat > now.saturating_add(leeway) {
            return Err(InvalidToken::Early);
        }
        payload.into_claims().ok_or(InvalidToken::Claims)
    }
}

/// The digest that stores keep of a token.
pub(super) fn digest(token: &str) -> TokenDigest {
    TokenDigest::from_bytes(Sha256::digest(token).into())
}

enum Broken {
    Encoding,
    Json,
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Broken> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Broken::Encoding)?;
    serde_json::from_slice(&json).map_err(|_| Broken::Json)
}

/// Only the form that we write: a UUID has others, and one thing must have one name.
fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|uuid| uuid.to_string() == text)
}

fn moment(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}
