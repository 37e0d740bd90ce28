//! Creates, lists and revokes service clients.

use super::{ServiceClient, ServiceClientName};
use crate::audit::{AuditEvent, AuditEventKind, OPERATOR, Trail};
use crate::client::ServiceClientId;
use crate::kernel::{ClientInfo, PlainToken, random_secret};
use crate::{Core, Failure, PortFailure};

/// Another client has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameTaken;

/// The client does not exist, or is already revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFound;

/// Creates a client. The secret is returned here and never again.
pub async fn create(
    core: &Core,
    name: ServiceClientName,
) -> Result<(ServiceClient, PlainToken), Failure<NameTaken>> {
    let now = core.clock.now();
    let secret = random_secret(core.entropy.as_ref())?;
    let client = ServiceClient {
        id: ServiceClientId::generate(now, core.entropy.as_ref())?,
        name,
        hashed_secret: core.verifier.digest(&secret),
        created_at: now,
        revoked_at: None,
    };
    let event = event(core, AuditEventKind::ServiceClientCreated, client.id)?;
    let mut unit = core.store.begin().await?;
    if !unit.service_clients().insert(&client).await? {
        unit.rollback().await?;
        return Err(Failure::Refused(NameTaken));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok((client, secret))
}

/// Lists all clients in the order of their creation.
pub async fn list(core: &Core) -> Result<Vec<ServiceClient>, PortFailure> {
    Ok(core.store.read().await?.service_clients().all().await?)
}

/// Revokes a client.
pub async fn revoke(core: &Core, id: ServiceClientId) -> Result<(), Failure<NotFound>> {
    let now = core.clock.now();
    let event = event(core, AuditEventKind::ServiceClientRevoked, id)?;
    let mut unit = core.store.begin().await?;
    if !unit.service_clients().revoke(id, now).await? {
        unit.rollback().await?;
        return Err(Failure::Refused(NotFound));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok(())
}

fn event(core: &Core, kind: AuditEventKind, id: ServiceClientId) -> Result<AuditEvent, PortFailure> {
    let trail = Trail { core, at: core.clock.now(), actor: Some(OPERATOR), client: &ClientInfo::default() };
    Ok(trail.event(kind, id, None)?)
}
