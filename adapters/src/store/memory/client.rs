//! In-memory clients.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::client::{
    Client, ClientId, ClientReader, ClientRepository, ClientSecret, ClientSecretId, ClientUid,
};
use inwren_domain::kernel::{Page, PageRequest, StoreError, TokenDigest};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl ClientReader for MemoryView {
    async fn by_id(&mut self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let state = self.shared.snapshot();
        let mut all = state.clients.values().map(Arc::as_ref);
        Ok(all.find(|client| client.id == *id).cloned())
    }

    async fn by_uid(&mut self, uid: ClientUid) -> Result<Option<Client>, StoreError> {
        Ok(self.shared.snapshot().client(uid).cloned())
    }

    async fn secrets(&mut self, client: ClientUid) -> Result<Vec<ClientSecret>, StoreError> {
        Ok(self.shared.snapshot().secrets(client))
    }

    async fn page(&mut self, page: PageRequest<ClientId>) -> Result<Page<Client, ClientId>, StoreError> {
        let mut found = self.shared.snapshot().clients();
        found.retain(|client| page.after.as_ref().is_none_or(|after| client.id > *after));
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found.truncate(usize::from(page.limit()) + 1);
        Ok(Page::from_one_more(found, page.limit(), |client| client.id.clone()))
    }

    async fn all(&mut self) -> Result<Vec<Client>, StoreError> {
        let mut clients = self.shared.snapshot().clients();
        clients.sort_by_key(|client| (client.created_at, client.uid));
        Ok(clients)
    }
}

#[async_trait]
impl ClientRepository for MemoryUnit {
    async fn insert(&mut self, client: &Client) -> Result<bool, StoreError> {
        let is_same = |other: &Arc<Client>| {
            other.uid == client.uid || other.id == client.id || other.settings.name == client.settings.name
        };
        if self.state.clients.values().any(is_same) {
            return Ok(false);
        }
        self.state.put_client(client.clone());
        Ok(true)
    }

    async fn update(&mut self, client: &Client) -> Result<bool, StoreError> {
        let has_name =
            |other: &Arc<Client>| other.uid != client.uid && other.settings.name == client.settings.name;
        if self.state.clients.values().any(has_name) {
            return Ok(false);
        }
        let Some(stored) = self.state.client(client.uid).cloned() else { return Ok(false) };
        let (settings, updated_at) = (client.settings.clone(), client.updated_at);
        self.state.put_client(Client { settings, updated_at, ..stored });
        Ok(true)
    }

    async fn delete(&mut self, client: ClientUid) -> Result<bool, StoreError> {
        Ok(self.state.remove_client(client))
    }

    async fn lock(&mut self, client: ClientUid) -> Result<Option<Client>, StoreError> {
        Ok(self.state.client(client).cloned())
    }

    async fn insert_secret(&mut self, secret: &ClientSecret) -> Result<(), StoreError> {
        self.state.client_secrets.insert(secret.id, Arc::new(secret.clone()));
        Ok(())
    }

    async fn count_secrets(&mut self, client: ClientUid) -> Result<usize, StoreError> {
        Ok(self.state.secrets(client).len())
    }

    async fn delete_secret(&mut self, id: ClientSecretId, client: ClientUid) -> Result<bool, StoreError> {
        let is_its_secret = self.state.client_secrets.get(&id).is_some_and(|secret| secret.client == client);
        if is_its_secret {
            self.state.client_secrets.remove(&id);
        }
        Ok(is_its_secret)
    }

    async fn use_assertion(
        &mut self,
        client: ClientUid,
        digest: &TokenDigest,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let key = (client, *digest.as_bytes());
        if self.state.client(client).is_none() || self.state.client_assertions.contains_key(&key) {
            return Ok(false);
        }
        self.state.client_assertions.insert(key, expires_at);
        Ok(true)
    }

    async fn sweep_assertions(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let expired = self.state.client_assertions.iter().filter(|(_, expires_at)| **expires_at < before);
        let keys: Vec<_> = expired.map(|(key, _)| *key).take(limit.into()).collect();
        for key in &keys {
            self.state.client_assertions.remove(key);
        }
        Ok(keys.len() as u64)
    }
}

impl State {
    pub(super) fn client(&self, uid: ClientUid) -> Option<&Client> {
        self.clients.get(&uid).map(Arc::as_ref)
    }

    /// Returns all clients, in no particular order.
    fn clients(&self) -> Vec<Client> {
        self.clients.values().map(|client| client.as_ref().clone()).collect()
    }

    /// Returns the client's secrets, in the order of their creation.
    fn secrets(&self, client: ClientUid) -> Vec<ClientSecret> {
        let of_client = self.client_secrets.values().filter(|secret| secret.client == client);
        let mut secrets: Vec<ClientSecret> = of_client.map(|secret| secret.as_ref().clone()).collect();
        secrets.sort_by_key(|secret| (secret.created_at, secret.id));
        secrets
    }

    fn put_client(&mut self, client: Client) {
        self.clients.insert(client.uid, Arc::new(client));
    }

    /// Deletes a client with its secrets, used assertions, codes and consents.
    fn remove_client(&mut self, client: ClientUid) -> bool {
        if self.clients.remove(&client).is_none() {
            return false;
        }
        for secret in self.secrets(client) {
            self.client_secrets.remove(&secret.id);
        }
        let of_client = self.client_assertions.keys().filter(|(of, _)| *of == client);
        let assertions: Vec<_> = of_client.copied().collect();
        for key in &assertions {
            self.client_assertions.remove(key);
        }
        self.delete_codes(|code| code.client == client);
        self.delete_consents(|consent| consent.client == client);
        true
    }
}
