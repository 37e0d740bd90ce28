use std::sync::{Arc, Mutex, MutexGuard};

use inwren_domain::kernel::StoreError;

/// The faults of a [faulty store](super::faulty_store), and a record of its calls.
///
/// The name of a call is its method: `begin`, `commit`, `rotate_session`, `open_session`, `register_user`,
/// `users.lock`, `sessions.insert` and so on.
#[derive(Debug, Default)]
pub struct Script {
    dawdles: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<&'static str>,
    made: usize,
    faults: Vec<Fault>,
    unanswered: Vec<&'static str>,
    open: usize,
    most_open: usize,
}

#[derive(Debug)]
struct Fault {
    at: At,
    done: bool,
    error: StoreError,
}

#[derive(Debug, PartialEq)]
enum At {
    Call(usize),
    Name(&'static str),
}

impl Script {
    pub(super) fn dawdling() -> Self {
        Self { dawdles: true, ..Self::default() }
    }

    /// Yields to other tasks if the test wants races.
    pub(super) async fn pause(&self) {
        if self.dawdles {
            tokio::task::yield_now().await;
        }
    }

    /// Fails the next call of this name without passing it on.
    pub fn fail(&self, name: &'static str, error: StoreError) {
        self.state().faults.push(Fault { at: At::Name(name), done: false, error });
    }

    /// Passes the next call of this name on and then returns the error, as if the response was lost.
    pub fn lose_answer(&self, name: &'static str, error: StoreError) {
        self.state().faults.push(Fault { at: At::Name(name), done: true, error });
    }

    /// Passes calls of this name on but never returns from them. Calls after `clear_faults` return again.
    pub fn keep_waiting(&self, name: &'static str) {
        self.state().unanswered.push(name);
    }

    /// Whether this call, which was passed on, never returns.
    pub(super) fn is_unanswered(&self, name: &'static str) -> bool {
        self.state().unanswered.contains(&name)
    }

    /// Fails the n-th call from now, whatever its name. The next call is the first.
    pub fn fail_nth(&self, n: usize, error: StoreError) {
        let mut state = self.state();
        let at = At::Call(state.made + n);
        state.faults.push(Fault { at, done: false, error });
    }

    /// Removes the faults that have not occurred yet, and returns how many there were.
    pub fn clear_faults(&self) -> usize {
        let mut state = self.state();
        state.unanswered.clear();
        state.faults.drain(..).count()
    }

    /// Returns the calls so far, in order, and clears the record.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().calls)
    }

    /// How many views and units are open.
    pub fn open_handles(&self) -> usize {
        self.state().open
    }

    /// The largest number of views and units that were open at the same time.
    pub fn most_open_handles(&self) -> usize {
        self.state().most_open
    }

    /// Records a call. An `Err` is the failure of the call. An `Ok(Some(error))` is the error to return after the call
    /// was passed on.
    pub(super) fn enter(&self, name: &'static str) -> Result<Option<StoreError>, StoreError> {
        let mut state = self.state();
        state.calls.push(name);
        state.made += 1;
        let due = [At::Call(state.made), At::Name(name)];
        let Some(found) = state.faults.iter().position(|fault| due.contains(&fault.at)) else {
            return Ok(None);
        };
        let fault = state.faults.remove(found);
        if fault.done { Ok(Some(fault.error)) } else { Err(fault.error) }
    }

    pub(super) fn open(self: &Arc<Self>) -> Handle {
        let mut state = self.state();
        state.open += 1;
        state.most_open = state.most_open.max(state.open);
        Handle(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Counts as an open view or unit until it is dropped.
pub(super) struct Handle(Arc<Script>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.state().open -= 1;
    }
}
