//! The authorization request (RFC 6749 section 4.1.1; OpenID Connect Core section 3.1.2.1). It is checked completely
//! before a page is shown, and before its redirect URI is known to be registered nothing is sent there.

use time::{Duration, OffsetDateTime};

use super::{CLAIMS, ErrorCode, PkceChallenge};
use crate::authn::Acr;
use crate::client::{Client, ClientId, GrantType, Scope};
use crate::kernel::UserId;
use crate::{Core, Failure, PortFailure};

/// The parameters of a request. A parameter without a value is left out (RFC 6749 section 3.1).
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// `response_type`.
    pub response_type: Option<String>,
    /// `response_mode`.
    pub response_mode: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `redirect_uri`.
    pub redirect_uri: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `state`.
    pub state: Option<String>,
    /// `nonce`.
    pub nonce: Option<String>,
    /// `code_challenge`.
    pub code_challenge: Option<String>,
    /// `code_challenge_method`.
    pub code_challenge_method: Option<String>,
    /// `prompt`.
    pub prompt: Option<String>,
    /// `max_age`.
    pub max_age: Option<String>,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// `id_token_hint`.
    pub id_token_hint: Option<String>,
    /// `acr_values`.
    pub acr_values: Option<String>,
    /// `claims`, if its JSON was readable.
    pub claims: Option<Result<ClaimsRequest, UnreadableClaims>>,
    /// `resource`.
    pub resource: Option<String>,
    /// Whether there is a `request`.
    pub has_request: bool,
    /// Whether there is a `request_uri`.
    pub has_request_uri: bool,
    /// Whether there is a `registration`.
    pub has_registration: bool,
    /// The names of the parameters that were repeated.
    pub repeated: Vec<String>,
}

/// The `claims` parameter is not what OpenID Connect Core section 5.5 defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadableClaims;

/// The parts of the `claims` parameter that this service honours (OpenID Connect Core section 5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimsRequest {
    /// The names of the claims about the user that the ID token should have.
    pub id_token: Vec<String>,
    /// The levels of `acr` of which one is wanted.
    pub acr: Vec<String>,
    /// Whether one of these levels is essential.
    pub is_acr_essential: bool,
    /// The user who must be the one who logs in, as `sub`.
    pub subject: Option<String>,
}

/// How the response reaches the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In a form that the browser posts to the redirect URI (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// Where a response goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnAddress {
    /// The registered redirect URI, as the request presents it.
    pub redirect_uri: String,
    /// How the response reaches it.
    pub response_mode: ResponseMode,
    /// `state` of the request.
    pub state: Option<String>,
}

/// The values of `prompt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Show no page.
    pub none: bool,
    /// Authenticate again.
    pub login: bool,
    /// Ask for consent again.
    pub consent: bool,
    /// Let the user choose the account.
    pub select_account: bool,
}

/// A valid authorization request.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// The application.
    pub client: Client,
    /// Where the response goes.
    pub return_address: ReturnAddress,
    /// The requested scope.
    pub scope: Scope,
    /// `nonce`.
    pub nonce: Option<String>,
    /// The challenge for which the application knows the verifier.
    pub code_challenge: PkceChallenge,
    /// `prompt`.
    pub prompt: Prompt,
    /// How old the authentication may be.
    pub max_age: Option<Duration>,
    /// `login_hint`: the address to put into the login form.
    pub login_hint: Option<String>,
    /// The user who must be the one who logs in.
    pub expected_user: Option<UserId>,
    /// The assurance that the application wants.
    pub acr: Option<Acr>,
    /// Whether the request fails without that assurance.
    pub is_acr_essential: bool,
    /// The claims about the user that the ID token should have.
    pub id_token_claims: Vec<String>,
    /// The resource server of the access token (RFC 8707).
    pub resource: Option<String>,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It does not show where a response may go, so only the user sees the error.
    Unreturnable(Unreturnable),
    /// The application gets an error.
    Returned(ReturnAddress, ErrorCode, &'static str),
}

/// Why no response may be sent to the redirect URI of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreturnable {
    /// There is no `client_id`, or more than one, or no active client has it.
    UnknownClient,
    /// There is no `redirect_uri`, or more than one.
    NoRedirectUri,
    /// The client has not registered the redirect URI.
    UnregisteredRedirectUri,
}

/// Checks a request.
pub async fn validate(
    core: &Core,
    parameters: Parameters,
    now: OffsetDateTime,
) -> Result<AuthorizationRequest, Failure<Invalid>> {
    let (client, return_address) = match return_address(core, &parameters).await? {
        Ok(found) => found,
        Err(reason) => return Err(Failure::Refused(Invalid::Unreturnable(reason))),
    };
    let address = return_address.clone();
    check(core, client, return_address, parameters, now)
        .map_err(|(code, text)| Failure::Refused(Invalid::Returned(address, code, text)))
}

