use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use inwren_domain::ports::HasherError;
use tokio::sync::oneshot;

use super::computation::{Computed, Task};

/// A task, how much it needs, and where its answer goes.
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) blocks: usize,
    pub(super) ticket: Arc<Ticket>,
    pub(super) answer: oneshot::Sender<Result<Computed, HasherError>>,
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
    max_waiting: usize,
    budget: usize,
}

struct State {
    waiting: VecDeque<Job>,
    free_blocks: usize,
    closed: bool,
}

impl Queue {
    /// A queue of at most `max_waiting` jobs, over a budget of so many blocks.
    pub(super) fn new(max_waiting: usize, budget: usize) -> Self {
        let state = State { waiting: VecDeque::new(), free_blocks: budget, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), max_waiting, budget }
    }

    /// Adds a job, or gives it back when the queue is full.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let mut state = self.lock();
        if state.waiting.len() >= self.max_waiting {
            // Those whose callers have gone make room for those who are still there.
            state.waiting.retain(|waiting| !waiting.answer.is_closed());
            if state.waiting.len() >= self.max_waiting {
                return Err(job);
            }
        }
        state.waiting.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next job that somebody still wants and that fits into the budget, and takes its memory from it.
    /// `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<(Job, Reserved<'_>)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            // In turn: a large job at the head waits for room, and the small ones behind it do not starve it.
            if let Some(job) = state.waiting.pop_front() {
                // A job that is larger than the whole budget runs alone.
                let charge = job.blocks.min(self.budget);
                if charge > state.free_blocks {
                    state.waiting.push_front(job);
                } else if !job.answer.is_closed() && job.ticket.begin() {
                    state.free_blocks -= charge;
                    return Some((job, Reserved { queue: self, blocks: charge }));
                } else {
                    continue;
                }
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many jobs wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Lets the workers go home.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
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
        self.queue.lock().free_blocks += self.blocks;
        self.queue.changed.notify_all();
    }
}
