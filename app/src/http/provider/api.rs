use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::client::{self, AuthMethod, Scope};
use inwren_domain::kernel::PlainToken;
use inwren_domain::provider::{exchange, refresh, userinfo};
use poem::Request;
use poem_openapi::OpenApi;

use super::answers::{self, insufficient_scope, malformed, not_exchanged, not_issued, not_refreshed};
use super::dto::{TokenResponseDto, UserInfoDto};
use super::form::{Grant, TokenInForm, TokenRequest};
use crate::config::{Operation, by_client, by_user};
use crate::http::session::presented;
use crate::http::shared::authentication::bearer::{ApplicationToken, missing_token, refused};
use crate::http::shared::authentication::oauth_client::ClientFields;
use crate::http::shared::client::Client;
use crate::http::shared::limited::LimitedBody;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::oauth::{OAuthError, OAuthFailure, OAuthForm, OAuthRefused, authenticate_client};
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::responses::{Answer, Json};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct ProviderApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/oauth", tag = "ApiTags::OpenIdProvider")]
impl ProviderApi {
    /// Get tokens for an application
    ///
    /// The token endpoint of the OpenID provider. Applications exchange authorization codes (RFC 6749 section 4.1.3,
    /// with PKCE) and refresh tokens (section 6), and services get access tokens for themselves (section 4.4). A code
    /// works once, within 60 seconds: its second use revokes the tokens of the first. Errors have the format of the standard.
    /// Unknown parameters are ignored.
    #[oai(path = "/token", method = "post", operation_id = "oauth_token")]
    async fn token(
        &self,
        request: &Request,
        slot: LimitSlot,
        client: Client,
        form: LimitedBody<by_client::CodeExchange, OAuthForm<TokenRequest>>,
    ) -> Result<Json<TokenResponseDto>, OAuthRefused<answers::Token>> {
        let form = match form.0.0 {
            Ok(form) => form,
            Err(error) => {
                self.0.limits.check_client(request, Operation::CodeExchange).await?;
                return Err(error.into());
            }
        };
        let tokens = match form.grant_type {
            Grant::AuthorizationCode => self.exchange(request, client, form).await?,
            Grant::RefreshToken => self.refresh(request, &slot, &client, form).await?,
            Grant::ClientCredentials => self.client_credentials(request, form).await?,
        };
        Ok(Json(tokens))
    }

    /// Get claims about a user
    ///
    /// Returns the claims that the scope of the application's access token permits (OpenID Connect Core section 5.3):
    /// `profile` for `preferred_username`, `locale`, `tier` and `updated_at`, and `email` for `email` and
    /// `email_verified`.
    #[oai(path = "/userinfo", method = "get", operation_id = "get_userinfo")]
    async fn get_userinfo(
        &self,
        request: &Request,
        token: ApplicationToken,
    ) -> Answer<Json<UserInfoDto>, answers::UserInfo> {
        Ok(self.userinfo(request, token.0).await?)
    }

    /// Read claims about a user
    ///
    /// Returns the same as the `GET` request. The access token may also be the parameter `access_token` of a form (RFC
    /// 6750 section 2.2).
    #[oai(path = "/userinfo", method = "post", operation_id = "post_userinfo")]
    async fn post_userinfo(
        &self,
        request: &Request,
        token: ApplicationToken,
        form: LimitedBody<by_user::UserInfo, TokenInForm>,
    ) -> Answer<Json<UserInfoDto>, answers::PostUserInfo> {
        let token = match (token.0, form.0.0) {
            (Some(_), Some(_)) => {
                self.0.limits.check_client(request, Operation::UserInfo).await?;
                return Err(malformed("Send the access token either in the header or in the form.").into());
            }
            (in_header, in_form) => in_header.or(in_form),
        };
        Ok(self.userinfo(request, token).await?)
    }
}

impl ProviderApi {
    async fn exchange(
        &self,
        request: &Request,
        client: Client,
        mut form: TokenRequest,
    ) -> Result<TokenResponseDto, OAuthFailure> {
        let fields = form.take_client();
        let (Some(code), Some(redirect_uri), Some(code_verifier)) =
            (form.code, form.redirect_uri, form.code_verifier)
        else {
            self.0.limits.check_client(request, Operation::CodeExchange).await?;
            let missing = "The parameters code, redirect_uri and code_verifier are required.";
            return Err(OAuthError::invalid_request(missing).into());
        };
        let application = self.authenticated(request, fields, Operation::CodeExchange).await?;
        if application.settings.auth_method == AuthMethod::None {
            self.0.limits.check_client(request, Operation::CodeExchange).await?;
        } else {
            self.0.limits.check_oauth_client(request, Operation::CodeExchange, application.uid).await?;
        }
        let command = exchange::Command {
            code: PlainToken::new(code),
            redirect_uri,
            code_verifier,
            resource: form.resource,
            caller: client.0,
        };
        match exchange::execute(&self.0.core, &application, command).await {
            Ok(tokens) => Ok(tokens.into()),
            Err(Failure::Refused(refusal)) => {
                tracing::info!(reason = %refusal, client_id = %application.id, "authorization code refused");
                Err(not_exchanged(refusal).into())
            }
            Err(Failure::Port(failure)) => Err(Problem::from(failure).into()),
        }
    }

