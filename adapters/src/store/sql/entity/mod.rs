//! The rows, and what they are in the domain. Nothing of this leaves the adapter.

pub(super) mod audit_events;
pub(super) mod row;
pub(super) mod service_clients;
pub(super) mod sessions;
pub(super) mod users;

use inwren_domain::kernel::{ClientInfo, StoreError};
use uuid::Uuid;

/// Names what cannot be in a row.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) table: &'static str,
    pub(super) id: Uuid,
}

impl Row {
    fn inconsistent(self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, id: self.id.to_string() }
    }

    /// The client whose address stands in this column.
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
