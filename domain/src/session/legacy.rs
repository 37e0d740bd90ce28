//! Access tokens of the service before this one: good for a while, so that nobody notices that they moved in.
//!
//! They are valid only for users who were adopted or imported. A user who registered here has no token of that service, but while
//! it still runs, an attacker could register the same address there and get one. They never authorise administration
//! ([`Admin::authorise`](crate::account::admin::Admin::authorise)).
//!
//! There is no session to such a token, so that none can be ended alone. What ends them is the credential version: with the
//! first one a user came here, and the tokens of the service before are good for that one only. Whatever takes access away
//! from a user counts it up, so that all of them are worth nothing from then on.

use time::OffsetDateTime;

use super::NotAuthenticated;
use crate::Core;
use crate::account::User;
use crate::audit::AuditEventKind;
use crate::kernel::StoreError;
use crate::store::UnitOfWork;
use crate::token::{InvalidToken, LegacyClaims, LegacySubject};

/// The credential version of everybody who has just come.
const FIRST_VERSION: i64 = 0;

/// Finds out whose access token this is, if tokens of the service before are accepted at all. The store is not asked before
/// the signature has been checked, and then for the user and for where the user came from.
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
    // Only the audit trail tells adopted users apart, also in databases that an earlier release adopted. If the event has been
    // swept already, the token is refused, which costs its bearer a login.
    if !view.audit().has(user.id, AuditEventKind::UserImported).await? {
        return Err(NotAuthenticated::NotAdopted);
    }
    Ok(user)
}

/// Whether tokens of the service before that the user may have are good still.
pub(super) fn may_have_tokens(user: &User) -> bool {
    user.credential_version == FIRST_VERSION
}

/// An address may have been given up and taken by somebody else: by a user who came later, whom the time tells, or by one who
/// changed theirs, which ends their tokens.
fn is_theirs(claims: &LegacyClaims, user: &User) -> bool {
    match claims.subject {
        LegacySubject::Id(id) => id == user.id,
        LegacySubject::Email(_) => {
            claims.issued_at.is_some_and(|issued_at| issued_at >= user.created_at.truncate_to_second())
        }
    }
}

/// Ends all tokens of the service before that the user may have, and tells whether there could be any. The unit must have
/// locked the user, and `user` be what the lock gave. Where such tokens are not accepted nothing is written.
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
