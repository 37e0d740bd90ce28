//! Creates, changes, lists and deletes clients.

use time::OffsetDateTime;

use super::{
    Client, ClientId, ClientKind, ClientSecret, ClientSecretId, ClientSettings, ClientState, ClientUid,
    InvalidSettings,
};
use crate::account::admin::{Admin, Unconfirmed};
use crate::audit::{AuditEventKind, Trail};
use crate::kernel::{ClientInfo, Page, PageRequest, PlainToken, StoreError, random_secret};
use crate::{Core, Failure, PortFailure};

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The settings contradict each other.
    Invalid(InvalidSettings),
    /// Another client has the id.
    IdTaken,
    /// Another client has the name.
    NameTaken,
    /// The client does not exist.
    NotFound,
    /// The client has no secret, because of its kind or method.
    HasNoSecret,
    /// The client has as many secrets as it can have.
    TooManySecrets,
    /// The caller is no longer authorised to administer the service.
    Unconfirmed(Unconfirmed),
}

/// A new client, with its secret if it authenticates by one. The secret is returned here and never again.
#[derive(Debug)]
pub struct Created {
    /// The client.
    pub client: Client,
    /// The secret.
    pub secret: Option<PlainToken>,
}

/// Creates a client. Without an id it gets a random one.
pub async fn create(
    core: &Core,
    admin: Admin,
    id: Option<ClientId>,
    settings: ClientSettings,
    caller: &ClientInfo,
) -> Result<Created, Failure<Refusal>> {
    settings.validate(core).map_err(|invalid| Failure::Refused(Refusal::Invalid(invalid)))?;
    let now = core.clock.now();
    let uid = ClientUid::generate(now, core.entropy.as_ref())?;
    let id = id.unwrap_or_else(|| ClientId::from_stored(uid.to_string()));
    let client = Client { uid, id, settings, created_at: now, updated_at: now };
    let secret =
        if client.settings.auth_method.has_secret() { Some(new_secret(core, uid, None, now)?) } else { None };
    let trail = Trail { core, at: now, actor: Some(admin.id()), client: caller };
    let event = trail.event(created_kind(&client), uid, None)?;
    let mut unit = core.store.begin().await?;
    let refusal = match admin.confirm(unit.as_mut(), now).await? {
        Err(unconfirmed) => Some(Refusal::Unconfirmed(unconfirmed)),
        Ok(_) if unit.clients().insert(&client).await? => None,
        Ok(_) => Some(Refusal::NameTaken),
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(taken(core, &client.id, refusal).await?));
    }
    if let Some((stored, _)) = &secret {
        unit.clients().insert_secret(stored).await?;
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok(Created { client, secret: secret.map(|(_, secret)| secret) })
}

/// Finds out whether the id or the name of a new client is taken.
async fn taken(core: &Core, id: &ClientId, refusal: Refusal) -> Result<Refusal, PortFailure> {
    let is_id_taken = core.store.read().await?.clients().by_id(id).await?.is_some();
    Ok(if is_id_taken && refusal == Refusal::NameTaken { Refusal::IdTaken } else { refusal })
}

/// Returns a page of all clients, in the order of their ids.
pub async fn page(
    core: &Core,
    _: Admin,
    page: PageRequest<ClientId>,
) -> Result<Page<Client, ClientId>, PortFailure> {
    Ok(core.store.read().await?.clients().page(page).await?)
}

/// Returns all clients, in the order of their creation.
pub async fn all(core: &Core, _: Admin) -> Result<Vec<Client>, PortFailure> {
    Ok(core.store.read().await?.clients().all().await?)
}

/// Returns a client and its secrets.
pub async fn get(
    core: &Core,
    _: Admin,
    id: &ClientId,
) -> Result<(Client, Vec<ClientSecret>), Failure<Refusal>> {
    let client = find(core, id).await?;
    let secrets = core.store.read().await?.clients().secrets(client.uid).await?;
    Ok((client, secrets))
}

