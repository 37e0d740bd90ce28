use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use inwren_domain::ports::{HasherError, Requester};
use tokio::sync::oneshot;

use super::fair::{FairQueue, Pushed};
use super::task::{Computed, Task};

/// A task, how much it needs, and where its answer goes.
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) blocks: usize,
    pub(super) ticket: Arc<Ticket>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What the caller of a job is told in the end.
pub(super) enum Answer {
    /// It was computed, or could not be.
    Computed(Result<Computed, HasherError>),
    /// It had to make room for somebody else.
    Displaced,
}

/// Decides between the worker that would begin a job and the caller that would give it up: one of them wins.
#[derive(Default)]
pub(super) struct Ticket(AtomicU8);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Ticket {
    fn begin(&self) -> bool {
        self.0.compare_exchange(WAITING, BEGUN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Gives the job up, unless it has begun.
    pub(super) fn give_up(&self) -> bool {
        self.0.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The jobs that wait, and the memory that is left for those that run.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    budget: usize,
}

struct State {
    waiting: FairQueue<Job>,
    /// The job whose turn it is, where there is no memory for it yet. No other one overtakes it, or a costly old hash
    /// would never be checked.
    next: Option<Job>,
    free_blocks: usize,
    running: usize,
    closed: bool,
}

impl Queue {
    /// A queue of at most `max_waiting` jobs, over a budget of so many blocks.
    pub(super) fn new(max_waiting: usize, budget: usize) -> Self {
        let waiting = FairQueue::new(max_waiting);
        let state = State { waiting, next: None, free_blocks: budget, running: 0, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), budget }
    }

    /// Adds a job, and tells whether there was room for it. Another one may have to go for it.
    pub(super) fn push(&self, requester: Requester, job: Job) -> bool {
        let mut state = self.lock();
        if state.waiting.is_full() {
            // Those whose callers have gone make room for those who are still there.
            state.waiting.retain(|waiting| !waiting.answer.is_closed());
        }
        let pushed = state.waiting.push(requester, job);
        drop(state);
        match pushed {
            Pushed::Queued => self.changed.notify_one(),
            Pushed::Displaced(job) => {
                // Its caller may have gone as well.
                let _ = job.answer.send(Answer::Displaced);
            }
            Pushed::Refused(_) => return false,
        }
        true
    }

    /// Waits for the next job that somebody still wants and that fits into the budget, and takes its memory from it.
    /// `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<(Job, Reserved<'_>)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = self.begin(&mut state) {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same without waiting, where at least so many jobs wait. `None` otherwise.
    pub(super) fn next_of(&self, crowd: usize) -> Option<(Job, Reserved<'_>)> {
        let mut state = self.lock();
        if state.waiting.len() < crowd { None } else { self.begin(&mut state) }
    }

    fn begin(&self, state: &mut State) -> Option<(Job, Reserved<'_>)> {
        while let Some(job) = state.next.take().or_else(|| state.waiting.pop()) {
            // A job that is larger than the whole budget runs alone.
            let charge = job.blocks.min(self.budget);
            if charge > state.free_blocks {
                state.next = Some(job);
                return None;
            }
            if !job.answer.is_closed() && job.ticket.begin() {
                state.free_blocks -= charge;
                state.running += 1;
                return Some((job, Reserved { queue: self, blocks: charge }));
            }
        }
        None
    }

    /// How many jobs wait.
    pub(super) fn waiting(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + usize::from(state.next.is_some())
    }

    /// How many jobs are being computed.
    pub(super) fn running(&self) -> usize {
        self.lock().running
    }

    /// Lets the workers go home.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.next = None;
        state.waiting.retain(|_| false);
        drop(state);
        self.changed.notify_all();
    }

    // Nothing that can panic happens under the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory taken from the budget; given back when dropped.
pub(super) struct Reserved<'a> {
    queue: &'a Queue,
    blocks: usize,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.free_blocks += self.blocks;
        state.running -= 1;
        drop(state);
        self.queue.changed.notify_all();
    }
}