async fn return_address(
    core: &Core,
    parameters: &Parameters,
) -> Result<Result<(Client, ReturnAddress), Unreturnable>, PortFailure> {
    let is_repeated = |name: &str| parameters.repeated.iter().any(|one| one == name);
    let id = parameters.client_id.as_deref().filter(|_| !is_repeated("client_id"));
    let Some(id) = id.and_then(|id| ClientId::parse(id).ok()) else {
        return Ok(Err(Unreturnable::UnknownClient));
    };
    let found = core.store.read().await?.clients().by_id(&id).await?;
    let Some(client) = found.filter(Client::is_active) else { return Ok(Err(Unreturnable::UnknownClient)) };
    let presented = parameters.redirect_uri.clone().filter(|_| !is_repeated("redirect_uri"));
    let Some(redirect_uri) = presented else { return Ok(Err(Unreturnable::NoRedirectUri)) };
    if !client.redirects_to(&redirect_uri) {
        return Ok(Err(Unreturnable::UnregisteredRedirectUri));
    }
    let is_form_post = parameters.response_mode.as_deref() == Some("form_post");
    let response_mode = if is_form_post { ResponseMode::FormPost } else { ResponseMode::Query };
    let state = parameters.state.clone().filter(|_| !is_repeated("state"));
    Ok(Ok((client, ReturnAddress { redirect_uri, response_mode, state })))
}

/// The longest `state`, in bytes.
const MAX_STATE: usize = 4_096;
/// The longest `nonce`, in bytes: the ID token contains it.
const MAX_NONCE: usize = 1_024;

