//! Limits that an endpoint names in its signature.

use std::marker::PhantomData;

use poem::{FromRequest, Request, RequestBody};

use super::limits::Operation;
use super::state::AppState;

/// An operation as a type, for [`Limited`].
pub(super) trait LimitedOperation: Send {
    const OPERATION: Operation;
}

/// Takes one of the client's allowance for an operation, or refuses the request. As the first parameter of an endpoint
/// it comes before the token is checked and the body is read.
pub(super) struct Limited<O>(PhantomData<O>);

impl<'a, O: LimitedOperation> FromRequest<'a> for Limited<O> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let state = AppState::of(request)?;
        state.limits.check_client(request, O::OPERATION).await?;
        Ok(Self(PhantomData))
    }
}

/// The operations that are limited before anything else is looked at.
pub(super) mod by_client {
    use super::{LimitedOperation, Operation};

    macro_rules! markers {
        ($($name:ident)+) => {
            $(pub(in crate::http) struct $name;
            impl LimitedOperation for $name {
                const OPERATION: Operation = Operation::$name;
            })+
        };
    }

    markers! { Register Revoke Introspect Logout Me UpdateMe ChangePassword DeleteMe Sessions RevokeSession RevokeSessions Admin }
}
