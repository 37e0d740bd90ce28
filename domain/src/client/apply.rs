//! Makes the clients of the service those of a list, which an operator keeps in a file.

use super::manage::{self, Refusal};
use super::{Client, ClientId, ClientSettings, InvalidSettings};
use crate::account::admin::Admin;
use crate::kernel::{ClientInfo, PlainToken};
use crate::{Core, Failure};

/// What differs between the list and the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The client does not exist yet.
    Missing(ClientId, Box<ClientSettings>),
    /// Its settings differ.
    Changed {
        /// The client as it is.
        client: Box<Client>,
        /// The settings as they should be.
        settings: Box<ClientSettings>,
    },
    /// The list does not contain it.
    Surplus(Box<Client>),
}

impl Difference {
    /// The client.
    pub fn id(&self) -> &ClientId {
        match self {
            Self::Missing(id, _) => id,
            Self::Changed { client, .. } | Self::Surplus(client) => &client.id,
        }
    }

    /// The fields that differ, with the current and the listed text.
    pub fn fields(&self) -> Vec<(&'static str, String, String)> {
        let empty = || std::iter::repeat_with(String::new);
        let of = |settings: &ClientSettings| settings.fields().to_vec();
        let pairs: Vec<(&'static str, String, String)> = match self {
            Self::Missing(_, settings) => {
                of(settings).into_iter().zip(empty()).map(|((name, new), old)| (name, old, new)).collect()
            }
            Self::Surplus(client) => {
                let old = of(&client.settings).into_iter();
                old.zip(empty()).map(|((name, old), new)| (name, old, new)).collect()
            }
            Self::Changed { client, settings } => {
                let both = of(&client.settings).into_iter().zip(of(settings));
                both.map(|((name, old), (_, new))| (name, old, new)).collect()
            }
        };
        pairs.into_iter().filter(|(_, old, new)| old != new).collect()
    }
}

/// A client of the list is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidClient {
    /// The client.
    pub id: ClientId,
    /// What is wrong.
    pub invalid: InvalidSettings,
}

/// Compares the list with the service. Clients that the list does not contain are a difference only if `prune`.
pub async fn compare(
    core: &Core,
    admin: Admin,
    listed: Vec<(ClientId, ClientSettings)>,
    prune: bool,
) -> Result<Vec<Difference>, Failure<InvalidClient>> {
    for (id, settings) in &listed {
        let invalid = |invalid| Failure::Refused(InvalidClient { id: id.clone(), invalid });
        settings.validate(core).map_err(invalid)?;
    }
    let existing = manage::all(core, admin).await?;
    let mut differences = Vec::new();
    for client in existing.iter().filter(|_| prune) {
        if !listed.iter().any(|(id, _)| *id == client.id) {
            differences.push(Difference::Surplus(Box::new(client.clone())));
        }
    }
    for (id, settings) in listed {
        let settings = Box::new(settings);
        match existing.iter().find(|client| client.id == id) {
            None => differences.push(Difference::Missing(id, settings)),
            Some(client) if client.settings != *settings => {
                differences.push(Difference::Changed { client: Box::new(client.clone()), settings });
            }
            Some(_) => {}
        }
    }
    Ok(differences)
}

/// Removes a difference. Returns the secret of a client that it creates with one.
pub async fn apply(
    core: &Core,
    admin: Admin,
    difference: Difference,
    caller: &ClientInfo,
) -> Result<Option<PlainToken>, Failure<Refusal>> {
    match difference {
        Difference::Missing(id, settings) => {
            Ok(manage::create(core, admin, Some(id), *settings, caller).await?.secret)
        }
        Difference::Changed { client, settings } => {
            manage::update(core, admin, *client, *settings, caller).await.map(|_| None)
        }
        Difference::Surplus(client) => manage::delete(core, admin, &client.id, caller).await.map(|()| None),
    }
}
