//! Limits that an endpoint names in its signature.

use std::marker::PhantomData;

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::body::Body;
use super::state::AppState;
use crate::config::LimitedOperation;

/// Takes one of the client's allowance for an operation, or refuses the request. As the first parameter of an endpoint
/// it comes before the token is checked and the body is read.
pub(in crate::http) struct Limited<O>(PhantomData<O>);

impl<'a, O: LimitedOperation> FromRequest<'a> for Limited<O> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let state = AppState::of(request)?;
        state.limits.check_client(request, O::OPERATION).await?;
        Ok(Self(PhantomData))
    }
}

/// A body, where it is the body that says by what a call is counted. One that cannot be read says nothing, so that it is the
/// client's allowance for an operation that the call takes one of.
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