type Error = (ErrorCode, &'static str);

fn check(
    core: &Core,
    client: Client,
    return_address: ReturnAddress,
    parameters: Parameters,
    now: OffsetDateTime,
) -> Result<AuthorizationRequest, Error> {
    check_kind(&client, &parameters)?;
    let is_opaque = |text: &Option<String>, max| {
        text.as_ref().is_none_or(|text| text.len() <= max && !text.contains(char::is_control))
    };
    if !is_opaque(&parameters.state, MAX_STATE) || !is_opaque(&parameters.nonce, MAX_NONCE) {
        let text = "state has at most 4096 bytes, nonce 1024, and neither has control characters.";
        return Err((ErrorCode::InvalidRequest, text));
    }
    let scope = scope(&client, parameters.scope.as_deref())?;
    let code_challenge = challenge(&parameters)?;
    let prompt = prompt(parameters.prompt.as_deref())?;
    let max_age = parameters.max_age.as_deref().map(max_age).transpose()?;
    if parameters.resource.as_ref().is_some_and(|resource| !client.settings.resources.contains(resource)) {
        return Err((ErrorCode::InvalidTarget, "The client may not request this resource."));
    }
    let unreadable = (ErrorCode::InvalidRequest, "The parameter claims is not a valid request for claims.");
    let claims = parameters.claims.transpose().map_err(|UnreadableClaims| unreadable)?.unwrap_or_default();
    let hinted = match &parameters.id_token_hint {
        Some(hint) => Some(hinted_user(core, &client, hint, now)?),
        None => None,
    };
    let expected_user = match (&claims.subject, hinted) {
        (None, hinted) => hinted,
        (Some(subject), hinted) => {
            let named = uuid::Uuid::try_parse(subject).ok().map(UserId::from_uuid);
            let named = named.ok_or((ErrorCode::LoginRequired, "No user has this sub."))?;
            if hinted.is_some_and(|hinted| hinted != named) {
                return Err((ErrorCode::InvalidRequest, "id_token_hint and claims name different users."));
            }
            Some(named)
        }
    };
    let is_known = |name: &String| CLAIMS.iter().any(|(known, _)| known == name);
    let id_token_claims = claims.id_token.iter().filter(|name| is_known(name)).cloned().collect();
    let (acr, is_acr_essential) = acr(&claims, parameters.acr_values.as_deref())?;
    Ok(AuthorizationRequest {
        client,
        return_address,
        scope,
        nonce: parameters.nonce,
        code_challenge,
        prompt,
        max_age,
        login_hint: parameters.login_hint,
        expected_user,
        acr,
        is_acr_essential,
        id_token_claims,
        resource: parameters.resource,
    })
}

fn check_kind(client: &Client, parameters: &Parameters) -> Result<(), Error> {
    if !parameters.repeated.is_empty() {
        return Err((ErrorCode::InvalidRequest, "A parameter is repeated."));
    }
    if parameters.has_request {
        return Err((ErrorCode::RequestNotSupported, "Send the parameters themselves."));
    }
    if parameters.has_request_uri {
        return Err((ErrorCode::RequestUriNotSupported, "Send the parameters themselves."));
    }
    if parameters.has_registration {
        return Err((ErrorCode::RegistrationNotSupported, "An operator registers clients."));
    }
    match parameters.response_type.as_deref() {
        Some("code") => {}
        None => return Err((ErrorCode::InvalidRequest, "The parameter response_type is required.")),
        Some(_) => return Err((ErrorCode::UnsupportedResponseType, "The only response_type is code.")),
    }
    if !client.allows(GrantType::AuthorizationCode) {
        return Err((ErrorCode::UnauthorizedClient, "The client may not use authorization codes."));
    }
    match parameters.response_mode.as_deref() {
        None | Some("query" | "form_post") => Ok(()),
        Some(_) => Err((ErrorCode::InvalidRequest, "The response_mode is query or form_post.")),
    }
}

/// Many applications always request `offline_access`: it is left out for a client that may not have it.
fn scope(client: &Client, requested: Option<&str>) -> Result<Scope, Error> {
    let text = requested.ok_or((ErrorCode::InvalidScope, "The parameter scope is required."))?;
    let scope = Scope::parse(text).map_err(|_| (ErrorCode::InvalidScope, "The scope is malformed."))?;
    let may_stay =
        client.allows(GrantType::RefreshToken) && client.settings.scopes.contains(Scope::OFFLINE_ACCESS);
    let scope = if may_stay { scope } else { scope.without_name(Scope::OFFLINE_ACCESS) };
    if !scope.is_within(&client.settings.scopes) {
        return Err((ErrorCode::InvalidScope, "The client may not request this scope."));
    }
    Ok(scope)
}

fn challenge(parameters: &Parameters) -> Result<PkceChallenge, Error> {
    let text = parameters.code_challenge.as_deref();
    let text = text.ok_or((ErrorCode::InvalidRequest, "PKCE is required: send a code_challenge."))?;
    if parameters.code_challenge_method.as_deref() != Some("S256") {
        return Err((ErrorCode::InvalidRequest, "The code_challenge_method is S256."));
    }
    let invalid = (ErrorCode::InvalidRequest, "A code_challenge of S256 has 43 characters of base64url.");
    PkceChallenge::parse(text).ok_or(invalid)
}

fn prompt(text: Option<&str>) -> Result<Prompt, Error> {
    let mut prompt = Prompt::default();
    for value in text.unwrap_or_default().split_ascii_whitespace() {
        match value {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            _ => return Err((ErrorCode::InvalidRequest, "The prompt has an unknown value.")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
        return Err((ErrorCode::InvalidRequest, "The prompt none cannot be combined with another."));
    }
    Ok(prompt)
}

fn max_age(text: &str) -> Result<Duration, Error> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: Option<u32> = text.parse().ok().filter(|_| is_number);
    let invalid = (ErrorCode::InvalidRequest, "The max_age is a number of seconds.");
    seconds.map(|seconds| Duration::seconds(seconds.into())).ok_or(invalid)
}

fn hinted_user(core: &Core, client: &Client, hint: &str, now: OffsetDateTime) -> Result<UserId, Error> {
    let invalid = (ErrorCode::InvalidRequest, "The id_token_hint is no ID token of this client.");
    let hint = core.verifier.verify_id_hint(hint, now).map_err(|_| invalid)?;
    if hint.client_id == client.id { Ok(hint.user_id) } else { Err(invalid) }
}

/// The lowest level of those that satisfy the application. An unknown level is one that no user can reach.
fn acr(claims: &ClaimsRequest, acr_values: Option<&str>) -> Result<(Option<Acr>, bool), Error> {
    let lowest = |names: &mut dyn Iterator<Item = &str>| names.filter_map(Acr::from_name).min();
    if claims.is_acr_essential && !claims.acr.is_empty() {
        let unmet = (ErrorCode::UnmetAuthenticationRequirements, "No requested acr is known here.");
        return lowest(&mut claims.acr.iter().map(String::as_str)).map(|acr| (Some(acr), true)).ok_or(unmet);
    }
    let voluntary = acr_values.unwrap_or_default().split_ascii_whitespace();
    Ok((lowest(&mut voluntary.chain(claims.acr.iter().map(String::as_str))), false))
}
