//! Logout that an application requests (OpenID Connect RP-Initiated Logout 1.0).

use crate::client::{Client, ClientId};
use crate::session::Principal;
use crate::token::IdHint;
use crate::{Core, Failure};

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// `id_token_hint`.
    pub id_token_hint: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `post_logout_redirect_uri`.
    pub post_logout_redirect_uri: Option<String>,
}

/// What happens to a valid request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether the user must confirm: the application has not shown that it knows the user of the browser session (OWASP
    /// ASVS 5.0, 10.6.2).
    pub needs_confirmation: bool,
    /// Where the browser goes afterwards: a registered URI.
    pub redirect_uri: Option<String>,
    /// The name of the application.
    pub client_name: Option<String>,
}

/// Why a request is refused. Nothing is sent to a redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The hint is no ID token of this service, or of another client than the request names.
    InvalidHint,
    /// No active client has the id.
    UnknownClient,
    /// The client has not registered the URI, or the request does not name the client.
    UnregisteredRedirectUri,
}

/// Decides what a request does. The caller is the user of the browser session, if there is a live one.
pub async fn plan(
    core: &Core,
    parameters: &Parameters,
    caller: Option<&Principal>,
) -> Result<Plan, Failure<Refusal>> {
    let refuse = |refusal| Failure::Refused(refusal);
    let now = core.clock.now();
    let hint: Option<IdHint> = match &parameters.id_token_hint {
        Some(hint) => {
            let verified = core.verifier.verify_id_hint(hint, now);
            Some(verified.map_err(|_| refuse(Refusal::InvalidHint))?)
        }
        None => None,
    };
    let named = match &parameters.client_id {
        Some(id) => Some(ClientId::parse(id).map_err(|_| refuse(Refusal::UnknownClient))?),
        None => None,
    };
    let is_contradiction = |hint: &IdHint| named.as_ref().is_some_and(|named| *named != hint.client_id);
    if hint.as_ref().is_some_and(is_contradiction) {
        return Err(refuse(Refusal::InvalidHint));
    }
    let client = match named.or_else(|| hint.as_ref().map(|hint| hint.client_id.clone())) {
        Some(id) => {
            let found = core.store.read().await?.clients().by_id(&id).await?;
            Some(found.filter(Client::is_active).ok_or(refuse(Refusal::UnknownClient))?)
        }
        None => None,
    };
    let redirect_uri = parameters.post_logout_redirect_uri.clone();
    if let Some(uri) = &redirect_uri {
        let registers = |client: &Client| {
            client.settings.post_logout_redirect_uris.iter().any(|registered| registered.as_str() == uri)
        };
        if !client.as_ref().is_some_and(registers) {
            return Err(refuse(Refusal::UnregisteredRedirectUri));
        }
    }
    // Without a browser session there is nothing to end, and nothing to confirm.
    let is_known = caller.is_none_or(|caller| hint.is_some_and(|hint| hint.user_id == caller.user().id));
    let client_name = client.map(|client| client.settings.name.as_str().to_owned());
    Ok(Plan { needs_confirmation: !is_known, redirect_uri, client_name })
}
