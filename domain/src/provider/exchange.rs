//! Exchanges an authorization code for tokens (RFC 6749 section 4.1.3).

use time::OffsetDateTime;

use super::tokens::{IdTokenExtras, Tokens, sign};
use super::{AuthorizationCode, pkce, rules};
use crate::account::User;
use crate::audit::{AuditEventKind, Trail};
use crate::client::{Client, GrantType};
use crate::kernel::{ClientInfo, PlainToken};
use crate::session::start::{self, ApplicationStart};
use crate::session::{self, ClientGrant, RevocationReason, is_still_in};
use crate::store::UnitOfWork;
use crate::{Core, Failure, PortFailure};

/// What an application presents.
#[derive(Debug)]
pub struct Command {
    /// The code.
    pub code: PlainToken,
    /// The redirect URI of the authorization request.
    pub redirect_uri: String,
    /// The verifier of the code challenge.
    pub code_verifier: String,
    /// The resource server, if the application names it again.
    pub resource: Option<String>,
    /// Where the request came from.
    pub caller: ClientInfo,
}

/// Why there are no tokens. The application receives `invalid_grant` for all reasons but two; the reason is for the
/// log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The client may not use authorization codes.
    #[error("the client may not use authorization codes")]
    UnauthorizedClient,
    /// The resource is not that of the authorization request.
    #[error("another resource")]
    InvalidTarget,
    /// No such code exists.
    #[error("unknown code")]
    Unknown,
    /// The code belongs to another client, redirect URI or verifier.
    #[error("the code belongs to another request")]
    Mismatch,
    /// The code has expired, or was presented wrongly too often.
    #[error("expired code")]
    Expired,
    /// The code was exchanged before. The session that it started has been revoked.
    #[error("used code")]
    Reused,
    /// The user, the browser session, the consent or the client's rules no longer permit it.
    #[error("no longer permitted")]
    NoLongerPermitted,
}

/// Exchanges a code of this client, which is authenticated.
pub async fn execute(core: &Core, client: &Client, command: Command) -> Result<Tokens, Failure<Refusal>> {
    let refuse = |refusal| Err(Failure::Refused(refusal));
    if !client.allows(GrantType::AuthorizationCode) {
        return refuse(Refusal::UnauthorizedClient);
    }
    let now = core.clock.signing_time()?;
    let digest = core.verifier.digest(&command.code);
    let found = core.store.read().await?.authorization_codes().by_digest(&digest).await?;
    let Some(code) = found else { return refuse(Refusal::Unknown) };
    let is_own = code.client == client.uid
        && code.redirect_uri == command.redirect_uri
        && pkce::is_verifier(core, &command.code_verifier, &code.code_challenge);
    if !is_own {
        let mut unit = core.store.begin().await?;
        unit.authorization_codes().count_wrong(code.id).await?;
        unit.commit().await?;
        return refuse(Refusal::Mismatch);
    }
    if code.spent_at.is_some() {
        revoke(core, &code, now, &command.caller).await?;
        return refuse(Refusal::Reused);
    }
    if code.expires_at <= now || code.attempts_left <= 0 {
        return refuse(Refusal::Expired);
    }
    if command.resource.is_some() && command.resource != code.resource {
        return refuse(Refusal::InvalidTarget);
    }
    let Some(found) = permitted_user(core, client, &code, now).await? else {
        return refuse(Refusal::NoLongerPermitted);
    };
    start(core, client, code, found, command.caller, now).await
}

/// The user of the code and where the browser is, if everything that permitted it still does.
async fn permitted_user(
    core: &Core,
    client: &Client,
    code: &AuthorizationCode,
    now: OffsetDateTime,
) -> Result<Option<(User, ClientInfo)>, PortFailure> {
    let found = core.store.read().await?.sessions().with_user(code.browser).await?;
    let Some((browser, user)) = found else { return Ok(None) };
    let is_in = user.id == code.user_id && user.is_active && browser.is_live(&user, now);
    if !is_in || !rules::permit(core, client, &user, &code.assurance, &code.scope).await? {
        return Ok(None);
    }
    Ok(Some((user, browser.client)))
}

/// Spends the code and starts the session: all or nothing.
async fn start(
    core: &Core,
    client: &Client,
    code: AuthorizationCode,
    // The session began where the browser is: the address of the application's server says nothing about the user.
    (user, origin): (User, ClientInfo),
    caller: ClientInfo,
    now: OffsetDateTime,
) -> Result<Tokens, Failure<Refusal>> {
    let grant = ClientGrant {
        client: client.uid,
        scope: code.scope.clone(),
        resource: code.resource.clone(),
        browser: code.browser,
    };
    let basis = ApplicationStart {
        id: code.session_id,
        user: &user,
        credential_version: code.credential_version,
        authenticated_at: code.authenticated_at,
        assurance: code.assurance.clone(),
        grant,
        client,
    };
    let prepared = start::prepare_application(core, basis, origin)?;
    let mut unit = core.store.begin().await?;
    if !is_still_permitted(unit.as_mut(), client, &code, now).await? {
        unit.rollback().await?;
        return Err(Failure::Refused(Refusal::NoLongerPermitted));
    }
    if !unit.authorization_codes().spend(code.id, now).await? {
        unit.rollback().await?;
        // Another request was faster: this is the second presentation.
        revoke(core, &code, now, &caller).await?;
        return Err(Failure::Refused(Refusal::Reused));
    }
    let Some(started) = prepared.open_in(unit).await? else {
        return Err(Failure::Refused(Refusal::NoLongerPermitted));
    };
    let extras = IdTokenExtras { nonce: code.nonce, claims: code.id_token_claims };
    let parts = (client, &started.session, &started.user);
    Ok(sign(core, parts, &code.scope, started.token, extras, now)?)
}

/// Whether the browser session is live and the consent is given, in a unit that locks the user: what ends them later
/// also ends the session that starts now.
async fn is_still_permitted(
    unit: &mut dyn UnitOfWork,
    client: &Client,
    code: &AuthorizationCode,
    now: OffsetDateTime,
) -> Result<bool, PortFailure> {
    let Some(user) = unit.users().lock(code.user_id).await? else { return Ok(false) };
    if !is_still_in(unit, &user, Some(code.browser), now).await? {
        return Ok(false);
    }
    if client.settings.first_party {
        return Ok(true);
    }
    let consent = unit.consents().current(user.id, client.uid).await?;
    Ok(consent.is_some_and(|consent| code.scope.is_within(&consent.scope)))
}

/// Revokes the session that the first exchange started, in one transaction and before the client gets the response.
async fn revoke(
    core: &Core,
    code: &AuthorizationCode,
    now: OffsetDateTime,
    caller: &ClientInfo,
) -> Result<(), PortFailure> {
    let trail = Trail { core, at: now, actor: None, client: caller };
    let event = trail.event(AuditEventKind::CodeReused, code.user_id, Some(code.session_id))?;
    let mut unit = core.store.begin().await?;
    unit.users().lock(code.user_id).await?;
    let (id, user, reason) = (code.session_id, code.user_id, RevocationReason::CodeReused);
    if session::end(unit.as_mut(), id, user, reason, now).await? {
        unit.audit().record(&event).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}
