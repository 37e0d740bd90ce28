//! Bearer token authentication (RFC 6750): one check for all protected operations.

use std::marker::PhantomData;

use inwren_domain::Core;
use inwren_domain::account::admin::{Admin, NotAdmin};
use inwren_domain::authn::step_up::StepUpRequired;
use inwren_domain::client::ClientKind;
use inwren_domain::client::authenticate::Credentials;
use inwren_domain::kernel::PlainToken;
use inwren_domain::session::{NotAuthenticated, Principal, authenticate, authenticate_to_enrol};
use poem::http::{HeaderValue, header};
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaOAuthFlow, MetaOAuthFlows, MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::authorization;
use super::oauth_client::{self, ClientFields};
use crate::config::{LimitedOperation, Operation};
use crate::http::shared::body::is_form;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::refusals::{BEARER_CHALLENGE, invalid_token, not_permitted};
use crate::http::shared::state::AppState;
use crate::observability::metrics::{AccessRefusal, Outcomes};

/// A caller with a valid access token and the role that `W` proves. The call is charged to the user's rate limit for
/// the operation `O`, or to that of the client's network if the token is missing or invalid.
pub(in crate::http) struct Caller<W, O>(pub(in crate::http) W, PhantomData<O>);

/// Any caller with a valid access token.
pub(in crate::http) type Authenticated<O> = Caller<Principal, O>;

/// Any caller with a valid access token, also one of a session that may only enrol a second factor.
pub(in crate::http) type Enrolling<O> = Caller<MayEnrol, O>;

/// A superuser with a valid access token.
pub(in crate::http) type Administrator<O> = Caller<Admin, O>;

/// Proof that a caller has the role that an operation requires.
pub(in crate::http) trait Witness: Sized + Send {
    /// Whether the operation accepts sessions that may only enrol a second factor.
    const IS_FOR_ENROLMENT: bool = false;

    fn of(principal: Principal, core: &Core) -> Result<Self, Problem>;
}

impl Witness for Principal {
    fn of(principal: Principal, _: &Core) -> Result<Self, Problem> {
        Ok(principal)
    }
}

/// A caller whose session may be one that can only enrol a second factor.
pub(in crate::http) struct MayEnrol(pub(in crate::http) Principal);

impl Witness for MayEnrol {
    const IS_FOR_ENROLMENT: bool = true;

    fn of(principal: Principal, _: &Core) -> Result<Self, Problem> {
        Ok(Self(principal))
    }
}

impl Witness for Admin {
    fn of(principal: Principal, core: &Core) -> Result<Self, Problem> {
        Self::authorise(&principal).map_err(|refusal| match refusal {
            NotAdmin::NotPermitted => not_permitted(),
            NotAdmin::LoginNeeded => {
                StepUpRequired { max_age: core.settings.reauthentication_max_age, acr: None }.into()
            }
        })
    }
}

/// A caller who may introspect tokens: a confidential client or a service with its credentials, or a superuser with an
/// access token. The call is charged to that client or user.
pub(in crate::http) enum Introspector {
    /// The header `Authorization` has proven the caller.
    Proven,
    /// The request has no such header: its form has to [prove](Self::complete) the caller.
    ByForm,
}

const BEARER: &str = "bearer";
const PASSWORD: &str = "password";
const CLIENT: &str = "client";
const APPLICATION: &str = "application";

async fn principal(request: &Request) -> Result<Principal, Problem> {
    let core = &AppState::of(request)?.core;
    accepted(request, authenticate(core, bearer_token(request)?).await)
}

/// Authenticates the caller, also of a session that may only enrol a second factor.
async fn enrolling_principal(request: &Request) -> Result<Principal, Problem> {
    let core = &AppState::of(request)?.core;
    accepted(request, authenticate_to_enrol(core, bearer_token(request)?).await)
}

/// Counts and logs a refusal, and notes the user of an accepted token.
fn accepted(
    request: &Request,
    authenticated: Result<Principal, NotAuthenticated>,
) -> Result<Principal, Problem> {
    let outcomes = &AppState::of(request)?.metrics.outcomes;
    let principal = authenticated.map_err(|refusal| refused(outcomes, refusal))?;
    if principal.session().is_none() {
        tracing::debug!("accepted an access token of the legacy service");
    }
    // All later log lines of the request carry the id of the user.
    tracing::Span::current().record("user_id", tracing::field::display(principal.user().id));
    Ok(principal)
}