/// Replaces the settings of a client, as the caller has read it. A client that is no longer active loses the use of its
/// tokens at once. If another caller changed the settings meanwhile, the store counts as busy: so nothing is lost.
pub async fn update(
    core: &Core,
    admin: Admin,
    found: Client,
    settings: ClientSettings,
    caller: &ClientInfo,
) -> Result<Client, Failure<Refusal>> {
    settings.validate(core).map_err(|invalid| Failure::Refused(Refusal::Invalid(invalid)))?;
    if found.settings == settings {
        return Ok(found);
    }
    let is_disabled = settings.state == ClientState::Disabled;
    let is_revocation = is_disabled && found.is_active() && found.settings.kind == ClientKind::Service;
    let kind =
        if is_revocation { AuditEventKind::ServiceClientRevoked } else { AuditEventKind::ClientUpdated };
    let before = found.settings.clone();
    let client = Client { settings, updated_at: core.clock.now(), ..found };
    let trail = Trail { core, at: client.updated_at, actor: Some(admin.id()), client: caller };
    let event = trail.event(kind, client.uid, None)?;
    let mut unit = core.store.begin().await?;
    let refusal = match admin.confirm(unit.as_mut(), trail.at).await? {
        Err(unconfirmed) => Some(Refusal::Unconfirmed(unconfirmed)),
        Ok(_) => match unit.clients().lock(client.uid).await? {
            None => Some(Refusal::NotFound),
            Some(current) if current.settings != before => {
                unit.rollback().await?;
                return Err(StoreError::Busy("the client was changed meanwhile".to_owned()).into());
            }
            Some(_) if unit.clients().update(&client).await? => None,
            Some(_) => Some(Refusal::NameTaken),
        },
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok(client)
}

/// Disables a client.
pub async fn disable(
    core: &Core,
    admin: Admin,
    id: &ClientId,
    caller: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let client = find(core, id).await?;
    if !client.is_active() {
        return Err(Failure::Refused(Refusal::NotFound));
    }
    let settings = ClientSettings { state: ClientState::Disabled, ..client.settings.clone() };
    update(core, admin, client, settings, caller).await.map(drop)
}

/// Deletes a client, and with it its secrets, codes and consents. Its tokens are refused at once.
pub async fn delete(
    core: &Core,
    admin: Admin,
    id: &ClientId,
    caller: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let client = find(core, id).await?;
    let trail = Trail { core, at: core.clock.now(), actor: Some(admin.id()), client: caller };
    let event = trail.event(AuditEventKind::ClientDeleted, client.uid, None)?;
    let mut unit = core.store.begin().await?;
    let refusal = match admin.confirm(unit.as_mut(), trail.at).await? {
        Err(unconfirmed) => Some(Refusal::Unconfirmed(unconfirmed)),
        Ok(_) if unit.clients().delete(client.uid).await? => None,
        Ok(_) => Some(Refusal::NotFound),
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok(())
}

/// Adds a secret to a client, and returns both forms. The plain one is returned here and never again.
pub async fn add_secret(
    core: &Core,
    admin: Admin,
    id: &ClientId,
    expires_at: Option<OffsetDateTime>,
    caller: &ClientInfo,
) -> Result<(ClientSecret, PlainToken), Failure<Refusal>> {
    let client = find(core, id).await?;
    if !client.settings.auth_method.has_secret() {
        return Err(Failure::Refused(Refusal::HasNoSecret));
    }
    let trail = Trail { core, at: core.clock.now(), actor: Some(admin.id()), client: caller };
    let (stored, secret) = new_secret(core, client.uid, expires_at, trail.at)?;
    let event = trail.event(AuditEventKind::ClientSecretCreated, client.uid, None)?;
    let mut unit = core.store.begin().await?;
    let refusal = match admin.confirm(unit.as_mut(), trail.at).await? {
        Err(unconfirmed) => Some(Refusal::Unconfirmed(unconfirmed)),
        Ok(_) if unit.clients().lock(client.uid).await?.is_none() => Some(Refusal::NotFound),
        Ok(_) if unit.clients().count_secrets(client.uid).await? >= ClientSecret::MAX => {
            Some(Refusal::TooManySecrets)
        }
        Ok(_) => None,
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.clients().insert_secret(&stored).await?;
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok((stored, secret))
}

/// Deletes a secret of a client.
pub async fn delete_secret(
    core: &Core,
    admin: Admin,
    id: &ClientId,
    secret: ClientSecretId,
    caller: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let client = find(core, id).await?;
    let trail = Trail { core, at: core.clock.now(), actor: Some(admin.id()), client: caller };
    let event = trail.event(AuditEventKind::ClientSecretDeleted, client.uid, None)?;
    let mut unit = core.store.begin().await?;
    let refusal = match admin.confirm(unit.as_mut(), trail.at).await? {
        Err(unconfirmed) => Some(Refusal::Unconfirmed(unconfirmed)),
        Ok(_) if unit.clients().delete_secret(secret, client.uid).await? => None,
        Ok(_) => Some(Refusal::NotFound),
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok(())
}

async fn find(core: &Core, id: &ClientId) -> Result<Client, Failure<Refusal>> {
    let found = core.store.read().await?.clients().by_id(id).await?;
    found.ok_or(Failure::Refused(Refusal::NotFound))
}

fn new_secret(
    core: &Core,
    client: ClientUid,
    expires_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<(ClientSecret, PlainToken), PortFailure> {
    let random = random_secret(core.entropy.as_ref())?;
    let secret = PlainToken::new(format!("{}{}", ClientSecret::PREFIX, random.expose()));
    let stored = ClientSecret {
        id: ClientSecretId::generate(now, core.entropy.as_ref())?,
        client,
        digest: core.verifier.digest(&secret),
        created_at: now,
        expires_at,
    };
    Ok((stored, secret))
}

/// The event of a new client. Services have one of their own, which audit trails had before there were other clients.
fn created_kind(client: &Client) -> AuditEventKind {
    match client.settings.kind {
        ClientKind::Service => AuditEventKind::ServiceClientCreated,
        ClientKind::Public | ClientKind::Confidential => AuditEventKind::ClientCreated,
    }
}
