use std::sync::Arc;

use inwren_domain::client::client_credentials::Credentials;
use inwren_domain::credential::Password;
use inwren_domain::kernel::{Email, PlainToken};
use inwren_domain::{Failure, authn, client, session};
use poem::Request;
use poem_openapi::{ApiResponse, Enum, OpenApi};
use zeroize::Zeroizing;

use super::answers::{self, OAuthError, OAuthErrorCode, OAuthRefused};
use super::dto::{IntrospectionDto, OAuthTokenDto, TokenForm};
use super::form::{FromForm, OAuthForm};
use crate::config::{Operation, by_client};
use crate::http::authn::{LoggedIn, check_account, log_in};
use crate::http::session::refresh;
use crate::http::shared::authentication::bearer::Introspector;
use crate::http::shared::authentication::service_client;
use crate::http::shared::body::{FormFields, object};
use crate::http::shared::client::Client;
use crate::http::shared::limited::{Limited, LimitedBody};
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::responses::Json;
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct OAuthApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl OAuthApi {
    /// Get an OAuth 2.0 token
    ///
    /// The token endpoint for OAuth 2.0 libraries. It logs users in (RFC 6749 section 4.3), refreshes tokens (section
    /// 6) and issues access tokens to service clients (section 4.4). Errors have the format of the standard. Unknown
    /// parameters are ignored. The grant type `password` cannot ask for a second factor: users who have one get
    /// `invalid_grant`.
    #[oai(path = "/access-token", method = "post", operation_id = "create_access_token")]
    async fn access_token(
        &self,
        request: &Request,
        slot: LimitSlot,
        client: Client,
        form: LimitedBody<by_client::Login, OAuthForm<AccessTokenForm>>,
    ) -> Result<Json<OAuthTokenDto>, OAuthRefused<answers::AccessToken>> {
        let form = match form.0.0 {
            Ok(form) => form,
            Err(error) => {
                self.0.limits.check_client(request, Operation::Login).await?;
                return Err(error.into());
            }
        };
        match form.grant_type {
            Some(GrantType::Password) | None => self.password(request, &slot, client, form).await,
            Some(GrantType::RefreshToken) => self.refresh(request, &slot, &client, form).await,
            Some(GrantType::ClientCredentials) => self.client_credentials(request, form).await,
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
    ) -> Result<Json<OAuthTokenDto>, OAuthRefused<answers::AccessToken>> {
        self.0.limits.check_client(request, Operation::Login).await?;
        let (Some(username), Some(password)) = (form.username, form.password.map(Zeroizing::new)) else {
            return Err(
                OAuthError::invalid_request("The parameters username and password are required.").into()
            );
        };
        // An invalid address belongs to no account, so the client gets the same error as for a wrong user name.
        let email = Email::parse_for_lookup(&username).map_err(|_| OAuthError::wrong_credentials())?;
        check_account(&self.0, slot, &email, &client.0).await?;
        let command = authn::login::Command {
            email,
            password: Password::new(&password),
            device_token: None,
            client: client.0,
        };
        match log_in(&self.0, command).await {
            Ok(LoggedIn::Tokens(pair)) => Ok(Json(pair.into())),
            Ok(LoggedIn::NeedsFactor(_)) => Err(OAuthError::second_factor_required().into()),
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
    ) -> Result<Json<OAuthTokenDto>, OAuthRefused<answers::AccessToken>> {
        let Some(token) = form.refresh_token else {
            self.0.limits.check_client(request, Operation::Refresh).await?;
            return Err(OAuthError::invalid_request("The parameter refresh_token is required.").into());
        };
        match refresh(&self.0, request, slot, PlainToken::new(token), client).await {
            Ok(pair) => Ok(Json(pair.into())),
            Err(problem) if problem.kind == Kind::INVALID_TOKEN => Err(OAuthError::new(
                OAuthErrorCode::InvalidGrant,
                "The refresh token is invalid, expired or revoked.",
            )
            .into()),
            Err(problem) => Err(problem.into()),
        }
    }
}

impl OAuthApi {
    async fn client_credentials(
        &self,
        request: &Request,
        form: AccessTokenForm,
    ) -> Result<Json<OAuthTokenDto>, OAuthRefused<answers::AccessToken>> {
        self.0.limits.check_client(request, Operation::ClientToken).await?;
        let secret = form.client_secret.map(PlainToken::new);
        let credentials = match (service_client::basic_credentials(request), form.client_id, secret) {
            (Some(_), _, Some(_)) => {
                return Err(OAuthError::invalid_request(
                    "Send the client secret either with HTTP Basic or in the form, not both.",
                )
                .into());
            }
            (Some(basic), id, None) => basic.filter(|basic| id.is_none_or(|id| id == basic.id)),
            (None, Some(id), Some(secret)) => Some(Credentials { id, secret }),
            (None, ..) => None,
        };
        let client = match service_client::authenticate(&self.0, credentials.as_ref()).await {
            Ok(client) => client,
            Err(problem) if problem.kind == Kind::INVALID_CLIENT => {
                return Err(OAuthError::invalid_client().into());
            }
            Err(problem) => return Err(problem.into()),
        };
        let (token, lifetime) =
            client::client_credentials::issue(&self.0.core, &client).map_err(Problem::from)?;
        Ok(Json(OAuthTokenDto::of_client(&token, lifetime)))
    }
}

object! {
    /// A token request (RFC 6749 sections 4.3.2, 4.4.2 and 6).
    AccessTokenForm {
        /// The grant type. The default is `password`.
        grant_type: Option<GrantType> = Some(GrantType::Password),
        /// The e-mail address, for the grant type `password`.
        username: Option<String> = Some("ann@example.org".to_owned()),
        /// The password, for the grant type `password`.
        password: Option<String> = Some("securepassword123".to_owned()),
        /// The refresh token, for the grant type `refresh_token`.
        refresh_token: Option<String> =
            Some("eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned()),
        /// The client id, for the grant type `client_credentials`. Prefer HTTP Basic.
        client_id: Option<String> = Some("01993b1e-7a5c-7f3a-9d2e-6c1b0a4f8e23".to_owned()),
        /// The client secret, for the grant type `client_credentials`. Prefer HTTP Basic.
        client_secret: Option<String> = Some("the secret that `inwren clients create` printed".to_owned()),
    }
}

/// The OAuth 2.0 grant types of the token endpoint.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum GrantType {
    Password,
    RefreshToken,
    ClientCredentials,
}

impl FromForm for AccessTokenForm {
    fn from_form(form: &FormFields) -> Result<Self, OAuthError> {
        let grant_type = match form.get("grant_type") {
            None => None,
            Some("password") => Some(GrantType::Password),
            Some("refresh_token") => Some(GrantType::RefreshToken),
            Some("client_credentials") => Some(GrantType::ClientCredentials),
            Some(_) => {
                return Err(OAuthError::new(
                    OAuthErrorCode::UnsupportedGrantType,
                    "Unsupported grant type. Use password, refresh_token or client_credentials.",
                ));
            }
        };
        let text = |name| form.get(name).map(str::to_owned);
        Ok(Self {
            grant_type,
            username: text("username"),
            password: text("password"),
            refresh_token: text("refresh_token"),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
        })
    }
}

pub(in crate::http) struct TokensApi(pub(in crate::http) Arc<AppState>);

#[derive(ApiResponse)]
enum Revoked {
    /// The token is revoked, or was not valid before.
    #[oai(status = 200)]
    Revoked,
}

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl TokensApi {
    /// Revoke a token
    ///
    /// Revokes the session of an access or refresh token (RFC 7009), and with it all tokens of the session. The token
    /// itself is the only credential. The response to an unknown token is the same.
    #[oai(path = "/revoke", method = "post", operation_id = "revoke_token")]
    async fn revoke(
        &self,
        _limit: Limited<by_client::Revoke>,
        client: Client,
        form: OAuthForm<TokenForm>,
    ) -> Result<Revoked, OAuthRefused<answers::Revoke>> {
        let token = PlainToken::new(form.0?.token);
        match session::revoke::execute(&self.0.core, &token, &client.0).await {
            Ok(()) => Ok(Revoked::Revoked),
            Err(Failure::Refused(session::revoke::HasNoSession)) => Err(OAuthError::new(
                OAuthErrorCode::UnsupportedTokenType,
                "Access tokens of service clients cannot be revoked. They are valid until they expire.",
            )
            .into()),
            Err(Failure::Port(failure)) => Err(Problem::from(failure).into()),
        }
    }

    /// Introspect a token
    ///
    /// Returns whether a token is active, and its claims (RFC 7662). It is for services that must notice immediately
    /// when a session ends, and for superusers. A refresh token is active only while it is the current one of its
    /// session.
    #[oai(path = "/introspect", method = "post", operation_id = "introspect_token")]
    async fn introspect(
        &self,
        _caller: Introspector,
        form: OAuthForm<TokenForm>,
    ) -> Result<Json<IntrospectionDto>, OAuthRefused<answers::Introspect>> {
        let token = PlainToken::new(form.0?.token);
        let found = session::introspect::execute(&self.0.core, &token).await.map_err(Problem::from)?;
        Ok(Json(IntrospectionDto::new(found, &self.0.issuer)))
    }
}