/// Counts and logs why an access token is refused.
pub(in crate::http) fn refused(outcomes: &Outcomes, refusal: NotAuthenticated) -> Problem {
    if let NotAuthenticated::Store(error) = refusal {
        return error.into();
    }
    if let Some(reason) = AccessRefusal::of(&refusal) {
        outcomes.access_refusals.count(reason);
    }
    tracing::info!(reason = %refusal, "access token refused");
    match refusal {
        NotAuthenticated::MayOnlyEnrol => Problem::of(Kind::FACTOR_ENROLLMENT_REQUIRED),
        _ => invalid_token(),
    }
}

/// A caller who may present an access token. One that is presented has to be valid.
pub(in crate::http) struct MaybeAuthenticated(pub(in crate::http) Option<Principal>);

impl<'a> FromRequest<'a> for MaybeAuthenticated {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(presented(request).await?))
    }
}

/// Authenticates the caller, if an access token is presented.
async fn presented(request: &Request) -> Result<Option<Principal>, Problem> {
    match request.headers().contains_key(header::AUTHORIZATION) {
        true => Ok(Some(principal(request).await?)),
        false => Ok(None),
    }
}

/// A caller who may present an access token. One that is presented has to be valid; else the call is charged to the
/// rate limit of the client's network for the operation `O`.
pub(in crate::http) struct OptionalCaller<O>(pub(in crate::http) Option<Principal>, PhantomData<O>);

impl<'a, O: LimitedOperation> FromRequest<'a> for OptionalCaller<O> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        match presented(request).await {
            Ok(caller) => Ok(Self(caller, PhantomData)),
            Err(refused) => {
                if refused.kind.status < 500 {
                    AppState::of(request)?.limits.check_client(request, O::OPERATION).await?;
                }
                Err(refused.into())
            }
        }
    }
}

/// Charges a call to the user's rate limit, or to that of the client's network if the caller is not authenticated. A
/// revoked token therefore takes nothing from its user.
async fn charged(
    request: &Request,
    operation: Operation,
    caller: Result<Principal, Problem>,
) -> Result<Principal, Problem> {
    let limits = &AppState::of(request)?.limits;
    match &caller {
        Ok(principal) => limits.check_user(request, operation, principal.user().id).await?,
        // The store is away: the caller may be authenticated.
        Err(problem) if problem.kind.status >= 500 => {}
        Err(_) => limits.check_client(request, operation).await?,
    }
    caller
}

/// Returns the token of the `Authorization` header (RFC 6750 section 2.1). The service accepts it in no other place: a
/// token in a URL would end up in logs.
fn bearer_token(request: &Request) -> Result<&str, Problem> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(missing_token()) };
    if values.next().is_some() {
        return Err(invalid_token());
    }
    let (scheme, token) = authorization::split(value).ok_or_else(invalid_token)?;
    // A client that uses another scheme has sent no token, so the problem is a missing token (RFC 6750 section 3.1).
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token) } else { Err(missing_token()) }
}

/// The problem of a request without a token.
pub(in crate::http) fn missing_token() -> Problem {
    Problem::of(Kind::MISSING_TOKEN)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(BEARER_CHALLENGE))
}

