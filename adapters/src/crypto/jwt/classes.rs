use std::borrow::Cow;

use inwren_domain::account::Tier;
use inwren_domain::authn::{Acr, Amr, Assurance};
use inwren_domain::client::{ClientId, InvalidClientId, Scope};
use inwren_domain::kernel::{SessionId, TokenId, UserId};
use inwren_domain::token::{
    AccessClaims, ApplicationClaims, ClientClaims, FIRST_PARTY_CLIENT, RefreshClaims,
};
use time::OffsetDateTime;

use super::envelope::TokenType;
use super::format::TokenFormat;
use super::payload::{Id, Methods, Payload, Subject};

/// Converts the claims of a token class to and from a payload. No token belongs to two classes.
pub(super) trait TokenClass: Sized {
    /// The purpose of its tokens.
    const TYPE: TokenType;
    /// The value of the claim `type`.
    const NAME: &'static str;

    /// Whether a token of this class may have the audience of this payload.
    fn is_for_us(format: &TokenFormat, payload: &Payload<'_>) -> bool {
        payload.aud == format.audience
    }

    /// Writes the claims into a payload.
    fn payload<'a>(&'a self, format: &'a TokenFormat) -> Payload<'a>;

    /// Reads the claims from a payload. Returns `None` if it is of another class or has values that our tokens never
    /// have.
    fn read(payload: Payload<'_>, format: &TokenFormat) -> Option<Self>;
}

impl TokenClass for AccessClaims {
    const TYPE: TokenType = TokenType::Access;
    const NAME: &'static str = "access";

    /// The audience of a token that may only enrol a second factor is the issuer. The token of an application may be
    /// for a resource server.
    fn is_for_us(format: &TokenFormat, payload: &Payload<'_>) -> bool {
        let is_ours = payload.aud == format.audience || payload.aud == format.issuer;
        is_ours || matches!(application(payload.client_id.as_deref()), Ok(Some(_)))
    }

    fn payload<'a>(&'a self, format: &'a TokenFormat) -> Payload<'a> {
        let application = self.application.as_ref();
        let has_email = has_email(application);
        let client_id = application.map_or(FIRST_PARTY_CLIENT, |application| application.client_id.as_str());
        Payload {
            aud: Cow::Borrowed(audience(self, format)),
            sid: Some(Id(self.session_id.as_uuid())),
            auth_time: Some(self.authenticated_at.unix_timestamp()),
            acr: Some(Cow::Borrowed(self.assurance.acr.as_str())),
            amr: Some(Methods(Cow::Borrowed(self.assurance.amr.as_str()))),
            email: has_email.then_some(Cow::Borrowed(self.email.as_str())),
            email_verified: has_email.then_some(self.email_verified),
            tier: Some(Cow::Borrowed(self.tier.as_str())),
            is_superuser: application.is_none().then_some(self.is_superuser),
            client_id: Some(Cow::Borrowed(client_id)),
            scope: application.and_then(|application| written(&application.scope)),
            ..registered::<Self>(format, &self.id, user(self.user_id), self.issued_at, self.expires_at)
        }
    }

    fn read(payload: Payload<'_>, format: &TokenFormat) -> Option<Self> {
        let Payload {
            sid: Some(Id(sid)),
            auth_time: Some(auth_time),
            acr,
            amr,
            email,
            email_verified,
            tier: Some(tier),
            is_superuser,
            client_id,
            scope,
            aud,
            ..
        } = payload
        else {
            return None;
        };
        let is_for_enrolment = aud != format.audience && aud == format.issuer;
        let is_foreign = aud != format.audience && aud != format.issuer;
        let application = match application(client_id.as_deref()).ok()? {
            // The audience of a token that we sign is not empty.
            Some(client_id) if !aud.is_empty() => Some(ApplicationClaims {
                client_id,
                scope: read_scope(scope)?,
                resource: is_foreign.then(|| aud.into_owned()),
            }),
            None if !is_foreign && scope.is_none() => None,
            _ => return None,
        };
        let is_superuser = match (&application, is_superuser) {
            (None, Some(is_superuser)) => is_superuser,
            (Some(_), None) => false,
            _ => return None,
        };
        let (email, email_verified) = match (email, email_verified) {
            (Some(email), Some(is_verified)) if has_email(application.as_ref()) => {
                (email.into_owned(), is_verified)
            }
            // Tokens without `email_verified` predate it.
            (Some(email), None) if application.is_none() => (email.into_owned(), false),
            (None, None) if !has_email(application.as_ref()) => (String::new(), false),
            _ => return None,
        };
        // Tokens without an assurance predate the first application.
        if application.is_some() && acr.is_none() {
            return None;
        }
        Some(Self {
            id: TokenId::from_stored(payload.jti.into_owned()),
            user_id: UserId::from_uuid(payload.sub.id()?.0),
            session_id: SessionId::from_uuid(sid),
            issued_at: moment(payload.iat)?,
            expires_at: moment(payload.exp)?,
            authenticated_at: moment(auth_time)?,
            assurance: assurance(acr.as_deref(), amr)?,
            is_for_enrolment,
            email,
            email_verified,
            tier: Tier::from_stored(tier.into_owned()),
            is_superuser,
            application,
        })
    }
}

/// Returns the audience of a new access token.
fn audience<'a>(claims: &'a AccessClaims, format: &'a TokenFormat) -> &'a str {
    let resource = claims.application.as_ref().and_then(|application| application.resource.as_deref());
    if claims.is_for_enrolment { &format.issuer } else { resource.unwrap_or(&format.audience) }
}

/// Whether an access token has the claims about the e-mail address.
fn has_email(application: Option<&ApplicationClaims>) -> bool {
    application.is_none_or(|application| application.scope.contains(Scope::EMAIL))
}

impl TokenClass for ClientClaims {
    const TYPE: TokenType = TokenType::Access;
    const NAME: &'static str = "access";

