//! Lists and withdraws the caller's consents.

use super::Consent;
use crate::audit::{AuditEventKind, Trail};
use crate::client::{Client, ClientId};
use crate::kernel::ClientInfo;
use crate::session::{self, Principal, RevocationReason};
use crate::{Core, Failure, PortFailure};

/// Why a consent was not withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user has not consented to such a client.
    NotFound,
    /// The caller's session ended meanwhile.
    ChangedMeanwhile,
}

/// Returns the caller's consents with their applications, the oldest first.
pub async fn list(core: &Core, principal: &Principal) -> Result<Vec<(Consent, Client)>, PortFailure> {
    let mut view = core.store.read().await?;
    let mut found = Vec::new();
    for consent in view.consents().of_user(principal.user().id).await? {
        if let Some(client) = view.clients().by_uid(consent.client).await? {
            found.push((consent, client));
        }
    }
    Ok(found)
}

/// Withdraws a consent, and ends the sessions of the application.
pub async fn revoke(
    core: &Core,
    principal: &Principal,
    id: &ClientId,
    caller: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let user = principal.user().id;
    let found = core.store.read().await?.clients().by_id(id).await?;
    let client = found.ok_or(Failure::Refused(Refusal::NotFound))?;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user), client: caller };
    let event = trail.event(AuditEventKind::ConsentRevoked, user, None)?;
    let mut unit = core.store.begin().await?;
    let refusal = match session::lock(unit.as_mut(), principal, trail.at).await? {
        None => Some(Refusal::ChangedMeanwhile),
        Some(_) if unit.consents().delete(user, client.uid).await? => None,
        Some(_) => Some(Refusal::NotFound),
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    let reason = RevocationReason::ConsentRevoked;
    session::end_of_client(unit.as_mut(), client.uid, user, reason, trail.at).await?;
    unit.audit().record(&event).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}
