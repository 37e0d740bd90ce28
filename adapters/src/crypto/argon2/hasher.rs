use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use inwren_domain::credential::{
    AcceptedHashes, ClientTrust, HasherError, Password, PasswordHash, PasswordHasher, Requester, Verification,
};
use inwren_domain::kernel::Entropy;
use tokio::sync::oneshot;

use super::affordable::AffordableHashes;
use super::computation::Computation;
use super::durations::{Durations, Histogram};
use super::limits::HasherLimits;
use super::parameters::{Argon2Parameters, InvalidParameters, SALT_BYTES};
use super::queue::{Bounds, Job, Queue, Ticket};
use super::stored::Stored;
use super::task::{Computing, Reply};
use super::worker::work;
use crate::parts::Parts;

/// Hashes passwords with Argon2id on its own threads, and checks hashes that other services made with other functions.
///
/// Threads, memory of all running hashes, queue length and waiting time are bounded. Beyond these bounds the hasher
/// reports at once that it is busy, so that a flood of logins costs neither memory nor the responses of other clients.
/// The queue serves waiting callers by client, not by number of requests. Threads reuse their blocks, because fresh
/// ones cost more in page faults than the hash itself.
///
/// A stored hash is unusable if it needs more memory than the budget leaves beside a usual hash on each other thread,
/// or if its check takes more than three seconds on this machine, by measurement: one row of a database must not stop the
/// service. Imports accept two seconds, because measurements vary. A hash that costs no more than a new one is always usable. Large or slow hashes that are
/// usable leave memory and threads for others.
pub struct Argon2Hasher {
    queue: Arc<Queue>,
    affordable: AffordableHashes,
    entropy: Arc<dyn Entropy>,
    max_wait: Duration,
    max_wait_of_known: Duration,
    threads: usize,
    computations: Arc<Histogram>,
    refused: AtomicU64,
}

/// Current load and totals of the hasher since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasherMetrics {
    /// Hasher threads.
    pub threads: usize,
    /// Hashes that wait for a thread.
    pub waiting: usize,
    /// Hashes that threads are computing.
    pub running: usize,
    /// Computed hashes.
    pub computed: u64,
    /// How long hashes waited for a thread, including those that timed out or were displaced.
    pub waits: Durations,
    /// How long hashes took to compute.
    pub computations: Durations,
    /// Calls that the hasher refused because it was busy.
    pub refused: u64,
}

