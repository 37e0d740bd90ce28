//! What can be done with a token by whoever has it: ending its session, and asking what it is worth.

use std::sync::Arc;

use inwren_domain::kernel::PlainToken;
use inwren_domain::{Failure, session};
use poem_openapi::{ApiResponse, OpenApi};

use super::answers;
use super::form::{FromForm, OAuthForm};
use super::introspection::IntrospectionDto;
use super::oauth_error::{OAuthError, OAuthErrorCode, OAuthRefused};
use crate::config::by_client;
use crate::http::auth_scheme::Introspector;
use crate::http::body::{FormFields, object};
use crate::http::client::Client;
use crate::http::limited::Limited;
use crate::http::problem::Problem;
use crate::http::responses::Json;
use crate::http::state::AppState;
use crate::http::tags::ApiTags;

pub(in crate::http) struct TokensApi(pub(in crate::http) Arc<AppState>);

#[derive(ApiResponse)]
enum Revoked {
    /// The token is good for nothing now, whatever it was.
    #[oai(status = 200)]
    Revoked,
}

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl TokensApi {
    /// Revoke a token
    ///
    /// Ends the session of an access or a refresh token (RFC 7009), so that none of its tokens is good any more. Who has
    /// the token may do so. The answer to a token that nobody knows is the same.
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
                "A service client's own token has no session to end. It is good until it expires.",
            )
            .into()),
            Err(Failure::Port(failure)) => Err(Problem::from(failure).into()),
        }
    }

    /// What a token is worth
    ///
    /// For services that have to know at once when a session ends (RFC 7662), and for superusers. A refresh token is
    /// active only while it is the one that can be exchanged.
    #[oai(path = "/introspect", method = "post", operation_id = "introspect_token")]
    async fn introspect(
        &self,
        _limit: Limited<by_client::Introspect>,
        _caller: Introspector,
        form: OAuthForm<TokenForm>,
    ) -> Result<Json<IntrospectionDto>, OAuthRefused<answers::Introspect>> {
        let token = PlainToken::new(form.0?.token);
        let found = session::introspect::execute(&self.0.core, &token).await.map_err(Problem::from)?;
        Ok(Json(IntrospectionDto::new(found, &self.0.issuer)))
    }
}

object! {
    /// A token, as RFC 7009 section 2.1 and RFC 7662 section 2.1 have it.
    TokenForm {
        /// The token.
        #[oai(validator(min_length = 1))]
        token: String = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned(),
        /// What the client takes it for, `access_token` or `refresh_token`. It is not needed: tokens say what they are.
        token_type_hint: Option<String> = Some("refresh_token".to_owned()),
    }
}

impl FromForm for TokenForm {
    fn from_form(form: &FormFields) -> Result<Self, OAuthError> {
        let token = form.get("token").ok_or_else(|| OAuthError::invalid_request("token is needed."))?;
        Ok(Self { token: token.to_owned(), token_type_hint: form.get("token_type_hint").map(str::to_owned) })
    }
}