    async fn refresh(
        &self,
        request: &Request,
        slot: &LimitSlot,
        client: &Client,
        mut form: TokenRequest,
    ) -> Result<TokenResponseDto, OAuthFailure> {
        let fields = form.take_client();
        let Some(token) = form.refresh_token else {
            self.0.limits.check_client(request, Operation::Refresh).await?;
            return Err(OAuthError::invalid_request("The parameter refresh_token is required.").into());
        };
        let application = self.authenticated(request, fields, Operation::Refresh).await?;
        let shown = match presented(&self.0, request, slot, PlainToken::new(token)).await {
            Ok(shown) => shown,
            Err(problem) if problem.kind == Kind::INVALID_TOKEN => {
                return Err(OAuthError::invalid_refresh_token().into());
            }
            Err(problem) => return Err(problem.into()),
        };
        let wanted = (requested_scope(form.scope.as_deref())?, form.resource);
        let result = refresh::execute(&self.0.core, &application, shown, wanted, &client.0).await;
        self.0.metrics.outcomes.refreshes.count((&result).into());
        match result {
            Ok(tokens) => Ok(tokens.into()),
            Err(Failure::Refused(refusal)) => {
                tracing::info!(reason = ?refusal, client_id = %application.id, "refresh refused");
                Err(not_refreshed(&refusal).into())
            }
            Err(Failure::Port(failure)) => Err(Problem::from(failure).into()),
        }
    }

    async fn client_credentials(
        &self,
        request: &Request,
        mut form: TokenRequest,
    ) -> Result<TokenResponseDto, OAuthFailure> {
        self.0.limits.check_client(request, Operation::ClientToken).await?;
        let service = authenticate_client(&self.0, request, form.take_client()).await?;
        let scope = requested_scope(form.scope.as_deref())?;
        match client::token::issue(&self.0.core, &service, scope) {
            Ok(token) => Ok(token.into()),
            Err(Failure::Refused(refusal)) => Err(not_issued(refusal).into()),
            Err(Failure::Port(failure)) => Err(Problem::from(failure).into()),
        }
    }

    /// Authenticates the client. A request without valid credentials is charged to the rate limit of its network.
    async fn authenticated(
        &self,
        request: &Request,
        fields: ClientFields,
        operation: Operation,
    ) -> Result<client::Client, OAuthFailure> {
        let authenticated = authenticate_client(&self.0, request, fields).await;
        if let Err(OAuthFailure::OAuth(_)) = &authenticated {
            self.0.limits.check_client(request, operation).await?;
        }
        authenticated
    }

    /// Returns the claims that a token permits. The request is charged to the user's rate limit, or to that of its
    /// network if the token is refused.
    async fn userinfo(
        &self,
        request: &Request,
        token: Option<PlainToken>,
    ) -> Result<Json<UserInfoDto>, Problem> {
        let (limits, operation) = (&self.0.limits, Operation::UserInfo);
        let Some(token) = token else {
            limits.check_client(request, operation).await?;
            return Err(missing_token());
        };
        let problem = match userinfo::execute(&self.0.core, token.expose()).await {
            Ok(info) => {
                limits.check_user(request, operation, info.subject).await?;
                return Ok(Json(info.into()));
            }
            Err(Failure::Port(failure)) => failure.into(),
            Err(Failure::Refused(userinfo::Refusal::InsufficientScope)) => insufficient_scope(),
            Err(Failure::Refused(userinfo::Refusal::NotAuthenticated(reason))) => {
                refused(&self.0.metrics.outcomes, reason)
            }
        };
        if problem.kind.status < 500 {
            limits.check_client(request, operation).await?;
        }
        Err(problem)
    }
}

/// Reads the parameter `scope`.
fn requested_scope(text: Option<&str>) -> Result<Option<Scope>, OAuthError> {
    text.map(Scope::parse).transpose().map_err(|_| OAuthError::invalid_scope())
}
