use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use inwren_domain::limiter::Quota;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::script::{TICK, Take};
use super::target::RedisTarget;
use crate::limiter::gcra::Pace;

/// How long a new connection may take until it has answered for the first time. Nobody waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long after a loss, or after a first attempt that failed, it is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long the pauses between attempts become.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often the connection is tried while nothing else shows whether it is well.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);
/// Redis counts as away once it has answered nothing for as long as this many calls may take, one after the other: less
/// is a hiccup, however many calls it hits.
const MAX_MISSED: u32 = 3;
/// A call in haste waits for so much less.
const HASTE: u32 = 4;

/// How many calls may be on their way to the connection's task before callers wait for it.
const PIPELINE: usize = 1_024;

const AWAY: &str = "Redis is away: this instance limits by itself until it is back";

/// The connection to Redis, which a task of its own makes, tries and makes again.
pub(super) struct Link {
    state: watch::Receiver<State>,
    keeper: Arc<Keeper>,
    task: JoinHandle<()>,
    /// Whether somebody has waited for the first attempt, and it was not over then.
    waited_in_vain: AtomicBool,
}

/// A connection that has answered in time.
pub(super) struct Live {
    connection: MultiplexedConnection,
    made: Instant,
    /// Since when nothing was answered, in microseconds after it was made; 0 while all is well.
    silent_since: AtomicU64,
}

#[derive(Clone)]
enum State {
    /// The first attempt is not over yet.
    Starting,
    Live(Arc<Live>),
    Away,
}

struct Keeper {
    target: RedisTarget,
    script: Take,
    probe_key: String,
    /// How long a call may take.
    patience: Duration,
    state: watch::Sender<State>,
    degradations: AtomicU64,
}

impl Live {
    /// A connection for one call.
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// Notes that a call was answered.
    pub(super) fn answered(&self) {
        self.silent_since.store(0, Ordering::Relaxed);
    }

    /// How long a call may wait: not as long as usual right after one that was not answered. Once that is a while ago, a call
    /// waits as long as ever, so that it is found out what has become of Redis.
    pub(super) fn patience(&self, usual: Duration) -> Duration {
        let is_just_silent = match self.silent_since.load(Ordering::Relaxed) {
            0 => false,
            since => self.made.elapsed() < Duration::from_micros(since) + usual * MAX_MISSED,
        };
        if is_just_silent { usual / HASTE } else { usual }
    }

    /// Notes that a call was not answered for so long, and gives for how long nothing was.
    fn missed(&self, waited: Duration) -> Duration {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let now = micros(self.made.elapsed());
        let begun = now.saturating_sub(micros(waited)).max(1);
        let known = self.silent_since.compare_exchange(0, begun, Ordering::Relaxed, Ordering::Relaxed);
        Duration::from_micros(now.saturating_sub(known.err().unwrap_or(begun)))
    }
}

impl Link {
    /// Begins to connect. Must be called within a runtime.
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

    /// The connection, unless Redis is away. While the first attempt lasts it is waited for as long as for a call, and for less
    /// once somebody has waited in vain.
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

    /// The script.
    pub(super) fn script(&self) -> &Take {
        &self.keeper.script
    }

    /// Notes that a call was not answered, which waited for so long.
    pub(super) fn missed(&self, live: &Arc<Live>, waited: Duration) {
        self.keeper.missed(live, waited);
    }

    /// Notes that the connection is of no use any more.
    pub(super) fn lose(&self, live: &Arc<Live>, reason: &str) {
        self.keeper.lose(live, reason);
    }

    /// Whether Redis is away, or not known yet.
    pub(super) fn is_away(&self) -> bool {
        !matches!(&*self.state.borrow(), State::Live(_))
    }

    /// How often it went away.
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

    /// Connects, and lets Redis show that it does what it is for, and in time.
    async fn open(&self) -> Result<Arc<Live>, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(PIPELINE);
        let client = self.target.client();
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(|error| error.to_string())?;
        let live = Live { connection, made: Instant::now(), silent_since: AtomicU64::new(0) };
        // The first call may have to bring the script along.
        for patience in [CONNECT_TIMEOUT, self.patience] {
            match in_time(patience, self.probe(&live)).await {
                Some(outcome) => outcome?,
                None => return Err("no answer in time".to_owned()),
            }
        }
        Ok(Arc::new(live))
    }

    /// Comes to an end when the connection is lost; that it is may be found out here or by somebody who uses it.
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

    /// The script itself, on a key of its own: a Redis that can be read but not written to is of no use.
    async fn probe(&self, live: &Live) -> Result<(), String> {
        let pace = Pace::new(Quota { limit: 1_000, period: Duration::from_secs(1) }, TICK);
        let mut connection = live.connection();
        let taken = self.script.run(&mut connection, &self.probe_key, &pace, Duration::ZERO).await;
        taken.map(drop).map_err(|error| error.to_string())
    }

    /// A call in haste proves nothing: Redis may only be slower than that.
    fn missed(&self, live: &Arc<Live>, waited: Duration) {
        if waited > self.patience / 2 && live.missed(waited) >= self.patience * MAX_MISSED {
            self.lose(live, "no answer in time");
        }
    }

    /// Only the first one to find that a connection is lost says so.
    fn lose(&self, lost: &Arc<Live>, reason: &str) {
        if self.go_away(|state| matches!(state, State::Live(live) if Arc::ptr_eq(live, lost))) {
            tracing::warn!(reason, redis = %self.target, "{AWAY}");
        }
    }

    /// Whether this made the difference.
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

/// The outcome, unless it takes longer. The end of the patience is one tenth of it, counted from when this task is next
/// looked at: on a busy machine it may be this process that was late, with the answer there already.
pub(super) async fn in_time<T>(patience: Duration, call: impl Future<Output = T>) -> Option<T> {
    let mut call = std::pin::pin!(call);
    let last = patience / 10;
    match timeout(patience - last, &mut call).await {
        Ok(outcome) => Some(outcome),
        Err(_) => timeout(last, &mut call).await.ok(),
    }
}
