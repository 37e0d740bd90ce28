use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::slice;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use inwren_domain::kernel::StoreError;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::statement_timeout::End;

/// Largest batch. A larger one would delay the first callers.
pub(crate) const MAX_BATCH: usize = 64;
/// Maximum number of jobs that wait for a worker. Further callers wait until there is room.
const MAX_WAITING: usize = 1024;

/// Runs jobs that are submitted at the same time in one batch: one round trip, or one commit, for all of them.
///
/// If no batch is running, a job runs at once and alone. The more callers there are, the more of them share the cost.
/// The work on a job always starts after its submission.
///
/// `J` is a [`Job`], or a trait object if one batch takes jobs with different answers.
pub(crate) struct Batcher<J> {
    jobs: mpsc::Sender<J>,
    timeout: Duration,
}

/// A question, and the channel for its answer.
pub(crate) struct Job<Q, A> {
    pub(crate) question: Q,
    /// From this moment on the job MUST NOT change anything: its caller is about to give up.
    pub(crate) write_by: Instant,
    answer: Option<Result<A, StoreError>>,
    /// Taken when the job is finished.
    caller: Option<oneshot::Sender<Result<A, StoreError>>>,
}

impl<Q, A> Job<Q, A> {
    /// Sets the answer. It is sent after the worker has succeeded with the whole batch.
    pub(crate) fn answer(&mut self, answer: Result<A, StoreError>) {
        self.answer = Some(answer);
    }
}

/// A job that waits for its batch, with any type of question and answer.
pub(crate) trait Pending: Send + 'static {
    /// Returns whether its caller still waits and the job may still change something.
    fn is_wanted(&self, now: Instant) -> bool;

    /// Sends the answer, or the error of the batch. Without an answer the dropped channel signals the caller.
    fn finish(&mut self, batch: Result<(), StoreError>);
}

impl<Q: Send + 'static, A: Send + 'static> Pending for Job<Q, A> {
    fn is_wanted(&self, now: Instant) -> bool {
        now < self.write_by && self.caller.as_ref().is_some_and(|caller| !caller.is_closed())
    }

    fn finish(&mut self, batch: Result<(), StoreError>) {
        let answer = match batch {
            Ok(()) => self.answer.take(),
            Err(error) => Some(Err(error)),
        };
        if let Some((caller, answer)) = self.caller.take().zip(answer) {
            // The caller may have gone.
            let _ = caller.send(answer);
        }
    }
}

impl<J: Pending + ?Sized> Pending for Box<J> {
    fn is_wanted(&self, now: Instant) -> bool {
        (**self).is_wanted(now)
    }

    fn finish(&mut self, batch: Result<(), StoreError>) {
        (**self).finish(batch);
    }
}

/// Executes the jobs of a batch.
pub(crate) trait Worker<J>: Send + Sync + 'static {
    /// Sets the answer of every job in a batch of at most [`MAX_BATCH`]. An error is the answer to all of them.
    ///
    /// After [`StoreError::Inconsistent`] each job is retried in its own batch.
    fn work(&self, batch: &mut [J]) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The jobs that wait for a free worker.
type Waiting<J> = Arc<Mutex<mpsc::Receiver<J>>>;

impl<J: Pending> Batcher<J> {
    /// Starts this number of tasks, each of which works on one batch at a time. A caller without an answer after
    /// `timeout` gets an error.
    pub(crate) fn start(tasks: usize, timeout: Duration, worker: impl Worker<J>) -> Self {
        let (batcher, waiting) = Self::idle(timeout);
        let worker = Arc::new(worker);
        for _ in 0..tasks {
            tokio::spawn(run(Arc::clone(&waiting), Arc::clone(&worker), timeout));
        }
        batcher
    }

    /// Starts one thread of this name instead of the tasks of [`start`](Self::start): the worker may block it.
    pub(crate) fn start_thread(
        name: &str,
        timeout: Duration,
        worker: Arc<impl Worker<J>>,
    ) -> io::Result<Self> {
        let (batcher, waiting) = Self::idle(timeout);
        let runtime = Handle::current();
        let work = move || runtime.block_on(run(waiting, worker, timeout));
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(batcher)
    }

    /// Creates a batcher without a worker.
    fn idle(timeout: Duration) -> (Self, Waiting<J>) {
        let (jobs, waiting) = mpsc::channel(MAX_WAITING);
        (Self { jobs, timeout }, Arc::new(Mutex::new(waiting)))
    }

