//! Access tokens of the legacy service: accepted for a while, so that its users do not notice the migration.
//!
//! They are valid only for users who were adopted or imported. A user who registered here has no token of that service,
//! but while it still runs, an attacker could register the same address there and get one. They never authorise
//! administration ([`Admin::authorise`](crate::account::admin::Admin::authorise)).
//!
//! A legacy token has no session, so it cannot be revoked alone. The credential version ends it: legacy tokens are
//! valid only for the first version, with which adopted users start. Every operation that takes access away from a user
//! advances the version, which invalidates all of the user's legacy tokens.

use time::OffsetDateTime;

use super::NotAuthenticated;
use crate::Core;
use crate::account::User;
use crate::audit::AuditEventKind;
use crate::kernel::StoreError;
use crate::store::UnitOfWork;
use crate::token::{InvalidToken, LegacyClaims, LegacySubject};

/// The credential version of a newly adopted user.
const FIRST_VERSION: i64 = 0;

/// Authenticates a user by a legacy access token, if such tokens are accepted at all. It verifies the signature before
/// it reads the store, for the user and the user's origin.
pub(super) async fn authenticate(
    core: &Core,
    token: &str,
    now: OffsetDateTime,
) -> Result<User, NotAuthenticated> {
    let verifier = core.legacy_tokens.as_ref().ok_or(InvalidToken::Header)?;
    let claims = verifier.verify_legacy(token, now)?;
    let mut view = core.store.read().await?;
    let found = match &claims.subject {
        LegacySubject::Id(id) => view.users().by_id(*id).await?,
        LegacySubject::Email(email) => view.users().by_login(email).await?,
    };
    let user = found.filter(|user| is_theirs(&claims, user)).ok_or(NotAuthenticated::SessionEnded)?;
    if !may_have_tokens(&user) {
        return Err(NotAuthenticated::SessionEnded);
    }
    if !user.is_active {
        return Err(NotAuthenticated::Inactive);
    }
    // Only the audit trail identifies adopted users, also in databases that an earlier release adopted. If the event
    // has already been swept, the token is refused, and its bearer has to log in.
    if !view.audit().has(user.id, AuditEventKind::UserImported).await? {
        return Err(NotAuthenticated::NotAdopted);
    }
    Ok(user)
}

/// Whether legacy tokens that the user may have are still valid.
pub(super) fn may_have_tokens(user: &User) -> bool {
    user.credential_version == FIRST_VERSION
}

/// Whether the token belongs to this user. The address may have moved to another user: one who came later, whom the
/// creation time reveals, or one who changed their address, which ends their legacy tokens.
fn is_theirs(claims: &LegacyClaims, user: &User) -> bool {
    match claims.subject {
        LegacySubject::Id(id) => id == user.id,
        LegacySubject::Email(_) => {
            claims.issued_at.is_some_and(|issued_at| issued_at >= user.created_at.truncate_to_second())
        }
    }
}

/// Ends all legacy tokens that the user may have, and returns whether there could be any. The unit must have locked the
/// user, and `user` must be what the lock returned. If legacy tokens are not accepted, it writes nothing.
pub(crate) async fn end_tokens(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    user: &User,
    at: OffsetDateTime,
) -> Result<bool, StoreError> {
    if core.legacy_tokens.is_none() || !may_have_tokens(user) {
        return Ok(false);
    }
    unit.credentials().advance_version(user.id, FIRST_VERSION, at).await
}
