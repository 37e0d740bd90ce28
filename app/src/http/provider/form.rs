use inwren_domain::kernel::PlainToken;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiExtractor, ApiExtractorType, Enum, ExtractParamOptions};

use super::answers::malformed;
use crate::http::shared::authentication::oauth_client::{ClientFields, JWT_BEARER};
use crate::http::shared::body::{
    Body, EXAMPLE_ASSERTION, EXAMPLE_SECRET, FORM, FormFields, is_form, object, read_form,
};
use crate::http::shared::oauth::{FromForm, OAuthError, OAuthErrorCode};
use crate::http::shared::problem::Problem;

/// The grant types of the token endpoint of applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "OAuthGrantType", rename_all = "snake_case")]
pub(super) enum Grant {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

object! {
    /// A token request of an application or a service (RFC 6749 sections 4.1.3, 4.4.2 and 6), and how the client
    /// authenticates unless it uses HTTP Basic. A public client sends its `client_id` alone.
    #[oai(rename = "OAuthTokenForm")]
    pub(super) TokenRequest {
        /// The grant type.
        pub(super) grant_type: Grant = Grant::AuthorizationCode,
        /// The authorization code, for the grant type `authorization_code`.
        pub(super) code: Option<String> = Some(EXAMPLE_SECRET.to_owned()),
        /// The redirect URI of the authorization request, for the grant type `authorization_code`.
        pub(super) redirect_uri: Option<String> =
            Some("https://grafana.example/login/generic_oauth".to_owned()),
        /// The verifier of the code challenge (RFC 7636), for the grant type `authorization_code`.
        pub(super) code_verifier: Option<String> =
            Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned()),
        /// The refresh token, for the grant type `refresh_token`.
        pub(super) refresh_token: Option<String> =
            Some("eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln".to_owned()),
        /// The scope of the access token, for the grant types `refresh_token` and `client_credentials`: a part of what
        /// is granted. The default is all of it.
        pub(super) scope: Option<String> = Some("openid email".to_owned()),
        /// The resource server of the access token (RFC 8707): that of the authorization request.
        pub(super) resource: Option<String> = Some("https://reports.example.org".to_owned()),
        /// The client id.
        client_id: Option<String> = Some("grafana".to_owned()),
        /// The client secret, for the method `client_secret_post`.
        client_secret: Option<String> = Some("the secret that `inwren clients create` printed".to_owned()),
        /// A token that the client signed (RFC 7523), for the method `private_key_jwt`.
        client_assertion: Option<String> = Some(EXAMPLE_ASSERTION.to_owned()),
        /// Always `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`. Required with `client_assertion`.
        client_assertion_type: Option<String> = Some(JWT_BEARER.to_owned()),
    }
}

impl FromForm for TokenRequest {
    fn from_form(form: &FormFields) -> Result<Self, OAuthError> {
        let grant_type = match form.get("grant_type") {
            None => return Err(OAuthError::invalid_request("The parameter grant_type is required.")),
            Some("authorization_code") => Grant::AuthorizationCode,
            Some("refresh_token") => Grant::RefreshToken,
            Some("client_credentials") => Grant::ClientCredentials,
            Some(_) => {
                return Err(OAuthError::new(
                    OAuthErrorCode::UnsupportedGrantType,
                    "Unsupported grant type. Use authorization_code, refresh_token or client_credentials.",
                ));
            }
        };
        let text = |name| form.get(name).map(str::to_owned);
        Ok(Self {
            grant_type,
            code: text("code"),
            redirect_uri: text("redirect_uri"),
            code_verifier: text("code_verifier"),
            refresh_token: text("refresh_token"),
            scope: text("scope"),
            resource: text("resource"),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
            client_assertion: text("client_assertion"),
            client_assertion_type: text("client_assertion_type"),
        })
    }
}

impl TokenRequest {
    /// Removes and returns what authenticates the client.
    pub(super) fn take_client(&mut self) -> ClientFields {
        ClientFields {
            id: self.client_id.take(),
            secret: self.client_secret.take().map(PlainToken::new),
            assertion: self.client_assertion.take().map(PlainToken::new),
            assertion_type: self.client_assertion_type.take(),
        }
    }
}

object! {
    /// An access token of an application, unless it is in the header `Authorization` (RFC 6750 section 2.2).
    UserInfoForm {
        /// The access token.
        access_token: Option<String> =
            Some("eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln".to_owned()),
    }
}

/// The access token in the form of a request. `None` if the body is no form, or a form without one.
pub(super) struct TokenInForm(pub(super) Option<PlainToken>);

impl<'a> ApiExtractor<'a> for TokenInForm {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        UserInfoForm::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: FORM, schema: UserInfoForm::schema_ref() }];
        Some(MetaRequest { description: None, content, required: false })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self::read(request, body).await?)
    }
}

impl Body for TokenInForm {
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        // Other bodies are ignored: most libraries send an empty one.
        if !is_form(request) {
            return Ok(Self(None));
        }
        let form = read_form(request, body).await?.map_err(malformed)?;
        if form.has_duplicates() {
            return Err(malformed("The form contains a repeated parameter."));
        }
        Ok(Self(form.get("access_token").map(|token| PlainToken::new(token.to_owned()))))
    }
}
