/// Why the store could not answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is full, or does not take writes.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// It is reached, but too busy, or two units stood in each other's way.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// A row holds what the core could never have written.
    #[error("the store is inconsistent: {table}.{column} of {id}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
    },
}
