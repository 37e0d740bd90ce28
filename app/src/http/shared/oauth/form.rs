use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::error::OAuthError;
use crate::http::shared::body::{Body, FORM, FormFields, read_form};
use crate::http::shared::problem::Problem;

/// A body that is parsed from the parameters of a form.
pub(in crate::http) trait FromForm: Sized {
    /// Reads the known parameters and ignores the others (RFC 6749 section 3.2).
    fn from_form(form: &FormFields) -> Result<Self, OAuthError>;
}

/// The form of an OAuth 2.0 endpoint, or the OAuth 2.0 error that says what is wrong with it.
pub(in crate::http) struct OAuthForm<T>(pub(in crate::http) Result<T, OAuthError>);

impl<'a, T: Type + FromForm> ApiExtractor<'a> for OAuthForm<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: FORM, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self::read(request, body).await?)
    }
}

impl<T: Type + FromForm> Body for OAuthForm<T> {
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        let form = read_form(request, body).await?.map_err(OAuthError::invalid_request);
        Ok(Self(form.and_then(|form| {
            if form.has_duplicates() {
                return Err(OAuthError::invalid_request("The form contains a repeated parameter."));
            }
            T::from_form(&form)
        })))
    }
}
