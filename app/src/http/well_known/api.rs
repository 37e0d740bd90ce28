use std::sync::Arc;

use poem::Request;
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, OpenApi};
use time::Duration;

use super::dto::{JwkSet, OpenIdConfiguration, ServerMetadata};
use super::etag::{entity_tag, is_current};
use crate::http::shared::responses::{self, Answer, Json};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct WellKnownApi(pub(in crate::http) Arc<AppState>);

/// A document that may be kept for a while.
#[derive(ApiResponse)]
enum Cacheable<T: ToJSON> {
    /// The document as it is now.
    #[oai(status = 200)]
    Current(
        Json<T>,
        /// For how long it may be kept.
        #[oai(header = "Cache-Control")]
        String,
        /// Names this version of the document, for `If-None-Match`.
        #[oai(header = "ETag")]
        String,
    ),
    /// The client has the current one.
    #[oai(status = 304)]
    NotModified(
        /// For how long it may be kept.
        #[oai(header = "Cache-Control")]
        String,
        /// Names this version of the document.
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
    /// The public keys
    ///
    /// With them any service verifies tokens by itself (RFC 7517). A new key is here long before it signs, and an old one
    /// stays until the last of its tokens has expired, so a copy that is as old as `Cache-Control` allows is good.
    #[oai(path = "/jwks.json", method = "get", operation_id = "get_jwks")]
    async fn jwks(&self, request: &Request) -> Answer<Cacheable<JwkSet>, responses::Always> {
        let core = &self.0.core;
        Ok(self.cacheable(request, JwkSet::from(core.keys.published(core.clock.now()))))
    }

    /// Where everything is
    ///
    /// For OAuth 2.0 libraries (RFC 8414).
    #[oai(path = "/oauth-authorization-server", method = "get", operation_id = "get_server_metadata")]
    async fn server(&self, request: &Request) -> Answer<Cacheable<ServerMetadata>, responses::Always> {
        Ok(self.cacheable(request, self.metadata(request)))
    }

    /// Where everything is, for OpenID Connect libraries
    ///
    /// Many of them find the keys of an OAuth 2.0 server by this document. It says only what is true: there is no
    /// authorization endpoint here, and there are no ID tokens.
    #[oai(path = "/openid-configuration", method = "get", operation_id = "get_openid_configuration")]
    async fn openid(&self, request: &Request) -> Answer<Cacheable<OpenIdConfiguration>, responses::Always> {
        Ok(self.cacheable(request, self.metadata(request).into()))
    }
}

impl WellKnownApi {
    fn cacheable<T: ToJSON>(&self, request: &Request, document: T) -> Cacheable<T> {
        Cacheable::new(request, document, self.0.jwks_max_age)
    }

    fn metadata(&self, request: &Request) -> ServerMetadata {
        let issuer = &self.0.issuer;
        ServerMetadata::of(issuer.name(), &issuer.address(request))
    }
}
