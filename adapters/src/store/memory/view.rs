use std::sync::Arc;

use super::shared::Shared;

/// A view that reads the committed state at each call.
pub(super) struct MemoryView {
    pub(super) shared: Arc<Shared>,
}

impl MemoryView {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}
