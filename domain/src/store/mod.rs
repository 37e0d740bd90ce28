//! The store: the port that joins the repositories of all features into views and units of work.

mod hooked;
mod maintenance;
mod ports;

pub use hooked::{HookedStore, StoreHook};
pub use maintenance::{
    Checkpoint, FormerAddress, Maintenance, Migration, MigrationError, PoolMetrics, Schema,
};
pub use ports::{ReadView, Store, UnitOfWork};
