use std::sync::{Arc, Mutex, PoisonError};

use inwren_adapters::store::memory::MemoryStore;
use inwren_app::config::Config;
use tokio::runtime::{Builder, Runtime};

use crate::app::{Account, TestApp};

/// How many requests a service gets before a new one takes its place, so that what it keeps stays small.
const REQUESTS: usize = 20_000;

/// A service in memory with a superuser, for one request after another.
pub(super) struct Service {
    pub(super) app: TestApp,
    pub(super) admin: Account,
    runtime: Runtime,
    requests: usize,
}

/// Where a target keeps its service between two runs.
pub(super) type Slot = Mutex<Option<Service>>;

impl Service {
    fn new(change: fn(&mut Config)) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let app = TestApp::configured(Arc::new(MemoryStore::new()), change);
        let admin = runtime.block_on(app.superuser());
        Self { app, admin, runtime, requests: 0 }
    }

    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// Lends the service of a slot. A run that panicked may have left anything behind, and is the last one anyway.
pub(super) fn with<T>(slot: &Slot, change: fn(&mut Config), run: impl FnOnce(&Service) -> T) -> T {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_none_or(|service| service.requests >= REQUESTS) {
        *slot = Some(Service::new(change));
    }
    let service = slot.as_mut().expect("a service");
    service.requests += 1;
    run(service)
}