impl Argon2Hasher {
    /// Starts the threads.
    pub fn start(
        parameters: Argon2Parameters,
        limits: HasherLimits,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, InvalidParameters> {
        let affordable = AffordableHashes::new(parameters, limits)?;
        let (params, threads) = (&affordable.params, limits.threads.max(1));
        let bounds = Bounds {
            budget: limits.memory_budget_kib,
            usual: params.block_count(),
            slow: (threads / 2).max(1),
        };
        let queue = Arc::new(Queue::new(limits.max_waiting, bounds));
        let computations = Arc::new(Histogram::default());
        for number in 0..threads {
            let (queue, params, computations) =
                (Arc::clone(&queue), params.clone(), Arc::clone(&computations));
            let work = move || work(&queue, &params, &computations);
            std::thread::Builder::new()
                .name(format!("hasher-{number}"))
                .spawn(work)
                .map_err(|_| InvalidParameters)?;
        }
        Ok(Self {
            queue,
            affordable,
            entropy,
            max_wait: limits.max_wait,
            max_wait_of_known: limits.max_wait_of_known,
            threads,
            computations,
            refused: AtomicU64::new(0),
        })
    }

    /// Returns the current load and the totals.
    pub fn metrics(&self) -> HasherMetrics {
        let computations = self.computations.durations();
        HasherMetrics {
            threads: self.threads,
            waiting: self.queue.waiting(),
            running: self.queue.running(),
            computed: computations.count(),
            waits: self.queue.waits(),
            computations,
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    fn salt(&self) -> Result<[u8; SALT_BYTES], HasherError> {
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt).map_err(|_| HasherError::Failed("no random bytes"))?;
        Ok(salt)
    }

    /// Computes on a thread of the hasher, when it is the requester's turn.
    async fn compute<T, F>(&self, effort: Effort, requester: Requester, compute: F) -> Result<T, HasherError>
    where
        T: Send + 'static,
        F: FnOnce(Computation<'_>) -> Result<T, HasherError> + Send + 'static,
    {
        let max_wait = match requester.trust {
            ClientTrust::Recognised => self.max_wait_of_known,
            ClientTrust::Unrecognised => self.max_wait,
        };
        let (caller, mut reply) = oneshot::channel();
        let parts = Parts::of_current_call();
        let ticket = Arc::new(Ticket::new(parts.begin("hasher.wait")));
        let Effort { blocks, is_slow } = effort;
        let task = Box::new(Computing::new(compute, caller));
        let job = Job { task, blocks, is_slow, ticket: Arc::clone(&ticket), parts };
        if !self.queue.push(requester, job) {
            return Err(self.busy());
        }
        let reply = match tokio::time::timeout(max_wait, &mut reply).await {
            Ok(reply) => reply,
            Err(_) if self.queue.end_wait(&ticket) => return Err(self.busy()),
            // The computation has started and ends within the time of one hash.
            Err(_) => reply.await,
        };
        match reply {
            Ok(Reply::Computed(result)) => result,
            Ok(Reply::Displaced) => {
                self.queue.end_wait(&ticket);
                Err(self.busy())
            }
            Err(_) => Err(HasherError::Failed("the hasher has stopped")),
        }
    }

    /// What a hash with the current parameters takes.
    fn usual(&self) -> Effort {
        Effort { blocks: self.affordable.params.block_count(), is_slow: false }
    }

    /// What a check of a stored hash takes, with a new hash after it.
    fn effort_of(&self, stored: &Stored, is_slow: bool) -> Effort {
        Effort { blocks: stored.block_count().max(self.usual().blocks), is_slow }
    }

    /// Does the work of a verification for an account that does not exist.
    async fn verify_unknown(
        &self,
        password: Password,
        requester: Requester,
    ) -> Result<Verification, HasherError> {
        self.compute(self.usual(), requester, move |it| it.verify_unknown(&password)).await
    }

    fn busy(&self) -> HasherError {
        self.refused.fetch_add(1, Ordering::Relaxed);
        HasherError::Busy { retry_after: self.max_wait }
    }
}

impl AcceptedHashes for Argon2Hasher {
    fn can_verify(&self, hash: &PasswordHash) -> bool {
        self.affordable.can_verify(hash)
    }
}

/// What a task takes of the hasher.
struct Effort {
    /// Memory, in blocks of 1 KiB.
    blocks: usize,
    /// Whether it takes much longer than others.
    is_slow: bool,
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: Password, requester: Requester) -> Result<PasswordHash, HasherError> {
        let salt = self.salt()?;
        self.compute(self.usual(), requester, move |mut it| it.hash(&password, &salt)).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        requester: Requester,
    ) -> Result<Verification, HasherError> {
        let Some(hash) = hash else { return self.verify_unknown(password, requester).await };
        match self.affordable.read_affordable(&hash).await {
            Ok((stored, is_slow)) => {
                let (effort, salt) = (self.effort_of(&stored, is_slow), self.salt()?);
                self.compute(effort, requester, move |it| it.verify(&password, &stored, &salt)).await
            }
            // Refused after as much work as for an account that does not exist.
            Err(unusable) => self.verify_unknown(password, requester).await.and(Err(unusable)),
        }
    }

    async fn check(
        &self,
        password: Password,
        hash: PasswordHash,
        requester: Requester,
    ) -> Result<bool, HasherError> {
        match self.affordable.read_affordable(&hash).await {
            Ok((stored, is_slow)) => {
                let effort = self.effort_of(&stored, is_slow);
                self.compute(effort, requester, move |it| it.check(&password, &stored)).await
            }
            Err(unusable) => self.verify_unknown(password, requester).await.and(Err(unusable)),
        }
    }
}

impl Drop for Argon2Hasher {
    fn drop(&mut self) {
        self.queue.close();
    }
}
