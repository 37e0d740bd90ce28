use std::future::{Future, pending};
use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::account::import::UserSnapshot;
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{Rotation, RotationOutcome};
use inwren_domain::store::{HookedStore, ReadView, Store, StoreHook, UnitOfWork};

use super::script::{Handle, Script};

/// A store that passes every call on to another store, unless the script has a fault for it. A new script has no
/// faults.
pub fn faulty_store(inner: Arc<dyn Store>) -> (Arc<dyn Store>, Arc<Script>) {
    let script = Arc::new(Script::default());
    (scripted(inner, &script), script)
}

/// A store that yields to other tasks before and after each call, so that races occur more often.
pub fn dawdling_store(inner: Arc<dyn Store>) -> Arc<dyn Store> {
    scripted(inner, &Arc::new(Script::dawdling()))
}

fn scripted(inner: Arc<dyn Store>, script: &Arc<Script>) -> Arc<dyn Store> {
    Arc::new(HookedStore::new(inner, Hook { script: Arc::clone(script), _handle: None }))
}

#[derive(Clone)]
struct Hook {
    script: Arc<Script>,
    /// The handle of an open view or unit.
    _handle: Option<Arc<Handle>>,
}

impl StoreHook for Hook {
    async fn around<T: Send>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let name = name.strip_prefix("store.").unwrap_or(name);
        let lost = self.script.enter(name)?;
        self.script.pause().await;
        let answer = call.await?;
        if self.script.is_unanswered(name) {
            pending::<()>().await;
        }
        self.script.pause().await;
        lost.map_or(Ok(answer), Err)
    }

    fn begun(&self) -> Self {
        Self { script: Arc::clone(&self.script), _handle: Some(Arc::new(self.script.open())) }
    }
}

/// A store that uses the step-by-step default of an operation, even if the store behind it has a faster one.
pub fn step_by_step_store(inner: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(StepByStep(inner))
}

struct StepByStep(Arc<dyn Store>);

#[async_trait]
impl Store for StepByStep {
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError> {
        self.0.read().await
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        self.0.begin().await
    }

    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        self.0.rotate_session(rotation).await
    }

    async fn snapshot(&self) -> Result<Box<dyn UserSnapshot>, StoreError> {
        self.0.snapshot().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.0.ping().await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
