use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use inwren_domain::limiter::Quota;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::script::{Move, TICK, Take};
use super::target::RedisTarget;
use crate::limiter::gcra::Pace;

/// Timeout for a new connection until its first answer. No request waits that long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause before the next attempt after a loss or a failed first attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Interval between probes of the connection.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);
/// Redis counts as away after it has answered nothing for this many call timeouts. A shorter silence is tolerated,
/// however many calls it affects.
const MAX_MISSED: u32 = 3;
/// Divisor of the timeout for calls directly after an unanswered one.
const HASTE: u32 = 4;

/// How many calls may wait for the connection's task before callers have to wait.
const PIPELINE: usize = 1_024;

const AWAY: &str = "Redis is away: this instance limits by itself until it is back";

/// The connection to Redis. A background task opens, probes and reopens it.
pub(super) struct Link {
    state: watch::Receiver<State>,
    keeper: Arc<Keeper>,
    task: JoinHandle<()>,
    /// Whether a caller has waited for the first attempt without result.
    waited_in_vain: AtomicBool,
}

/// A connection that has answered in time.
pub(super) struct Live {
    connection: MultiplexedConnection,
    made: Instant,
    /// Start of the current silence, in microseconds after the connection was made; 0 if the last call was answered.
    silent_since: AtomicU64,
}

#[derive(Clone)]
enum State {
    /// The first attempt is still running.
    Starting,
    Live(Arc<Live>),
    Away,
}

struct Keeper {
    target: RedisTarget,
    script: Take,
    probe_key: String,
    /// Timeout of a call.
    patience: Duration,
    state: watch::Sender<State>,
    degradations: AtomicU64,
}

impl Live {
    /// Returns a handle of the connection for one call.
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// Records that a call was answered.
    pub(super) fn answered(&self) {
        self.silent_since.store(0, Ordering::Relaxed);
    }

    /// Returns the timeout of a call: shorter than usual directly after an unanswered call. Later calls wait for the
    /// whole timeout again, so that the link detects whether Redis is back.
    pub(super) fn patience(&self, usual: Duration) -> Duration {
        let is_just_silent = match self.silent_since.load(Ordering::Relaxed) {
            0 => false,
            since => self.made.elapsed() < Duration::from_micros(since) + usual * MAX_MISSED,
        };
        if is_just_silent { usual / HASTE } else { usual }
    }

    /// Records that a call was not answered within this time, and returns the duration of the silence.
    fn missed(&self, waited: Duration) -> Duration {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let now = micros(self.made.elapsed());
        let begun = now.saturating_sub(micros(waited)).max(1);
        let known = self.silent_since.compare_exchange(0, begun, Ordering::Relaxed, Ordering::Relaxed);
        Duration::from_micros(now.saturating_sub(known.err().unwrap_or(begun)))
    }
}

impl Link {
    /// Starts connecting. Must be called within a runtime.
    pub(super) fn start(target: RedisTarget, prefix: &str, patience: Duration) -> Self {
        let (sender, state) = watch::channel(State::Starting);
        let keeper = Arc::new(Keeper {
            target,
            script: Take::new(),
            probe_key: format!("{prefix}probe"),
            patience,
            state: sender,
            degradations: AtomicU64::new(0),
        });
        let task = tokio::spawn(Arc::clone(&keeper).keep());
        Self { state, keeper, task, waited_in_vain: AtomicBool::new(false) }
    }

    /// Returns the connection, unless Redis is away. During the first attempt it waits for it as long as for a call, or
    /// shorter after a caller has waited without result.
    pub(super) async fn live(&self) -> Option<Arc<Live>> {
        let mut state = match &*self.state.borrow() {
            State::Live(live) => return Some(Arc::clone(live)),
            State::Away => return None,
            State::Starting => self.state.clone(),
        };
        let usual = self.keeper.patience;
        let patience = if self.waited_in_vain.load(Ordering::Relaxed) { usual / HASTE } else { usual };
        let known = state.wait_for(|state| !matches!(state, State::Starting));
        match timeout(patience, known).await {
            Ok(Ok(state)) => match &*state {
                State::Live(live) => Some(Arc::clone(live)),
                State::Starting | State::Away => None,
            },
            Ok(Err(_)) => None,
            Err(_) => {
                self.waited_in_vain.store(true, Ordering::Relaxed);
                None
            }
        }
    }

    pub(super) fn script(&self) -> &Take {
        &self.keeper.script
    }

    /// Records that a call was not answered within this time.
    pub(super) fn missed(&self, live: &Arc<Live>, waited: Duration) {
        self.keeper.missed(live, waited);
    }

