/// Why the store failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, is full, or rejects writes.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The store is too busy, or two units of work conflicted.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// A row contains a value that the domain cannot have written.
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
