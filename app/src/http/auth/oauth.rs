use std::sync::Arc;

use inwren_domain::model::{Email, Password, PlainToken};
use inwren_domain::service::auth;
use poem::http::{HeaderValue, StatusCode};
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, Enum, ExtractParamOptions, Object, OpenApi};
use zeroize::Zeroizing;

use super::api::{log_in, refresh};
use super::dto::TokenDto;
use crate::http::body::{FormFields, read_form};
use crate::http::client::Client;
use crate::http::limits::{LimitSlot, Operation};
use crate::http::problem::{Kind, Problem};
use crate::http::responses::{Json, media, problem_response, response};
use crate::http::state::AppState;
use crate::http::tags::ApiTags;

pub(in crate::http) struct OAuthApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl OAuthApi {
    /// OAuth 2.0 token endpoint
    ///
    /// Logs in or refreshes as standard client libraries do it (RFC 6749 sections 4.3 and 6), with their error bodies.
    /// Unknown parameters are ignored.
    #[oai(path = "/access-token", method = "post", operation_id = "create_access_token")]
    async fn access_token(
        &self,
        request: &Request,
        slot: LimitSlot,
        client: Client,
        form: TokenForm,
    ) -> Result<Json<TokenDto>, OAuthRefused> {
        let form = form.0?;
        match form.grant_type {
            Some(GrantType::Password) | None => self.password(request, &slot, client, form).await,
            Some(GrantType::RefreshToken) => self.refresh(request, &slot, &client, form).await,
        }
    }
}

impl OAuthApi {
    async fn password(
        &self,
        request: &Request,
        slot: &LimitSlot,
        client: Client,
        form: AccessTokenForm,
    ) -> Result<Json<TokenDto>, OAuthRefused> {
        let (Some(username), Some(password)) = (form.username, form.password.map(Zeroizing::new)) else {
            return Err(OAuthError::invalid_request("username and password are needed.").into());
        };
        self.0.limits.check_client(request, Operation::Login).await?;
        // What is no address is nobody's, and told like any other wrong name.
        let email = Email::parse(&username).map_err(|_| OAuthError::wrong_credentials())?;
        self.0.limits.check_email(slot, Operation::LoginAccount, &email).await?;
        let command = auth::login::Command { email, password: Password::new(&password), client: client.0 };
        match log_in(&self.0, command).await {
            Ok(pair) => Ok(Json(pair.into())),
            Err(problem) if problem.kind == Kind::INVALID_CREDENTIALS => {
                Err(OAuthError::wrong_credentials().into())
            }
            Err(problem) => Err(problem.into()),
        }
    }

    async fn refresh(
        &self,
        request: &Request,
        slot: &LimitSlot,
        client: &Client,
        form: AccessTokenForm,
    ) -> Result<Json<TokenDto>, OAuthRefused> {
        let Some(token) = form.refresh_token else {
            return Err(OAuthError::invalid_request("refresh_token is needed.").into());
        };
        match refresh(&self.0, request, slot, PlainToken::new(token), client).await {
            Ok(pair) => Ok(Json(pair.into())),
            Err(problem) if problem.kind == Kind::INVALID_TOKEN => Err(OAuthError {
                error: OAuthErrorCode::InvalidGrant,
                error_description: "The refresh token is not valid, expired or revoked.".to_owned(),
            }
            .into()),
            Err(problem) => Err(problem.into()),
        }
    }
}

/// The token request of RFC 6749 sections 4.3.2 and 6.
#[derive(Object)]
#[oai(rename = "AccessTokenForm")]
struct AccessTokenForm {
    /// How to get the tokens; `password` if left out.
    grant_type: Option<GrantType>,
    /// The e-mail address, for `password`.
    username: Option<String>,
    /// The password, for `password`.
    password: Option<String>,
    /// The refresh token, for `refresh_token`.
    refresh_token: Option<String>,
}

/// How to get the tokens.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum GrantType {
    Password,
    RefreshToken,
}

impl AccessTokenForm {
    fn read(form: &FormFields) -> Result<Self, OAuthError> {
        if form.has_duplicates() {
            return Err(OAuthError::invalid_request("A parameter comes more than once."));
        }
        let grant_type = match form.get("grant_type") {
            None => None,
            Some("password") => Some(GrantType::Password),
            Some("refresh_token") => Some(GrantType::RefreshToken),
            Some(_) => {
                return Err(OAuthError {
                    error: OAuthErrorCode::UnsupportedGrantType,
                    error_description: "The grant types are password and refresh_token.".to_owned(),
                });
            }
        };
        let text = |name| form.get(name).map(str::to_owned);
        let (username, password, refresh_token) = (text("username"), text("password"), text("refresh_token"));
        Ok(Self { grant_type, username, password, refresh_token })
    }
}

/// The form, or what is wrong with it.
struct TokenForm(Result<AccessTokenForm, OAuthError>);

impl<'a> ApiExtractor<'a> for TokenForm {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        AccessTokenForm::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = MetaMediaType {
            content_type: "application/x-www-form-urlencoded",
            schema: AccessTokenForm::schema_ref(),
        };
        Some(MetaRequest { description: None, content: vec![content], required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let form = read_form(request, body).await?.map_err(OAuthError::invalid_request);
        Ok(Self(form.and_then(|form| AccessTokenForm::read(&form))))
    }
}

/// An error as OAuth 2.0 clients expect it (RFC 6749 section 5.2).
#[derive(Debug, Object)]
#[oai(rename = "OAuthError")]
struct OAuthError {
    /// What went wrong.
    error: OAuthErrorCode,
    /// What went wrong, in words for a developer.
    error_description: String,
}

/// The error codes of RFC 6749 section 5.2 that can happen here.
#[derive(Debug, Enum)]
#[oai(rename_all = "snake_case")]
enum OAuthErrorCode {
    InvalidRequest,
    InvalidGrant,
    UnsupportedGrantType,
}

impl OAuthError {
    fn invalid_request(description: &str) -> Self {
        Self { error: OAuthErrorCode::InvalidRequest, error_description: description.to_owned() }
    }

    fn wrong_credentials() -> Self {
        Self {
            error: OAuthErrorCode::InvalidGrant,
            error_description: "The e-mail address or the password is wrong.".to_owned(),
        }
    }
}

/// What the token endpoint refuses with: OAuth 2.0's own errors for what the standard names, problems for the rest.
enum OAuthRefused {
    OAuth(OAuthError),
    Problem(Box<Problem>),
}

/// The problems that the standard has no code for.
const PROBLEMS: [u16; 6] = [408, 413, 415, 429, 500, 503];

impl From<OAuthError> for OAuthRefused {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<Problem> for OAuthRefused {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<OAuthRefused> for poem::Error {
    fn from(refused: OAuthRefused) -> Self {
        match refused {
            OAuthRefused::Problem(problem) => (*problem).into(),
            OAuthRefused::OAuth(error) => {
                let body = error.to_json().unwrap_or_default().to_string();
                let mut response: Response = (StatusCode::BAD_REQUEST, body).into_response();
                response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
                Self::from_response(response)
            }
        }
    }
}

impl poem_openapi::ApiResponse for OAuthRefused {
    fn meta() -> MetaResponses {
        let refused = response(400, "Refused, as RFC 6749 section 5.2 says.", Some(media::<OAuthPayload>()));
        MetaResponses { responses: std::iter::once(refused).chain(PROBLEMS.map(problem_response)).collect() }
    }

    fn register(registry: &mut Registry) {
        OAuthError::register(registry);
    }
}

struct OAuthPayload;

impl Payload for OAuthPayload {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        OAuthError::schema_ref()
    }
}
