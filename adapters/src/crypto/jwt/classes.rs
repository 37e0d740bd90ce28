use std::borrow::Cow;

use inwren_domain::account::Tier;
use inwren_domain::authn::{Acr, Amr, Assurance};
use inwren_domain::client::ServiceClientId;
use inwren_domain::kernel::{SessionId, TokenId, UserId};
use inwren_domain::token::{AccessClaims, ClientClaims, FIRST_PARTY_CLIENT, RefreshClaims};
use time::OffsetDateTime;
use uuid::Uuid;

use super::envelope::TokenType;
use super::format::TokenFormat;
use super::payload::{Id, Methods, Payload};

/// Converts the claims of a token class to and from a payload. No token belongs to two classes.
pub(super) trait TokenClass: Sized {
    /// The purpose of its tokens.
    const TYPE: TokenType;

    /// Whether a token of this class may have this audience.
    fn is_audience(format: &TokenFormat, audience: &str) -> bool {
        audience == format.audience
    }

    /// Writes the claims into a payload.
    fn payload<'a>(&'a self, format: &'a TokenFormat) -> Payload<'a>;

    /// Reads the claims from a payload. Returns `None` if it is of another class or has values that our tokens never
    /// have.
    fn read(payload: Payload<'_>, format: &TokenFormat) -> Option<Self>;
}

impl TokenClass for AccessClaims {
    const TYPE: TokenType = TokenType::Access;

    /// The audience of a token that may only enrol a second factor is the issuer.
    fn is_audience(format: &TokenFormat, audience: &str) -> bool {
        audience == format.audience || audience == format.issuer
    }

    fn payload<'a>(&'a self, format: &'a TokenFormat) -> Payload<'a> {
        Payload {
            aud: Cow::Borrowed(if self.is_for_enrolment { &format.issuer } else { &format.audience }),
            sid: Some(Id(self.session_id.as_uuid())),
            auth_time: Some(self.authenticated_at.unix_timestamp()),
            acr: Some(Cow::Borrowed(self.assurance.acr.as_str())),
            amr: Some(Methods(Cow::Borrowed(self.assurance.amr.as_str()))),
            email: Some(Cow::Borrowed(&self.email)),
            email_verified: Some(self.email_verified),
            tier: Some(Cow::Borrowed(self.tier.as_str())),
            is_superuser: Some(self.is_superuser),
            client_id: Some(Cow::Borrowed(FIRST_PARTY_CLIENT)),
            ..registered::<Self>(format, &self.id, self.user_id.as_uuid(), self.issued_at, self.expires_at)
        }
    }

    fn read(payload: Payload<'_>, format: &TokenFormat) -> Option<Self> {
        let Payload {
            sid: Some(Id(sid)),
            auth_time: Some(auth_time),
            acr,
            amr,
            email: Some(email),
            email_verified,
            tier: Some(tier),
            is_superuser: Some(is_superuser),
            client_id,
            ..
        } = payload
        else {
            return None;
        };
        is_first_party(client_id.as_deref()).then_some(())?;
        Some(Self {
            id: TokenId::from_stored(payload.jti.into_owned()),
            user_id: UserId::from_uuid(payload.sub.0),
            session_id: SessionId::from_uuid(sid),
            issued_at: moment(payload.iat)?,
            expires_at: moment(payload.exp)?,
            authenticated_at: moment(auth_time)?,
            assurance: assurance(acr.as_deref(), amr)?,
            is_for_enrolment: payload.aud != format.audience,
            email: email.into_owned(),
            // Tokens without the claim predate it.
            email_verified: email_verified.unwrap_or(false),
            tier: Tier::from_stored(tier.into_owned()),
            is_superuser,
        })
    }
}

impl TokenClass for ClientClaims {
    const TYPE: TokenType = TokenType::Access;

    fn payload<'a>(&'a self, format: &'a TokenFormat) -> Payload<'a> {
        let client_id = self.client_id.as_uuid();
        Payload {
            client_id: Some(Cow::Owned(client_id.to_string())),
            ..registered::<Self>(format, &self.id, client_id, self.issued_at, self.expires_at)
        }
    }

    fn read(payload: Payload<'_>, _: &TokenFormat) -> Option<Self> {
        let Payload {
            sid: None,
            auth_time: None,
            acr: None,
            amr: None,
            email: None,
            email_verified: None,
            tier: None,
            is_superuser: None,
            client_id: Some(client_id),
            ..
        } = payload
        else {
            return None;
        };
        (Id::parse(&client_id)? == payload.sub).then_some(())?;
        Some(Self {
            id: TokenId::from_stored(payload.jti.into_owned()),
            client_id: ServiceClientId::from_uuid(payload.sub.0),
            issued_at: moment(payload.iat)?,
            expires_at: moment(payload.exp)?,
        })
    }
}

impl TokenClass for RefreshClaims {
    const TYPE: TokenType = TokenType::Refresh;

    fn payload<'a>(&'a self, format: &'a TokenFormat) -> Payload<'a> {
        Payload {
            sid: Some(Id(self.session_id.as_uuid())),
            client_id: Some(Cow::Borrowed(FIRST_PARTY_CLIENT)),
            ..registered::<Self>(format, &self.id, self.user_id.as_uuid(), self.issued_at, self.expires_at)
        }
    }

    fn read(payload: Payload<'_>, _: &TokenFormat) -> Option<Self> {
        let Payload {
            sid: Some(Id(sid)),
            auth_time: None,
            acr: None,
            amr: None,
            email: None,
            email_verified: None,
            tier: None,
            is_superuser: None,
            client_id,
            ..
        } = payload
        else {
            return None;
        };
        is_first_party(client_id.as_deref()).then_some(())?;
        let id = TokenId::from_stored(payload.jti.into_owned());
        id.generation()?;
        Some(Self {
            id,
            user_id: UserId::from_uuid(payload.sub.0),
            session_id: SessionId::from_uuid(sid),
            issued_at: moment(payload.iat)?,
            expires_at: moment(payload.exp)?,
        })
    }
}

/// Returns a payload with the claims that every token has, and no others.
fn registered<'a, C: TokenClass>(
    format: &'a TokenFormat,
    id: &'a TokenId,
    subject: Uuid,
    issued_at: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Payload<'a> {
    Payload {
        iat: issued_at.unix_timestamp(),
        exp: expires_at.unix_timestamp(),
        iss: Cow::Borrowed(&format.issuer),
        sub: Id(subject),
        aud: Cow::Borrowed(&format.audience),
        jti: Cow::Borrowed(id.as_str()),
        r#type: Cow::Borrowed(C::TYPE.claim()),
        nbf: None,
        sid: None,
        auth_time: None,
        acr: None,
        amr: None,
        email: None,
        email_verified: None,
        tier: None,
        is_superuser: None,
        client_id: None,
    }
}

/// Reads how the user of an access token authenticated. Tokens without these claims predate them, and always prove a
/// password.
fn assurance(acr: Option<&str>, amr: Option<Methods<'_>>) -> Option<Assurance> {
    let (acr, amr) = match (acr, amr) {
        (None, None) => return Some(Assurance::PASSWORD),
        (acr, amr) => (acr?, amr?),
    };
    Some(Assurance { acr: Acr::from_name(acr)?, amr: Amr::from_stored(&amr.0) })
}

/// Tokens without the claim predate it.
fn is_first_party(client_id: Option<&str>) -> bool {
    client_id.is_none_or(|client_id| client_id == FIRST_PARTY_CLIENT)
}

fn moment(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}
