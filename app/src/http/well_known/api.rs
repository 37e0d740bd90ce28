use std::sync::Arc;

use poem::Request;
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, OpenApi};
use time::Duration;

use super::dto::{Described, JwkSet, RelatedOrigins, ServerMetadata};
use super::etag::{entity_tag, is_current};
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::responses::{self, Answer, Json, problems};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct WellKnownApi(pub(in crate::http) Arc<AppState>);

/// A document that clients may cache.
#[derive(ApiResponse)]
enum Cacheable<T: ToJSON> {
    /// The current document.
    #[oai(status = 200)]
    Current(
        Json<T>,
        /// How long clients may cache the document.
        #[oai(header = "Cache-Control")]
        String,
        /// The entity tag of the document, for `If-None-Match`.
        #[oai(header = "ETag")]
        String,
    ),
    /// The client has the current document.
    #[oai(status = 304)]
    NotModified(
        /// How long clients may cache the document.
        #[oai(header = "Cache-Control")]
        String,
        /// The entity tag of the document.
        #[oai(header = "ETag")]
        String,
    ),
}

impl<T: ToJSON> Cacheable<T> {
    fn new(request: &Request, document: T, max_age: Duration) -> Self {
        let caching = format!("public, max-age={}", max_age.whole_seconds());
        let tag = entity_tag(&document.to_json().unwrap_or_default().to_string());
        if is_current(request, &tag) {
            return Self::NotModified(caching, tag);
        }
        Self::Current(Json(document), caching, tag)
    }
}

#[OpenApi(prefix_path = "/.well-known", tag = "ApiTags::Verification")]
impl WellKnownApi {
    /// Get the public keys
    ///
    /// Returns the keys with which services verify tokens locally (RFC 7517). A new key is published long before it
    /// signs, and an old key stays until the last of its tokens has expired. So verifiers may cache the keys for as
    /// long as `Cache-Control` allows.
    #[oai(path = "/jwks.json", method = "get", operation_id = "get_jwks")]
    async fn jwks(&self, request: &Request) -> Answer<Cacheable<JwkSet>, responses::Always> {
        let core = &self.0.core;
        Ok(self.cacheable(request, JwkSet::from(core.keys.published(core.clock.now()))))
    }

    /// Get the server metadata
    ///
    /// Returns the endpoints and capabilities of the service for OAuth 2.0 libraries (RFC 8414). The document for OpenID
    /// Connect libraries is the same.
    #[oai(path = "/oauth-authorization-server", method = "get", operation_id = "get_server_metadata")]
    async fn server(&self, request: &Request) -> Answer<Cacheable<ServerMetadata>, responses::Always> {
        Ok(self.cacheable(request, self.metadata()))
    }

    /// Get the OpenID Connect metadata
    ///
    /// Returns the endpoints and capabilities of the service for OpenID Connect libraries (OpenID Connect Discovery
    /// 1.0).
    #[oai(path = "/openid-configuration", method = "get", operation_id = "get_openid_configuration")]
    async fn openid(&self, request: &Request) -> Answer<Cacheable<ServerMetadata>, responses::Always> {
        Ok(self.cacheable(request, self.metadata()))
    }

    /// Get the origins of passkeys
    ///
    /// Returns the origins whose pages may use the passkeys of this service, for browsers (Related Origin Requests,
    /// WebAuthn Level 3 section 5.11). Status 404 if the service has no domain to which passkeys can be bound.
    #[oai(path = "/webauthn", method = "get", operation_id = "get_passkey_origins")]
    async fn webauthn(&self, request: &Request) -> Answer<Cacheable<RelatedOrigins>, Origins> {
        match &self.0.core.settings.factors.relying_party {
            Some(party) => Ok(self.cacheable(request, RelatedOrigins { origins: party.origins.clone() })),
            None => Err(Problem::new(Kind::NOT_FOUND, "Passkeys are not available.").into()),
        }
    }
}

problems! {
    Origins = ALWAYS [NOT_FOUND];
}

impl WellKnownApi {
    fn cacheable<T: ToJSON>(&self, request: &Request, document: T) -> Cacheable<T> {
        Cacheable::new(request, document, self.0.jwks_max_age)
    }

    fn metadata(&self) -> ServerMetadata {
        let (issuer, core) = (&self.0.issuer, &self.0.core);
        let catalogs = self.0.page_texts.catalogs().all();
        Described {
            issuer: issuer.name(),
            address: issuer.public_url(),
            registration: core.settings.registration,
            email_verification: core.settings.email_verification,
            mail_configured: core.mail.is_some(),
            languages: catalogs.iter().map(|catalog| catalog.language().to_owned()).collect(),
        }
        .into()
    }
}
