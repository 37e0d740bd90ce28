use std::sync::Arc;

use inwren_domain::client::token;
use inwren_domain::credential::Password;
use inwren_domain::kernel::{Email, PlainToken};
use inwren_domain::{Failure, authn, session};
use poem::Request;
use poem_openapi::{ApiResponse, Enum, OpenApi};
use zeroize::Zeroizing;

use super::answers;
use super::dto::{IntrospectionDto, IntrospectionForm, OAuthTokenDto, TokenForm};
use crate::config::{Operation, by_client};
use crate::http::authn::{LoggedIn, check_account, log_in};
use crate::http::session::refresh;
use crate::http::shared::authentication::bearer::Introspector;
use crate::http::shared::authentication::oauth_client::{ClientFields, JWT_BEARER};
use crate::http::shared::body::{EXAMPLE_ASSERTION, FormFields, object};
use crate::http::shared::client::Client;
use crate::http::shared::limited::{Limited, LimitedBody};
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::oauth::{
    FromForm, OAuthError, OAuthErrorCode, OAuthForm, OAuthRefused, authenticate_client,
};
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
    /// 6) and issues access tokens to services (section 4.4). Errors have the format of the standard. Unknown
    /// parameters are ignored. The grant type `password` cannot ask for a second factor: users who have one get
    /// `invalid_grant`.
    /// Applications that users log in to use `POST /oauth/token`.
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
            in_browser: false,
            client: client.0,
        };
        match log_in(&self.0, command).await {
            Ok(LoggedIn::Started(started)) => {
                let pair = started.into_tokens(&self.0.core).map_err(Problem::from)?;
                Ok(Json(pair.into()))
            }
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
            Err(problem) if problem.kind == Kind::INVALID_TOKEN => {
                Err(OAuthError::invalid_refresh_token().into())
            }
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
        let fields = ClientFields {
            id: form.client_id,
            secret: form.client_secret.map(PlainToken::new),
            assertion: form.client_assertion.map(PlainToken::new),
            assertion_type: form.client_assertion_type,
        };
        let client = authenticate_client(&self.0, request, fields).await?;
        // This endpoint has always ignored `scope`: the client gets its whole scope, which the response names.
        match token::issue(&self.0.core, &client, None) {
            Ok(token) => Ok(Json(token.into())),
            Err(Failure::Refused(token::Refusal::UnauthorizedClient | token::Refusal::InvalidScope)) => {
                Err(OAuthError::invalid_client().into())
            }
            Err(Failure::Port(failure)) => Err(Problem::from(failure).into()),
        }
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
        client_id: Option<String> = Some("billing".to_owned()),
        /// The client secret, for the grant type `client_credentials`. Prefer HTTP Basic.
        client_secret: Option<String> = Some("the secret that `inwren clients create` printed".to_owned()),
        /// A token that the client signed, for the grant type `client_credentials` and the method `private_key_jwt`.
        client_assertion: Option<String> = Some(EXAMPLE_ASSERTION.to_owned()),
        /// Always `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`. Required with `client_assertion`.
        client_assertion_type: Option<String> = Some(JWT_BEARER.to_owned()),
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
            client_assertion: text("client_assertion"),
            client_assertion_type: text("client_assertion_type"),
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
    /// itself is the only credential, also for tokens of applications. The response to an unknown token is the same.
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
                "Access tokens that clients got for themselves cannot be revoked. They are valid until they expire.",
            )
            .into()),
            Err(Failure::Port(failure)) => Err(Problem::from(failure).into()),
        }
    }

    /// Introspect a token
    ///
    /// Returns whether a token is active, and its claims (RFC 7662). It is for confidential clients and services that must
    /// notice immediately when a session ends, and for superusers. A refresh token is active only while it is the current
    /// one of its session.
    #[oai(path = "/introspect", method = "post", operation_id = "introspect_token")]
    async fn introspect(
        &self,
        request: &Request,
        caller: Introspector,
        form: OAuthForm<IntrospectionForm>,
    ) -> Result<Json<IntrospectionDto>, OAuthRefused<answers::Introspect>> {
        let form = match form.0 {
            Ok(form) => form,
            Err(error) => {
                caller.complete(request, ClientFields::default()).await?;
                return Err(error.into());
            }
        };
        let (token, fields) = form.into_parts();
        caller.complete(request, fields).await?;
        let token = token.ok_or_else(|| OAuthError::invalid_request("The parameter token is required."))?;
        let found = session::introspect::execute(&self.0.core, &token).await.map_err(Problem::from)?;
        Ok(Json(IntrospectionDto::new(found, &self.0.issuer)))
    }
}
