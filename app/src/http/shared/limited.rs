//! Rate limits that an endpoint declares in its signature.

use std::marker::PhantomData;

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::body::Body;
use super::state::AppState;
use crate::config::LimitedOperation;

/// Charges a call without credentials to the rate limit of the client's network, or refuses the request. As the first
/// parameter of an endpoint, it runs before the body is read.
pub(in crate::http) struct Limited<O>(PhantomData<O>);

impl<'a, O: LimitedOperation> FromRequest<'a> for Limited<O> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let state = AppState::of(request)?;
        state.limits.check_client(request, O::OPERATION).await?;
        Ok(Self(PhantomData))
    }
}

/// A body that determines which rate limit the call is charged to. A call with an unreadable body is charged to the
/// client's rate limit for the operation `O`.
pub(in crate::http) struct LimitedBody<O, B>(pub(in crate::http) B, PhantomData<O>);

impl<'a, O: LimitedOperation, B: Body + ApiExtractor<'a>> ApiExtractor<'a> for LimitedBody<O, B> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        B::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        B::request_meta()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match B::read(request, body).await {
            Ok(body) => Ok(Self(body, PhantomData)),
            Err(unreadable) => {
                AppState::of(request)?.limits.check_client(request, O::OPERATION).await?;
                Err(unreadable.into())
            }
        }
    }
}