    fn payload<'a>(&'a self, format: &'a TokenFormat) -> Payload<'a> {
        let client_id = self.client_id.as_str();
        Payload {
            client_id: Some(Cow::Borrowed(client_id)),
            scope: written(&self.scope),
            ..registered::<Self>(format, &self.id, Subject::Text(client_id), self.issued_at, self.expires_at)
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
            scope,
            ..
        } = payload
        else {
            return None;
        };
        payload.sub.is(&client_id).then_some(())?;
        Some(Self {
            id: TokenId::from_stored(payload.jti.into_owned()),
            client_id: application(Some(&client_id)).ok()??,
            scope: read_scope(scope)?,
            issued_at: moment(payload.iat)?,
            expires_at: moment(payload.exp)?,
        })
    }
}

impl TokenClass for RefreshClaims {
    const TYPE: TokenType = TokenType::Refresh;
    const NAME: &'static str = "refresh";

    fn payload<'a>(&'a self, format: &'a TokenFormat) -> Payload<'a> {
        let client_id = self.client_id.as_ref().map_or(FIRST_PARTY_CLIENT, ClientId::as_str);
        Payload {
            sid: Some(Id(self.session_id.as_uuid())),
            client_id: Some(Cow::Borrowed(client_id)),
            ..registered::<Self>(format, &self.id, user(self.user_id), self.issued_at, self.expires_at)
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
            scope: None,
            ..
        } = payload
        else {
            return None;
        };
        let id = TokenId::from_stored(payload.jti.into_owned());
        id.generation()?;
        Some(Self {
            id,
            user_id: UserId::from_uuid(payload.sub.id()?.0),
            session_id: SessionId::from_uuid(sid),
            client_id: application(client_id.as_deref()).ok()?,
            issued_at: moment(payload.iat)?,
            expires_at: moment(payload.exp)?,
        })
    }
}

/// Returns a payload with the claims that every token has, and no others.
fn registered<'a, C: TokenClass>(
    format: &'a TokenFormat,
    id: &'a TokenId,
    sub: Subject<'a>,
    issued_at: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Payload<'a> {
    Payload {
        iat: issued_at.unix_timestamp(),
        exp: expires_at.unix_timestamp(),
        iss: Cow::Borrowed(&format.issuer),
        sub,
        aud: Cow::Borrowed(&format.audience),
        jti: Cow::Borrowed(id.as_str()),
        r#type: Cow::Borrowed(C::NAME),
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
        scope: None,
    }
}

fn user(id: UserId) -> Subject<'static> {
    Subject::User(Id(id.as_uuid()))
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

/// Reads the client that holds a token: `None` for a client of this service's own API. Tokens without the claim predate
/// it.
fn application(client_id: Option<&str>) -> Result<Option<ClientId>, InvalidClientId> {
    client_id.filter(|client_id| *client_id != FIRST_PARTY_CLIENT).map(ClientId::parse).transpose()
}

/// Returns the claim of a scope. An empty scope has none.
fn written(scope: &Scope) -> Option<Cow<'_, str>> {
    (!scope.is_empty()).then(|| Cow::Borrowed(scope.as_str()))
}

/// Reads the claim of a scope. No token of ours has an empty one.
fn read_scope(scope: Option<Cow<'_, str>>) -> Option<Scope> {
    let Some(scope) = scope else { return Some(Scope::default()) };
    (!scope.is_empty()).then(|| Scope::from_stored(scope.into_owned()))
}

fn moment(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}
