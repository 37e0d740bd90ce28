//! The workers that send the letters and logout tokens of the outbox.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use inwren_domain::outbox::deliver::{self, Outcome};
use inwren_domain::outbox::{Delivery, Letter, LetterId, LetterKind, OutboxSignal};
use inwren_domain::{Core, PortFailure};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::observability::metrics::OutboxMetrics;

/// Number of letters that are sent at once, and of logout tokens: the connections of the SMTP mailer.
const AT_ONCE: usize = 4;
/// How often the worker looks for letters of other instances, and for those whose next attempt is due.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often the figures for the metrics are read, and how long the store may take.
const BETWEEN_FIGURES: Duration = Duration::from_secs(15);
const FIGURES_TIMEOUT: Duration = Duration::from_secs(5);

/// Wakes the workers of this process. Without a worker, as in commands, the letters wait for a serving instance.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<[Notify; 2]>);

impl Wake {
    /// Waits until something was queued.
    async fn queued(&self, delivery: Delivery) {
        let [letters, logout_tokens] = &*self.0;
        match delivery {
            Delivery::Letters => letters.notified().await,
            Delivery::LogoutTokens => logout_tokens.notified().await,
        }
    }
}

impl OutboxSignal for Wake {
    fn letters_queued(&self) {
        self.0.iter().for_each(Notify::notify_one);
    }
}

/// The running workers.
pub struct OutboxWorker {
    stop: watch::Sender<()>,
    workers: JoinSet<()>,
    figures: JoinHandle<()>,
}

impl OutboxWorker {
    /// Starts the workers of this process. Without mail there is none for letters.
    pub fn start(core: Core, wake: &Wake, metrics: &Arc<OutboxMetrics>) -> Self {
        let core = Arc::new(core);
        let (stop, stopped) = watch::channel(());
        let figures = tokio::spawn(read_figures(Arc::clone(&core), Arc::clone(metrics)));
        let mut workers = JoinSet::new();
        for delivery in [Delivery::Letters, Delivery::LogoutTokens] {
            if delivery == Delivery::LogoutTokens || core.mail.is_some() {
                let worker = Worker { core: Arc::clone(&core), delivery, metrics: Arc::clone(metrics) };
                workers.spawn(worker.run(wake.clone(), stopped.clone()));
            }
        }
        Self { stop, workers, figures }
    }

    /// Claims no more letters, and waits for those that are being sent, within the grace period. Another instance sends
    /// the letters that were claimed but not started, when the claim ends.
    pub async fn stop(self, grace: Duration) {
        self.figures.abort();
        let _ = self.stop.send(());
        let mut workers = self.workers;
        let all = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all).await.is_err() {
            workers.abort_all();
            tracing::warn!("stopped while letters were being sent; they will be sent again");
        }
    }
}

/// Sends letters, or logout tokens.
struct Worker {
    core: Arc<Core>,
    delivery: Delivery,
    metrics: Arc<OutboxMetrics>,
}

impl Worker {
    async fn run(self, wake: Wake, mut stopped: watch::Receiver<()>) {
        let mut claimed = VecDeque::new();
        let mut sending = JoinSet::new();
        let mut claims = Claims { delivery: self.delivery, is_full: false, is_failing: false };
        loop {
            while sending.len() < AT_ONCE
                && let Some(letter) = claimed.pop_front()
            {
                sending.spawn(send(Arc::clone(&self.core), letter, Arc::clone(&self.metrics)));
            }
            let is_free = sending.len() < AT_ONCE;
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                Some(_) = sending.join_next() => {}
                () = claims.due(&wake), if is_free => claimed.extend(claims.next(&self.core).await),
            }
        }
        while sending.join_next().await.is_some() {}
    }
}

/// The claims of a worker.
struct Claims {
    delivery: Delivery,
    /// Whether the last claim was full, so that more letters are probably due.
    is_full: bool,
    is_failing: bool,
}

impl Claims {
    /// Waits until there may be letters to claim.
    async fn due(&self, wake: &Wake) {
        if !self.is_full {
            let _ = tokio::time::timeout(INTERVAL, wake.queued(self.delivery)).await;
        }
    }

    async fn next(&mut self, core: &Core) -> Vec<Letter> {
        let claimed = deliver::claim(core, self.delivery).await;
        self.log_failure(claimed.as_ref().err());
        let letters = claimed.unwrap_or_default();
        self.is_full = letters.len() >= usize::from(Letter::CLAIMED_AT_ONCE);
        letters
    }

    /// Logs the first failure of a series, and its end.
    fn log_failure(&mut self, failure: Option<&PortFailure>) {
        match failure {
            Some(error) if !self.is_failing => {
                tracing::warn!(%error, "letters cannot be read from the outbox; they wait");
            }
            None if self.is_failing => tracing::info!("letters are read from the outbox again"),
            _ => {}
        }
        self.is_failing = failure.is_some();
    }
}

async fn send(core: Arc<Core>, letter: Letter, metrics: Arc<OutboxMetrics>) {
    let (id, kind) = (letter.id, letter.kind);
    let sent = deliver::send(&core, letter).await;
    log(id, kind, &sent);
    if let Ok(outcome) = &sent {
        metrics.count(outcome);
    }
}

fn log(id: LetterId, kind: LetterKind, sent: &Result<Outcome, PortFailure>) {
    let (what, kind) = (noun(kind), kind.as_str());
    match sent {
        Ok(Outcome::Delivered(_)) => tracing::info!(letter = %id, kind, "sent a {what}"),
        Ok(Outcome::Postponed(_, error)) => {
            tracing::warn!(letter = %id, kind, error, "a {what} was not sent; another attempt follows");
        }
        Ok(Outcome::Died(_, error)) => {
            tracing::warn!(letter = %id, kind, error, "a {what} was not sent, and no attempt follows");
        }
        Ok(Outcome::Dropped | Outcome::Lost) => {}
        Err(error) => {
            tracing::warn!(letter = %id, kind, %error, "a {what} failed; another attempt follows when its claim ends");
        }
    }
}

/// What the log calls a letter of this kind.
const fn noun(kind: LetterKind) -> &'static str {
    match kind {
        LetterKind::BackchannelLogout => "logout token",
        _ => "letter",
    }
}

/// Reads the figures for the metrics, so that a scrape does not wait for the store.
async fn read_figures(core: Arc<Core>, metrics: Arc<OutboxMetrics>) {
    loop {
        let reading = async { core.store.read().await?.outbox().figures().await };
        if let Ok(Ok(figures)) = tokio::time::timeout(FIGURES_TIMEOUT, reading).await {
            metrics.set(figures);
        }
        tokio::time::sleep(BETWEEN_FIGURES).await;
    }
}