    /// Records that the connection is unusable.
    pub(super) fn lose(&self, live: &Arc<Live>, reason: &str) {
        self.keeper.lose(live, reason);
    }

    /// Returns whether Redis is away, or its state is not known yet.
    pub(super) fn is_away(&self) -> bool {
        !matches!(&*self.state.borrow(), State::Live(_))
    }

    /// Returns how often Redis went away.
    pub(super) fn degradations(&self) -> u64 {
        self.keeper.degradations.load(Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Keeper {
    async fn keep(self: Arc<Self>) {
        let (mut pause, mut away_since, mut complaint) = (FIRST_PAUSE, None, String::new());
        loop {
            match self.open().await {
                Ok(live) => {
                    let away_for = away_since.take().map(|since: Instant| since.elapsed());
                    match away_for {
                        Some(away_for) => tracing::info!(?away_for, "the shared rate limits are back"),
                        None => tracing::info!(redis = %self.target, "rate limits are shared"),
                    }
                    self.state.send_replace(State::Live(Arc::clone(&live)));
                    self.watch(&live).await;
                    (pause, complaint) = (FIRST_PAUSE, String::new());
                }
                Err(reason) => {
                    if self.go_away(|state| matches!(state, State::Starting)) {
                        tracing::warn!(reason, redis = %self.target, "{AWAY}");
                    } else if complaint != reason {
                        tracing::warn!(reason, redis = %self.target, "Redis is still away");
                    }
                    complaint = reason;
                }
            }
            away_since.get_or_insert_with(Instant::now);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Connects, and checks that Redis runs the script in time.
    async fn open(&self) -> Result<Arc<Live>, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(PIPELINE);
        let client = self.target.client();
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(|error| error.to_string())?;
        let live = Live { connection, made: Instant::now(), silent_since: AtomicU64::new(0) };
        // The first call may have to load the script.
        for patience in [CONNECT_TIMEOUT, self.patience] {
            match in_time(patience, self.probe(&live)).await {
                Some(outcome) => outcome?,
                None => return Err("no answer in time".to_owned()),
            }
        }
        Ok(Arc::new(live))
    }

    /// Probes the connection, and returns when it is lost. A caller may detect the loss earlier than the probe.
    async fn watch(&self, live: &Arc<Live>) {
        let mut state = self.state.subscribe();
        loop {
            let lost = state.wait_for(|state| !matches!(state, State::Live(_)));
            if timeout(BETWEEN_PROBES, lost).await.is_ok() {
                return;
            }
            match in_time(self.patience, self.probe(live)).await {
                Some(Ok(())) => live.answered(),
                Some(Err(reason)) => self.lose(live, &reason),
                None => self.missed(live, self.patience),
            }
        }
    }

    /// Runs the real script on a separate key: a read-only Redis is of no use.
    async fn probe(&self, live: &Live) -> Result<(), String> {
        let pace = Pace::new(Quota { limit: 1_000, period: Duration::from_secs(1) }, TICK);
        let mut connection = live.connection();
        let taken =
            self.script.run(&mut connection, &self.probe_key, &pace, Move::Take, Duration::ZERO).await;
        taken.map(drop).map_err(|error| error.to_string())
    }

    /// A missed call with a short timeout proves nothing: Redis may only be slower than that.
    fn missed(&self, live: &Arc<Live>, waited: Duration) {
        if waited > self.patience / 2 && live.missed(waited) >= self.patience * MAX_MISSED {
            self.lose(live, "no answer in time");
        }
    }

    /// Logs the loss of a connection once, for the first caller that detects it.
    fn lose(&self, lost: &Arc<Live>, reason: &str) {
        if self.go_away(|state| matches!(state, State::Live(live) if Arc::ptr_eq(live, lost))) {
            tracing::warn!(reason, redis = %self.target, "{AWAY}");
        }
    }

    /// Changes the state to away if `from` matches, and returns whether it did.
    fn go_away(&self, from: impl FnOnce(&State) -> bool) -> bool {
        let went = self.state.send_if_modified(|state| {
            let goes = from(state);
            if goes {
                *state = State::Away;
            }
            goes
        });
        if went {
            self.degradations.fetch_add(1, Ordering::Relaxed);
        }
        went
    }
}

/// Returns the outcome of a call within the timeout. The last tenth of the timeout counts from the next time that the
/// runtime polls this task: on a busy machine this process may be the late one, and the answer may have arrived
/// already.
pub(super) async fn in_time<T>(patience: Duration, call: impl Future<Output = T>) -> Option<T> {
    let mut call = std::pin::pin!(call);
    let last = patience / 10;
    match timeout(patience - last, &mut call).await {
        Ok(outcome) => Some(outcome),
        Err(_) => timeout(last, &mut call).await.ok(),
    }
}
