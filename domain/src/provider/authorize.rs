//! Decides what an authorization request needs next, and grants it.

use time::OffsetDateTime;

use super::{AuthorizationCode, AuthorizationCodeId, AuthorizationRequest, Consent, ErrorCode};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::Acr;
use crate::client::Scope;
use crate::kernel::{ClientInfo, PlainToken, SessionId, random_secret};
use crate::session::{Principal, Session, is_still_in};
use crate::{Core, Failure, PortFailure};

/// What the user has done since the request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// When the request arrived. An authentication after it is fresh enough for any request.
    pub started_at: OffsetDateTime,
    /// Whether the user chose the account of the browser session.
    pub has_chosen_account: bool,
    /// Whether the user consented, just now.
    pub has_consented: bool,
}

/// What an authorization request needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The user must log in.
    LogIn,
    /// The user must choose the account.
    ChooseAccount,
    /// The user must show a second factor: this assurance is needed.
    StepUp(Acr),
    /// The user must enrol a second factor first.
    Enrol,
    /// The user must consent to this scope.
    Consent(Scope),
    /// Nothing: the request can be granted.
    Grant,
    /// The application gets this error.
    Refuse(ErrorCode, &'static str),
}

/// Decides what a request needs next. The caller is the user of the browser session, if there is a live one.
pub async fn next(
    core: &Core,
    request: &AuthorizationRequest,
    caller: Option<&Principal>,
    progress: Progress,
) -> Result<Next, PortFailure> {
    let Some((caller, session)) = caller.and_then(|caller| Some((caller, caller.session()?))) else {
        return Ok(silently(request, Next::LogIn));
    };
    if let Some(step) = login_step(request, caller, session, progress) {
        return Ok(silently(request, step));
    }
    if !request.client.admits(caller.user()) {
        let text = "The user's tier may not use this application.";
        return Ok(Next::Refuse(ErrorCode::AccessDenied, text));
    }
    if caller.may_only_enrol(core) {
        return Ok(silently(request, Next::Enrol));
    }
    if let Some(step) = assurance_step(request, caller, session) {
        return Ok(step);
    }
    if request.client.settings.first_party {
        return Ok(Next::Grant);
    }
    let consent = core.store.read().await?.consents().of(caller.user().id, request.client.uid).await?;
    let is_covered = consent.is_some_and(|consent| request.scope.is_within(&consent.scope));
    if progress.has_consented || (is_covered && !request.prompt.consent) {
        return Ok(Next::Grant);
    }
    Ok(silently(request, Next::Consent(request.scope.clone())))
}

/// Replaces a page by the error that says which page is needed, if the request forbids pages.
fn silently(request: &AuthorizationRequest, step: Next) -> Next {
    if !request.prompt.none {
        return step;
    }
    let code = match step {
        Next::LogIn => ErrorCode::LoginRequired,
        Next::ChooseAccount => ErrorCode::AccountSelectionRequired,
        Next::StepUp(_) | Next::Enrol => ErrorCode::InteractionRequired,
        Next::Consent(_) => ErrorCode::ConsentRequired,
        Next::Grant | Next::Refuse(..) => return step,
    };
    Next::Refuse(code, "The request needs a page, which its prompt forbids.")
}

/// Whether the user must log in, again or as another user.
fn login_step(
    request: &AuthorizationRequest,
    caller: &Principal,
    session: &Session,
    progress: Progress,
) -> Option<Next> {
    let is_fresh = session.authenticated_at >= progress.started_at;
    if request.expected_user.is_some_and(|expected| expected != caller.user().id) {
        let text = "Another user than the expected one logged in.";
        return Some(if is_fresh { Next::Refuse(ErrorCode::LoginRequired, text) } else { Next::LogIn });
    }
    if is_fresh {
        return None;
    }
    let is_old = request.max_age.is_some_and(|age| session.authenticated_at + age < progress.started_at);
    if request.prompt.login || is_old {
        return Some(Next::LogIn);
    }
    (request.prompt.select_account && !progress.has_chosen_account).then_some(Next::ChooseAccount)
}