    /// Submits a job, and waits for its answer.
    pub(crate) async fn submit<Q, A>(&self, question: Q) -> Result<A, StoreError>
    where
        J: From<Job<Q, A>>,
    {
        let End { write_by, give_up } = End::of(self.timeout);
        let submitting = async {
            let (caller, answer) = oneshot::channel();
            let job = Job { question, write_by, answer: None, caller: Some(caller) };
            self.jobs.send(job.into()).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout_at(give_up.into(), submitting).await {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(StoreError::Unavailable("the database gave no answer".to_owned())),
            Err(_) => Err(StoreError::Unavailable("the database does not answer in time".to_owned())),
        }
    }
}

/// Works on one batch after the other. Ends when the [`Batcher`] is dropped.
async fn run<J: Pending>(waiting: Waiting<J>, worker: Arc<impl Worker<J>>, timeout: Duration) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while waiting.lock().await.recv_many(&mut batch, MAX_BATCH).await > 0 {
        // Callers that have given up, or are about to, rely on their jobs not being executed.
        let now = Instant::now();
        batch.retain(|job: &J| job.is_wanted(now));
        if !batch.is_empty() {
            // A silent connection would block the worker until the network gives it up. The callers have gone by then,
            // and the next batch may get a better connection.
            let _ = tokio::time::timeout(timeout, finish(&mut batch, &*worker)).await;
        }
        batch.clear();
    }
}

async fn finish<J: Pending>(batch: &mut [J], worker: &impl Worker<J>) {
    let done = unwound(worker.work(batch)).await;
    match done {
        // One unreadable row must not fail the other jobs.
        Err(StoreError::Inconsistent { .. }) if batch.len() > 1 => {
            for job in batch {
                let alone = unwound(worker.work(slice::from_mut(job))).await;
                job.finish(alone);
            }
        }
        done => batch.iter_mut().for_each(|job| job.finish(done.clone())),
    }
}

