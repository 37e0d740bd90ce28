use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use inwren_domain::credential::Requester;

use super::durations::{Durations, Histogram};
use super::fair::{FairQueue, Pushed};
use super::task::Task;
use crate::parts::{Part, Parts};

/// A task, and how much it needs.
pub(super) struct Job {
    pub(super) task: Box<dyn Task>,
    pub(super) blocks: usize,
    /// Whether it takes much longer than other jobs.
    pub(super) is_slow: bool,
    pub(super) ticket: Arc<Ticket>,
    /// Parts of the caller's trace that the job adds.
    pub(super) parts: Parts,
}

/// The wait of a job. It ends once: when a worker starts the job, or when the caller gives up.
pub(super) struct Ticket(Mutex<Option<Waiting>>);

struct Waiting {
    since: Instant,
    _part: Part,
}

impl Ticket {
    /// Starts the wait. The part of the trace ends with it.
    pub(super) fn new(part: Part) -> Self {
        Self(Mutex::new(Some(Waiting { since: Instant::now(), _part: part })))
    }

    fn take(&self) -> Option<Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The waiting jobs, and the memory that is left for running ones.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    bounds: Bounds,
    waits: Histogram,
}

/// Limits on running jobs.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Total number of blocks.
    pub(super) budget: usize,
    /// Most blocks of a job that is not large.
    pub(super) usual: usize,
    /// Most slow jobs at a time.
    pub(super) slow: usize,
}

struct State {
    waiting: FairQueue<Job>,
    /// The next job, if there is no memory for it yet. No other large or slow job overtakes it, because an expensive
    /// stored hash would then never be checked. Usual jobs overtake it, because they leave memory for it.
    next: Option<Job>,
    free_blocks: usize,
    running: usize,
    slow: usize,
    closed: bool,
}

impl Queue {
    /// Creates a queue of at most `max_waiting` jobs.
    pub(super) fn new(max_waiting: usize, bounds: Bounds) -> Self {
        let waiting = FairQueue::new(max_waiting);
        let free_blocks = bounds.budget;
        let state = State { waiting, next: None, free_blocks, running: 0, slow: 0, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), bounds, waits: Histogram::default() }
    }

    /// Adds a job, and returns whether there was room for it. It may displace another one.
    pub(super) fn push(&self, requester: Requester, job: Job) -> bool {
        let mut state = self.lock();
        if state.waiting.is_full() {
            // Jobs whose callers have gone make room for the others.
            state.waiting.retain(|waiting| !waiting.task.is_abandoned());
        }
        let pushed = state.waiting.push(requester, job);
        drop(state);
        match pushed {
            Pushed::Queued => self.changed.notify_one(),
            Pushed::Displaced(job) => {
                job.task.displace();
            }
            Pushed::Refused(_) => return false,
        }
        true
    }

    /// Waits for the next job that fits into the budget and whose caller is still waiting, and reserves its memory.
    /// Returns `None` after the queue is closed.
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

    fn begin(&self, state: &mut State) -> Option<(Job, Reserved<'_>)> {
        loop {
            let job = self.choose(state)?;
            if !job.task.is_abandoned() && self.end_wait(&job.ticket) {
                let (blocks, is_slow) = (self.charge(&job), job.is_slow);
                state.free_blocks -= blocks;
                state.running += 1;
                state.slow += usize::from(is_slow);
                return Some((job, Reserved { queue: self, blocks, is_slow }));
            }
        }
    }

    /// Ends the wait of a job, and returns whether this call ended it.
    pub(super) fn end_wait(&self, ticket: &Ticket) -> bool {
        let Some(waiting) = ticket.take() else { return false };
        self.waits.observe(waiting.since.elapsed());
        true
    }

    /// Returns how long jobs have waited.
    pub(super) fn waits(&self) -> Durations {
        self.waits.durations()
    }

    /// Returns the next job that can run now.
    fn choose(&self, state: &mut State) -> Option<Job> {
        let (free_blocks, may_be_slow) = (state.free_blocks, state.slow < self.bounds.slow);
        let has_thread = |job: &Job| may_be_slow || !job.is_slow;
        let fits = |job: &Job| self.charge(job) <= free_blocks && has_thread(job);
        // A job whose caller has gone does not delay others.
        if let Some(next) = state.next.take_if(|next| next.task.is_abandoned() || fits(next)) {
            return Some(next);
        }
        if state.next.is_none() {
            let job = state.waiting.pop(&has_thread)?;
            if fits(&job) {
                return Some(job);
            }
            state.next = Some(job);
        }
        let needs_thread = state.next.as_ref().is_some_and(|next| next.is_slow);
        let overtakes = |job: &Job| job.blocks <= self.bounds.usual && !(needs_thread && job.is_slow);
        state.waiting.pop(&|job| overtakes(job) && fits(job))
    }

    /// Returns what a job takes from the budget. A usual hash that exceeds the whole budget runs alone.
    fn charge(&self, job: &Job) -> usize {
        job.blocks.min(self.bounds.budget)
    }

    /// Returns the number of waiting jobs.
    pub(super) fn waiting(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + usize::from(state.next.is_some())
    }

    /// Returns the number of running jobs.
    pub(super) fn running(&self) -> usize {
        self.lock().running
    }

    /// Stops the workers.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.next = None;
        state.waiting.retain(|_| false);
        drop(state);
        self.changed.notify_all();
    }

    // No code under the lock can panic, so a poisoned lock still holds a complete state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory reserved from the budget. Dropping it returns the memory.
pub(super) struct Reserved<'a> {
    queue: &'a Queue,
    blocks: usize,
    is_slow: bool,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.free_blocks += self.blocks;
        state.running -= 1;
        state.slow -= usize::from(self.is_slow);
        drop(state);
        self.queue.changed.notify_all();
    }
}