/// Registers the security schemes. `bearer` and `password` stand for the same header; `password` tells tools how to get
/// the token.
fn register_schemes(registry: &mut Registry) {
    let scheme = |ty, description| MetaSecurityScheme {
        ty,
        description: Some(description),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    let bearer = scheme("http", "An access token, as returned by `/auth/login` (RFC 6750).");
    registry.create_security_scheme(
        BEARER,
        MetaSecurityScheme { scheme: Some("bearer"), bearer_format: Some("JWT"), ..bearer },
    );
    let flow = MetaOAuthFlow {
        authorization_url: None,
        token_url: Some("/auth/access-token"),
        refresh_url: Some("/auth/access-token"),
        scopes: Vec::new(),
    };
    let flows = MetaOAuthFlows {
        implicit: None,
        password: Some(flow),
        client_credentials: None,
        authorization_code: None,
    };
    let password = scheme(
        "oauth2",
        "The e-mail address and password of a user, which are exchanged for an access token (RFC 6749 section 4.3).",
    );
    registry.create_security_scheme(PASSWORD, MetaSecurityScheme { flows: Some(flows), ..password });
    let client = scheme(
        "http",
        "The id and the secret of a client (RFC 7617), form-encoded (RFC 6749 section 2.3.1).",
    );
    registry.create_security_scheme(CLIENT, MetaSecurityScheme { scheme: Some("basic"), ..client });
}

/// The access token of an application that the request presents in the header `Authorization`. `None` if it has no such
/// header. Nothing is verified.
pub(in crate::http) struct ApplicationToken(pub(in crate::http) Option<PlainToken>);

impl<'a> ApiExtractor<'a> for ApplicationToken {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some("An access token of an application, as returned by `/oauth/token` (RFC 6750)."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("JWT"),
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(APPLICATION, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![APPLICATION]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match bearer_token(request) {
            Ok(token) => Ok(Self(Some(PlainToken::new(token.to_owned())))),
            Err(problem) if problem.kind == Kind::MISSING_TOKEN => Ok(Self(None)),
            Err(problem) => {
                AppState::of(request)?.limits.check_client(request, Operation::UserInfo).await?;
                Err(problem.into())
            }
        }
    }
}

impl<'a, W: Witness, O: LimitedOperation> ApiExtractor<'a> for Caller<W, O> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_schemes(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![BEARER, PASSWORD]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let caller = match W::IS_FOR_ENROLMENT {
            true => enrolling_principal(request).await,
            false => principal(request).await,
        };
        let principal = charged(request, O::OPERATION, caller).await?;
        Ok(Self(W::of(principal, &AppState::of(request)?.core)?, PhantomData))
    }
}

impl<'a> ApiExtractor<'a> for Introspector {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_schemes(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![CLIENT, BEARER, PASSWORD]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if let Some(credentials) = oauth_client::basic_credentials(request) {
            introspecting_client(request, credentials.as_ref()).await?;
            return Ok(Self::Proven);
        }
        if !request.headers().contains_key(header::AUTHORIZATION) && is_form(request) {
            return Ok(Self::ByForm);
        }
        let principal = principal(request).await.map_err(|problem| match problem.kind {
            Kind::MISSING_TOKEN => missing_either(),
            _ => problem,
        });
        let principal = charged(request, Operation::Introspect, principal).await?;
        Admin::of(principal, &AppState::of(request)?.core)?;
        Ok(Self::Proven)
    }
}

impl Introspector {
    /// Authenticates the client of the form, if the header has not proven the caller.
    pub(in crate::http) async fn complete(
        self,
        request: &Request,
        fields: ClientFields,
    ) -> Result<(), Problem> {
        match self {
            Self::Proven => Ok(()),
            Self::ByForm if fields.is_empty() => {
                AppState::of(request)?.limits.check_client(request, Operation::Introspect).await?;
                Err(missing_either())
            }
            Self::ByForm => {
                let credentials = oauth_client::credentials(request, fields).ok();
                introspecting_client(request, credentials.as_ref()).await
            }
        }
    }
}

/// Authenticates a client that may introspect tokens: one that has a secret or a key.
///
/// Wrong credentials use up the limit of the client network. A client with the right ones has its own limit, so guesses
/// from its network do not block it. A secret has 256 random bits, too many to guess.
async fn introspecting_client(request: &Request, credentials: Option<&Credentials>) -> Result<(), Problem> {
    let (state, operation) = (AppState::of(request)?, Operation::Introspect);
    let authenticated = oauth_client::authenticate(state, credentials).await;
    let refused = match authenticated {
        Ok(client) if client.settings.kind != ClientKind::Public => {
            return state.limits.check_oauth_client(request, operation, client.uid).await;
        }
        Ok(_) => oauth_client::invalid_client(),
        Err(refused) => refused,
    };
    state.limits.check_client(request, operation).await?;
    Err(refused)
}

/// The problem of a request without credentials where the operation accepts a token or a client secret.
fn missing_either() -> Problem {
    const CHALLENGES: &str = r#"Bearer realm="inwren", Basic realm="inwren""#;
    Problem::new(
        Kind::MISSING_TOKEN,
        "Send an access token, or the id and secret of a client, in the Authorization header.",
    )
    .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGES))
}