/// Turns a panic into an error of this batch, so that it does not end the worker.
async fn unwound(work: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
    let mut work = pin!(work);
    let panicked = || StoreError::Unavailable("a question was not answered".to_owned());
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use tokio::sync::Semaphore;

    use super::*;

    /// A question without an answer.
    const NEVER: u32 = 0;
    /// A question that makes the worker panic.
    const PANIC: u32 = 666;

    /// Doubles numbers, except 13, which makes its batch fail. Each batch needs a permit, and its size is recorded.
    struct Doubling {
        sizes: Arc<StdMutex<Vec<usize>>>,
        permits: Arc<Semaphore>,
    }

    impl Worker<Job<u32, u32>> for Doubling {
        async fn work(&self, batch: &mut [Job<u32, u32>]) -> Result<(), StoreError> {
            self.sizes.lock().unwrap().push(batch.len());
            self.permits.acquire().await.unwrap().forget();
            for job in batch {
                match job.question {
                    NEVER => std::future::pending().await,
                    PANIC => panic!("a panic"),
                    13 => {
                        return Err(StoreError::Inconsistent {
                            table: "t",
                            column: "c",
                            id: "13".to_owned(),
                        });
                    }
                    number => job.answer(Ok(2 * number)),
                }
            }
            Ok(())
        }
    }

    type Doubler = Batcher<Job<u32, u32>>;

    fn doubling(timeout: Duration) -> (Arc<Doubler>, Arc<StdMutex<Vec<usize>>>, Arc<Semaphore>) {
        let (sizes, permits) = (Arc::new(StdMutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
        let worker = Doubling { sizes: Arc::clone(&sizes), permits: Arc::clone(&permits) };
        (Arc::new(Batcher::start(1, timeout, worker)), sizes, permits)
    }

    #[tokio::test]
    async fn waiting_jobs_share_a_batch_and_keep_their_answers() {
        let (batcher, sizes, permits) = doubling(Duration::from_secs(60));
        let submit = |n: u32| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.submit::<u32, u32>(n).await })
        };
        let first = submit(1);
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = [5, 13, 7].map(submit).into();
        while batcher.jobs.capacity() > MAX_WAITING - 3 {
            tokio::task::yield_now().await;
        }
        permits.add_permits(5);
        assert_eq!(first.await.unwrap().unwrap(), 2);
        let mut answers = Vec::new();
        for other in others {
            answers.push(other.await.unwrap().map_err(|error| error.to_string()));
        }
        assert_eq!(answers, [Ok(10), Err("the store is inconsistent: t.c of 13".to_owned()), Ok(14)]);
        assert_eq!(*sizes.lock().unwrap(), [1, 3, 1, 1, 1]);
    }

    #[tokio::test]
    async fn a_panic_does_not_end_the_worker() {
        let (batcher, _, permits) = doubling(Duration::from_secs(60));
        permits.add_permits(1_000);
        for _ in 0..3 {
            let failed = batcher.submit::<u32, u32>(PANIC).await;
            assert!(matches!(failed, Err(StoreError::Unavailable(_))));
            assert_eq!(batcher.submit::<u32, u32>(2).await.unwrap(), 4);
        }
    }

    #[tokio::test]
    async fn a_silent_batch_is_given_up_and_the_worker_goes_on() {
        let (batcher, _, permits) = doubling(Duration::from_millis(100));
        permits.add_permits(1_000);
        let failed = batcher.submit::<u32, u32>(NEVER).await;
        assert!(matches!(failed, Err(StoreError::Unavailable(_))));
        // Whether the worker has given up yet depends on timing, and on a busy machine it takes longer.
        for _ in 0..300 {
            if let Ok(answer) = batcher.submit::<u32, u32>(2).await {
                assert_eq!(answer, 4);
                return;
            }
        }
        panic!("the worker does not go on");
    }

    /// Leaves its jobs without an answer.
    struct Forgetful;

    impl Worker<Job<(), ()>> for Forgetful {
        async fn work(&self, _: &mut [Job<(), ()>]) -> Result<(), StoreError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_job_without_an_answer_fails() {
        let batcher = Batcher::start(1, Duration::from_secs(60), Forgetful);
        assert!(matches!(batcher.submit::<(), ()>(()).await, Err(StoreError::Unavailable(_))));
    }

    /// Answers with the deadline.
    struct Deadline;

    impl Worker<Job<(), Instant>> for Deadline {
        async fn work(&self, batch: &mut [Job<(), Instant>]) -> Result<(), StoreError> {
            batch.iter_mut().for_each(|job| job.answer(Ok(job.write_by)));
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_job_carries_the_deadline_of_its_caller() {
        let timeout = Duration::from_secs(60);
        let batcher = Batcher::start(1, timeout, Deadline);
        let before = Instant::now();
        let write_by = batcher.submit::<(), Instant>(()).await.unwrap();
        assert!(write_by > before + timeout / 2 && write_by < Instant::now() + timeout);
    }

    /// Records the jobs that it starts, and blocks its thread until it is released.
    struct Blocking {
        started: Arc<StdMutex<Vec<u32>>>,
        gate: StdMutex<std::sync::mpsc::Receiver<()>>,
    }

    impl Worker<Job<u32, ()>> for Blocking {
        async fn work(&self, batch: &mut [Job<u32, ()>]) -> Result<(), StoreError> {
            self.started.lock().unwrap().extend(batch.iter().map(|job| job.question));
            let _ = self.gate.lock().unwrap().recv();
            batch.iter_mut().for_each(|job| job.answer(Ok(())));
            Ok(())
        }
    }

    /// The caller's own timer has not fired yet, because its thread is busy: its channel is still open.
    #[tokio::test]
    async fn a_job_whose_deadline_has_passed_is_not_started() {
        let timeout = Duration::from_millis(100);
        let started = Arc::new(StdMutex::new(Vec::new()));
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let worker = Blocking { started: Arc::clone(&started), gate: StdMutex::new(gate) };
        let batcher = Arc::new(Batcher::start_thread("worker", timeout, Arc::new(worker)).unwrap());
        let submit = |n: u32| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.submit::<u32, ()>(n).await })
        };
        let first = submit(1);
        while started.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let second = submit(2);
        while batcher.jobs.capacity() == MAX_WAITING {
            tokio::task::yield_now().await;
        }
        // From here on this thread does not return to the runtime, so that no caller gives up.
        let block = |time: Duration| {
            let begun = Instant::now();
            while begun.elapsed() < time {
                std::thread::yield_now();
            }
        };
        block(2 * timeout);
        release.send(()).unwrap();
        while batcher.jobs.capacity() < MAX_WAITING {
            std::thread::yield_now();
        }
        block(timeout);
        assert_eq!(*started.lock().unwrap(), [1]);
        drop(release);
        // The first job was executed late. Whether its caller still gets the answer does not matter here.
        let _ = first.await.unwrap();
        assert!(second.await.unwrap().is_err());
    }
}
