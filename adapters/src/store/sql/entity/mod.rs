//! Rows and their conversion to domain types. They are private to the adapter.

pub(super) mod action_tokens;
pub(super) mod audit_events;
pub(super) mod authorization_codes;
pub(super) mod challenges;
pub(super) mod client_assertions;
pub(super) mod client_secrets;
pub(super) mod clients;
pub(super) mod consents;
pub(super) mod factor_budgets;
pub(super) mod factors;
pub(super) mod outbox;
pub(super) mod pending_registrations;
pub(super) mod recovery_codes;
pub(super) mod row;
pub(super) mod sessions;
pub(super) mod trusted_devices;
pub(super) mod users;

use inwren_domain::factor::UserHandle;
use inwren_domain::kernel::{ClientInfo, StoreError, TokenDigest};
use inwren_domain::keyring::SecretKeyId;
use uuid::Uuid;

/// Identifies a row in the error for an invalid value.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) table: &'static str,
    pub(super) id: Uuid,
}

impl Row {
    fn inconsistent(self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, id: self.id.to_string() }
    }

    /// Reads the digest of a secret in this column.
    fn digest(self, column: &'static str, bytes: &[u8]) -> Result<TokenDigest, StoreError> {
        bytes.try_into().map(TokenDigest::from_bytes).map_err(|_| self.inconsistent(column))
    }

    /// Reads the id of a secret key in the column `key_id`.
    fn secret_key(self, key_id: i64) -> Result<SecretKeyId, StoreError> {
        key_id.try_into().map(SecretKeyId::new).map_err(|_| self.inconsistent("key_id"))
    }

    /// Reads the handle of a user in the column `user_handle`.
    fn user_handle(self, bytes: &[u8]) -> Result<UserHandle, StoreError> {
        bytes.try_into().map(UserHandle::from_bytes).map_err(|_| self.inconsistent("user_handle"))
    }

    /// Builds the client from the address in this column and the user agent.
    fn client(
        self,
        column: &'static str,
        ip_address: Option<String>,
        user_agent: Option<String>,
    ) -> Result<ClientInfo, StoreError> {
        let address = |text: String| text.parse().map_err(|_| self.inconsistent(column));
        Ok(ClientInfo { ip_address: ip_address.map(address).transpose()?, user_agent })
    }
}
