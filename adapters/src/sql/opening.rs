//! The opening of a session, step by step, where one statement does not do.

use inwren_domain::ports::{Opening, OpeningOutcome, StoreError, UnitOfWork};

use super::unit::SqlUnit;

/// Opens a session in a unit that may hold more than this.
pub(super) async fn in_unit(unit: &mut SqlUnit, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
    let found = unit.users().lock(opening.session.user_id).await?;
    let Some(mut user) = found.filter(|user| opening.fits(user)) else {
        return Ok(OpeningOutcome::Overtaken);
    };
    if let Some(hash) = &opening.rehashed {
        unit.users().rehash(user.id, user.credential_version, hash).await?;
        user.hashed_password = hash.clone();
    }
    unit.sessions().insert(&opening.session).await?;
    unit.audit().record(&opening.event).await?;
    Ok(OpeningOutcome::Opened(user))
}