/// Whether the user must show a second factor, or cannot show one that suffices.
fn assurance_step(request: &AuthorizationRequest, caller: &Principal, session: &Session) -> Option<Next> {
    let minimum = request.client.settings.min_acr;
    let needed = minimum.max(request.acr.unwrap_or(Acr::Aal1));
    if session.assurance.acr >= needed {
        return None;
    }
    let highest = caller.user().highest_acr;
    if highest < minimum {
        let text = "The application needs a stronger second factor than the user has.";
        return Some(Next::Refuse(ErrorCode::AccessDenied, text));
    }
    let unmet = ErrorCode::UnmetAuthenticationRequirements;
    if highest < needed && request.is_acr_essential {
        return Some(Next::Refuse(unmet, "The user has no factor for the requested acr."));
    }
    let reachable = needed.min(highest);
    if session.assurance.acr >= reachable {
        return None;
    }
    // An assurance that is only wished for is no reason to fail.
    let is_demanded = request.is_acr_essential || session.assurance.acr < minimum;
    match (request.prompt.none, is_demanded) {
        (false, _) => Some(Next::StepUp(reachable)),
        (true, true) => {
            let code = if request.is_acr_essential { unmet } else { ErrorCode::InteractionRequired };
            Some(Next::Refuse(code, "The request needs a page, which its prompt forbids."))
        }
        (true, false) => None,
    }
}

/// The browser session ended meanwhile, or a credential was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedMeanwhile;

/// Grants a request that needs nothing more, and returns its code. It stores the user's consent, if the user has just
/// given it.
pub async fn grant(
    core: &Core,
    request: &AuthorizationRequest,
    caller: &Principal,
    progress: Progress,
    client: &ClientInfo,
) -> Result<PlainToken, Failure<ChangedMeanwhile>> {
    let now = core.clock.now();
    let browser = caller.session().ok_or(Failure::Refused(ChangedMeanwhile))?;
    let (code, stored) = new_code(core, request, caller, browser, now)?;
    let trail = Trail { core, at: now, actor: Some(caller.user().id), client };
    let event = trail.event(AuditEventKind::ConsentGranted, caller.user().id, Some(browser.id))?;
    let consents = progress.has_consented && !request.client.settings.first_party;
    let mut unit = core.store.begin().await?;
    let Some(user) = unit.users().lock(caller.user().id).await? else {
        unit.rollback().await?;
        return Err(Failure::Refused(ChangedMeanwhile));
    };
    let is_unchanged = user.credential_version == stored.credential_version;
    if !is_unchanged || !is_still_in(unit.as_mut(), &user, Some(browser.id), now).await? {
        unit.rollback().await?;
        return Err(Failure::Refused(ChangedMeanwhile));
    }
    if consents {
        let before = unit.consents().current(user.id, request.client.uid).await?;
        let scope = before.map_or_else(Scope::default, |consent| consent.scope).and(&request.scope);
        let (user_id, client) = (user.id, request.client.uid);
        unit.consents().put(&Consent { user_id, client, scope, created_at: now, updated_at: now }).await?;
        unit.audit().record(&event).await?;
    }
    unit.authorization_codes().insert(&stored).await?;
    unit.commit().await?;
    Ok(code)
}

fn new_code(
    core: &Core,
    request: &AuthorizationRequest,
    caller: &Principal,
    browser: &Session,
    now: OffsetDateTime,
) -> Result<(PlainToken, AuthorizationCode), PortFailure> {
    let code = random_secret(core.entropy.as_ref())?;
    let stored = AuthorizationCode {
        id: AuthorizationCodeId::generate(now, core.entropy.as_ref())?,
        digest: core.verifier.digest(&code),
        client: request.client.uid,
        user_id: caller.user().id,
        session_id: SessionId::generate(now, core.entropy.as_ref())?,
        browser: browser.id,
        redirect_uri: request.return_address.redirect_uri.clone(),
        code_challenge: request.code_challenge.as_str().to_owned(),
        nonce: request.nonce.clone(),
        scope: request.scope.clone(),
        resource: request.resource.clone(),
        id_token_claims: request.id_token_claims.clone(),
        authenticated_at: browser.authenticated_at,
        assurance: browser.assurance.clone(),
        credential_version: caller.user().credential_version,
        attempts_left: AuthorizationCode::ATTEMPTS,
        expires_at: now + AuthorizationCode::LIFETIME,
        spent_at: None,
    };
    Ok((code, stored))
}
