//! The worker that sends the letters of the outbox.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use inwren_domain::outbox::deliver::{self, Outcome};
use inwren_domain::outbox::{Letter, Mail, OutboxSignal};
use inwren_domain::{Core, PortFailure};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::observability::metrics::OutboxMetrics;

/// Number of letters that are sent at once: the connections of the SMTP mailer.
const AT_ONCE: usize = 4;
/// How often the worker looks for letters of other instances, and for those whose next attempt is due.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often the figures for the metrics are read, and how long the store may take.
const BETWEEN_FIGURES: Duration = Duration::from_secs(15);
const FIGURES_TIMEOUT: Duration = Duration::from_secs(5);

/// Wakes the worker of this process. Without a worker, as in commands, the letters wait for a serving instance.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl OutboxSignal for Wake {
    fn letters_queued(&self) {
        self.0.notify_one();
    }
}

/// A running worker.
pub struct OutboxWorker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    figures: JoinHandle<()>,
}

impl OutboxWorker {
    /// Starts the worker of this process.
    pub fn start(core: Core, mail: Mail, wake: Wake, metrics: Arc<OutboxMetrics>) -> Self {
        let core = Arc::new(core);
        let (stop, stopped) = oneshot::channel();
        let figures = tokio::spawn(read_figures(Arc::clone(&core), Arc::clone(&metrics)));
        let task = tokio::spawn(run(core, mail, wake, metrics, stopped));
        Self { stop, task, figures }
    }

    /// Claims no more letters, and waits for those that are being sent, within the grace period. Another instance sends
    /// the letters that were claimed but not started, when the claim ends.
    pub async fn stop(self, grace: Duration) {
        self.figures.abort();
        let _ = self.stop.send(());
        let mut task = self.task;
        if tokio::time::timeout(grace, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("stopped while letters were being sent; they will be sent again");
        }
    }
}

async fn run(
    core: Arc<Core>,
    mail: Mail,
    wake: Wake,
    metrics: Arc<OutboxMetrics>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut claimed = VecDeque::new();
    let mut sending = JoinSet::new();
    let mut claims = Claims::default();
    loop {
        while sending.len() < AT_ONCE
            && let Some(letter) = claimed.pop_front()
        {
            sending.spawn(send(Arc::clone(&core), mail.clone(), letter, Arc::clone(&metrics)));
        }
        let is_free = sending.len() < AT_ONCE;
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            Some(_) = sending.join_next() => {}
            () = claims.due(&wake), if is_free => claimed.extend(claims.next(&core).await),
        }
    }
    while sending.join_next().await.is_some() {}
}

/// The claims of a worker.
#[derive(Default)]
struct Claims {
    /// Whether the last claim was full, so that more letters are probably due.
    is_full: bool,
    is_failing: bool,
}

impl Claims {
    /// Waits until there may be letters to claim.
    async fn due(&self, wake: &Wake) {
        if !self.is_full {
            let _ = tokio::time::timeout(INTERVAL, wake.0.notified()).await;
        }
    }

    async fn next(&mut self, core: &Core) -> Vec<Letter> {
        let claimed = deliver::claim(core).await;
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

async fn send(core: Arc<Core>, mail: Mail, letter: Letter, metrics: Arc<OutboxMetrics>) {
    let (id, kind) = (letter.id, letter.kind.as_str());
    let outcome = deliver::send(&core, &mail, letter).await;
    match &outcome {
        Ok(Outcome::Delivered(_)) => tracing::info!(letter = %id, kind, "sent a letter"),
        Ok(Outcome::Postponed(_, error)) => {
            tracing::warn!(letter = %id, kind, error, "a letter was not sent; another attempt follows");
        }
        Ok(Outcome::Died(_, error)) => {
            tracing::warn!(letter = %id, kind, error, "a letter was not sent, and no attempt follows");
        }
        Ok(Outcome::Dropped | Outcome::Lost) => {}
        Err(error) => {
            tracing::warn!(letter = %id, kind, %error, "a letter failed; another attempt follows when its claim ends");
        }
    }
    if let Ok(outcome) = &outcome {
        metrics.count(outcome);
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
