use std::fmt::Write;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use inwren_domain::credential::{
    AcceptedHashes, HasherError, Password, PasswordHash, PasswordHasher, Requester, Verification,
};
use tokio::sync::oneshot;

use super::Script;

/// A fast hasher whose hashes contain the password in hexadecimal. It counts its calls, and a test can suspend a check.
#[derive(Default)]
pub struct PlainHasher {
    parameters: AtomicU32,
    hashes: AtomicUsize,
    checks: AtomicUsize,
    hold: Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>,
    units: Mutex<Option<Arc<Script>>>,
    requester: Mutex<Option<Requester>>,
}

/// A suspended check of a password.
pub struct HeldCheck {
    reached: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl HeldCheck {
    /// Waits until a use case has started the check.
    pub async fn reached(&mut self) {
        (&mut self.reached).await.expect("the check is asked for");
    }

    /// Resumes the check.
    pub fn release(self) {
        self.release.send(()).expect("the check waits");
    }
}

impl PlainHasher {
    /// How many passwords were hashed, for the first time or again.
    pub fn hashes(&self) -> usize {
        self.hashes.load(Ordering::SeqCst)
    }

    /// How many passwords were checked.
    pub fn checks(&self) -> usize {
        self.checks.load(Ordering::SeqCst)
    }

    /// The requester of the last call.
    pub fn last_requester(&self) -> Option<Requester> {
        *self.requester.lock().unwrap()
    }

    /// Changes the parameters, so that older hashes need a rehash.
    pub fn change_parameters(&self) {
        self.parameters.fetch_add(1, Ordering::SeqCst);
    }

    /// Suspends the next check of a password.
    pub fn hold_next_check(&self) -> HeldCheck {
        let (reached_tx, reached) = oneshot::channel();
        let (release, release_rx) = oneshot::channel();
        *self.hold.lock().unwrap() = Some((reached_tx, release_rx));
        HeldCheck { reached, release }
    }

    /// From now on, a call fails the test if a handle of that store is open.
    pub fn watch(&self, script: Arc<Script>) {
        *self.units.lock().unwrap() = Some(script);
    }

    fn enter(&self, requester: Requester) {
        *self.requester.lock().unwrap() = Some(requester);
        if let Some(script) = &*self.units.lock().unwrap() {
            assert_eq!(script.open_handles(), 0, "a password is hashed while a handle of the store is open");
        }
    }

    async fn enter_check(&self, requester: Requester) {
        self.enter(requester);
        self.checks.fetch_add(1, Ordering::SeqCst);
        let held = self.hold.lock().unwrap().take();
        match held {
            Some((reached, release)) => {
                let _ = reached.send(());
                let _ = release.await;
            }
            None => tokio::task::yield_now().await,
        }
    }

    fn make(&self, password: &Password) -> PasswordHash {
        let mut phc = format!("$plain$v={}$", self.parameters.load(Ordering::SeqCst));
        for byte in password.expose_bytes() {
            write!(phc, "{byte:02x}").unwrap();
        }
        PasswordHash::from_phc(phc)
    }
}

impl AcceptedHashes for PlainHasher {
    fn can_verify(&self, hash: &PasswordHash) -> bool {
        hash.expose().starts_with("$plain$")
    }
}

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: Password, requester: Requester) -> Result<PasswordHash, HasherError> {
        self.enter(requester);
        self.hashes.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(self.make(&password))
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        requester: Requester,
    ) -> Result<Verification, HasherError> {
        self.enter_check(requester).await;
        let (Some(stored), current) = (hash, self.make(&password)) else {
            return Ok(Verification::Mismatch);
        };
        if !same_password(&stored, &current)? {
            return Ok(Verification::Mismatch);
        }
        let rehashed = (stored != current).then_some(current);
        self.hashes.fetch_add(usize::from(rehashed.is_some()), Ordering::SeqCst);
        Ok(Verification::Match { rehashed })
    }

    async fn check(
        &self,
        password: Password,
        hash: PasswordHash,
        requester: Requester,
    ) -> Result<bool, HasherError> {
        self.enter_check(requester).await;
        same_password(&hash, &self.make(&password))
    }
}

fn same_password(stored: &PasswordHash, current: &PasswordHash) -> Result<bool, HasherError> {
    if !stored.expose().starts_with("$plain$") {
        return Err(HasherError::Unusable("not made here"));
    }
    let secret = |hash: &PasswordHash| hash.expose().rsplit('$').next().map(str::to_owned);
    Ok(secret(stored) == secret(current))
}
