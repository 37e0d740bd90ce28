//! Service clients: made, shown and revoked.

use super::{ServiceClient, ServiceClientName};
use crate::audit::{AuditEvent, AuditEventKind, Trail};
use crate::kernel::{ClientInfo, PlainToken, ServiceClientId, random_secret};
use crate::{Core, Failure, PortFailure};

/// Another client has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameTaken;

/// There is no such client, or it was revoked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFound;

/// Makes a client. The secret is given here and never again.
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

/// All clients, in the order in which they were made.
pub async fn list(core: &Core) -> Result<Vec<ServiceClient>, PortFailure> {
    Ok(core.store.read().await?.service_clients().all().await?)
}

/// Takes a client's access away.
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
    let trail = Trail { core, at: core.clock.now(), actor: None, client: &ClientInfo::default() };
    Ok(trail.event(kind, id, None)?)
}
