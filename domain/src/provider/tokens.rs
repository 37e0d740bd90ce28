//! The tokens that an application gets.

use time::{Duration, OffsetDateTime};

use super::{ClaimSet, claims_of};
use crate::account::User;
use crate::client::{Client, GrantType, Scope};
use crate::kernel::PlainToken;
use crate::session::{Holder, Session, access_token};
use crate::token::IdClaims;
use crate::{Core, PortFailure};

/// Lifetime of an ID token.
const ID_TOKEN_LIFETIME: Duration = Duration::minutes(10);

/// A response of the token endpoint.
#[derive(Debug)]
pub struct Tokens {
    /// For resource servers, and for userinfo.
    pub access_token: PlainToken,
    /// Lifetime of the access token.
    pub expires_in: Duration,
    /// For the next response; `None` if the client may not have one.
    pub refresh_token: Option<PlainToken>,
    /// For the application; `None` without the scope `openid`.
    pub id_token: Option<PlainToken>,
    /// The scope of the access token.
    pub scope: Scope,
}

/// What the ID token has besides the claims of the session.
#[derive(Default)]
pub(super) struct IdTokenExtras {
    pub(super) nonce: Option<String>,
    pub(super) claims: Vec<String>,
}

/// Signs the tokens of a session of an application.
pub(super) fn sign(
    core: &Core,
    (client, session, user): (&Client, &Session, &User),
    scope: &Scope,
    refresh_token: PlainToken,
    extras: IdTokenExtras,
    now: OffsetDateTime,
) -> Result<Tokens, PortFailure> {
    let holder = Holder::Application { client, scope };
    let (access_token, expires_in) = access_token(core, session, user, holder, now)?;
    let id_token = if scope.contains(Scope::OPENID) {
        let issued_at = now.truncate_to_second();
        let wanted = ClaimSet::Named(&extras.claims);
        let claims = IdClaims {
            user_id: user.id,
            client_id: client.id.clone(),
            session_id: session.id,
            issued_at,
            expires_at: issued_at + ID_TOKEN_LIFETIME,
            authenticated_at: session.authenticated_at.truncate_to_second(),
            assurance: session.assurance.clone(),
            nonce: extras.nonce,
            profile: claims_of(user, scope, wanted),
        };
        Some(core.issuer.issue_id(&claims, &access_token)?)
    } else {
        None
    };
    let refresh_token = Some(refresh_token).filter(|_| client.allows(GrantType::RefreshToken));
    Ok(Tokens { access_token, expires_in, refresh_token, id_token, scope: scope.clone() })
}
