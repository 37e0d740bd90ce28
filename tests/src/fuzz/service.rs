use std::sync::{Arc, Mutex, PoisonError};

use inwren_adapters::store::memory::MemoryStore;
use inwren_app::config::Config;
use tokio::runtime::{Builder, Runtime};

use crate::app::{Account, TestApp};

/// The number of requests before a new service replaces the old one, so that the stored data stays small.
const REQUESTS: usize = 20_000;

/// A service in memory with a superuser, for sequential requests.
pub(super) struct Service {
    pub(super) app: TestApp,
    pub(super) admin: Account,
    runtime: Runtime,
    requests: usize,
}

/// Keeps the service of a target between two runs.
pub(super) type Slot = Mutex<Option<Service>>;

impl Service {
    fn new(change: fn(&mut Config)) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let app = TestApp::configured(Arc::new(MemoryStore::new()), change);
        let admin = runtime.block_on(app.superuser());
        Self { app, admin, runtime, requests: 0 }
    }

    /// Whether this is the first run with this service.
    pub(super) fn is_new(&self) -> bool {
        self.requests == 1
    }

    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// Runs a function with the service of a slot. A panic may leave any state behind, but it also ends the fuzzer.
pub(super) fn with<T>(slot: &Slot, change: fn(&mut Config), run: impl FnOnce(&Service) -> T) -> T {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_none_or(|service| service.requests >= REQUESTS) {
        *slot = Some(Service::new(change));
    }
    let service = slot.as_mut().expect("a service");
    service.requests += 1;
    run(service)
}
