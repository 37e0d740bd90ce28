//! Enrols the authenticator app of a published user, without the use case: that one generates the secret.

use inwren_domain::authn::Acr;
use inwren_domain::factor::Factor;
use inwren_domain::store::UnitOfWork;
use inwren_domain::{Core, PortFailure};

/// Adds the factor of a new user.
pub(super) async fn enrol(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    factor: &Factor,
) -> Result<(), PortFailure> {
    unit.factors().insert(factor).await?;
    unit.credentials().change_factors(factor.user_id, 0, Acr::Aal2, core.clock.now()).await?;
    Ok(())
}
