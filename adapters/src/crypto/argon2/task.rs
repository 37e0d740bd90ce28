use inwren_domain::credential::HasherError;
use tokio::sync::oneshot;

use super::computation::Computation;

/// Something that a thread computes for a caller.
pub(super) trait Task: Send {
    /// Computes the result.
    fn compute(&mut self, computation: Computation<'_>);

    /// Sends the result to the caller, if there still is one.
    fn deliver(self: Box<Self>);

    /// Reports to the caller that the task made room for another one.
    fn displace(self: Box<Self>);

    /// Whether the caller has given up.
    fn is_abandoned(&self) -> bool;
}

/// What a caller receives.
pub(super) enum Reply<T> {
    /// The task was computed, or could not be.
    Computed(Result<T, HasherError>),
    /// The task made room for another one.
    Displaced,
}

/// A task that carries its own reply channel, so its caller receives the type that it asked for.
pub(super) struct Computing<T, F> {
    state: State<T, F>,
    caller: oneshot::Sender<Reply<T>>,
}

enum State<T, F> {
    Waiting(F),
    Computed(Result<T, HasherError>),
    Empty,
}

impl<T, F> Computing<T, F> {
    pub(super) fn new(compute: F, caller: oneshot::Sender<Reply<T>>) -> Self {
        Self { state: State::Waiting(compute), caller }
    }
}

impl<T, F> Task for Computing<T, F>
where
    T: Send,
    F: FnOnce(Computation<'_>) -> Result<T, HasherError> + Send,
{
    fn compute(&mut self, computation: Computation<'_>) {
        if let State::Waiting(compute) = std::mem::replace(&mut self.state, State::Empty) {
            self.state = State::Computed(compute(computation));
        }
    }

    fn deliver(self: Box<Self>) {
        if let State::Computed(result) = self.state {
            let _ = self.caller.send(Reply::Computed(result));
        }
    }

    fn displace(self: Box<Self>) {
        let _ = self.caller.send(Reply::Displaced);
    }

    fn is_abandoned(&self) -> bool {
        self.caller.is_closed()
    }
}
