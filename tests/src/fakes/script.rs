use std::sync::{Arc, Mutex, MutexGuard};

use inwren_domain::kernel::StoreError;

/// What a [faulty store](super::faulty_store) is to fail at, and what it was asked.
///
/// A call is named by its method: `begin`, `commit`, `rotate_session`, `open_session`, `register_user`, `users.lock`, `sessions.insert` and so on.
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

    /// Lets others run, where races are to be met.
    pub(super) async fn pause(&self) {
        if self.dawdles {
            tokio::task::yield_now().await;
        }
    }

    /// Fails the next call of this name, without passing it on.
    pub fn fail(&self, name: &'static str, error: StoreError) {
        self.state().faults.push(Fault { at: At::Name(name), done: false, error });
    }

    /// Passes the next call of this name on, and then says that it failed: an answer that was lost on the way.
    pub fn lose_answer(&self, name: &'static str, error: StoreError) {
        self.state().faults.push(Fault { at: At::Name(name), done: true, error });
    }

    /// Passes calls of this name on, and never answers, until the faults are cleared.
    pub fn keep_waiting(&self, name: &'static str) {
        self.state().unanswered.push(name);
    }

    /// Whether this call, which was passed on, is never answered.
    pub(super) fn is_unanswered(&self, name: &'static str) -> bool {
        self.state().unanswered.contains(&name)
    }

    /// Fails the n-th call from now, whatever it is; the next one is the first.
    pub fn fail_nth(&self, n: usize, error: StoreError) {
        let mut state = self.state();
        let at = At::Call(state.made + n);
        state.faults.push(Fault { at, done: false, error });
    }

    /// Takes back the faults that have not come up yet, and tells how many those were.
    pub fn clear_faults(&self) -> usize {
        let mut state = self.state();
        state.unanswered.clear();
        state.faults.drain(..).count()
    }

    /// The calls up to now, in order. They are forgotten here.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().calls)
    }

    /// How many views and units are open.
    pub fn open_handles(&self) -> usize {
        self.state().open
    }

    /// The most views and units that were open at one time.
    pub fn most_open_handles(&self) -> usize {
        self.state().most_open
    }

    /// Takes note of a call. An error is the call's failure; an error inside is told after the call was passed on.
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
