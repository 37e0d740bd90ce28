use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use inwren_domain::ports::StoreError;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::patience::End;

/// As many as are answered together. More would make the first ones wait for the last.
pub(super) const MAX_TOGETHER: usize = 64;
/// As many as may wait for their turn; whoever comes then waits to be let in.
const MAX_WAITING: usize = 1024;

/// Answers together what is asked at the same time: one round trip, or one commit, for all who wait.
///
/// Whoever comes while nothing is under way is answered at once and alone; the more come, the more share the cost, which
/// is just when it matters. An answer is always younger than its question.
pub(super) struct Batcher<Q, A> {
    questions: mpsc::Sender<Asked<Q, A>>,
    patience: Duration,
}

/// A question, and until when it may be worked on.
#[derive(Clone, Debug)]
pub(super) struct Job<Q> {
    pub(super) question: Q,
    /// From this moment on it MUST NOT change anything: its caller is about to give up.
    pub(super) write_by: Instant,
}

struct Asked<Q, A> {
    job: Job<Q>,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

/// What has been asked, for whichever lane is free.
type Waiting<Q, A> = Arc<Mutex<mpsc::Receiver<Asked<Q, A>>>>;

impl<Q: Clone + Send + 'static, A: Send + 'static> Batcher<Q, A> {
    /// Lets so many lanes, each a task, answer what is asked by calling `answer`, which answers at most [`MAX_TOGETHER`]
    /// questions in their order. Whoever is not answered in time is told that the database does not answer.
    pub(super) fn start<F, Answers>(lanes: usize, patience: Duration, answer: F) -> Self
    where
        F: Fn(Vec<Job<Q>>) -> Answers + Clone + Send + Sync + 'static,
        Answers: Future<Output = Result<Vec<A>, StoreError>> + Send + 'static,
    {
        let (batcher, waiting) = Self::unanswered(patience);
        for _ in 0..lanes {
            tokio::spawn(lane(Arc::clone(&waiting), answer.clone(), patience));
        }
        batcher
    }

    /// As [`start`](Self::start), with one lane that is a thread of this name: `answer` may keep it waiting.
    pub(super) fn start_thread<F, Answers>(name: &str, patience: Duration, answer: F) -> io::Result<Self>
    where
        F: Fn(Vec<Job<Q>>) -> Answers + Send + 'static,
        Answers: Future<Output = Result<Vec<A>, StoreError>>,
    {
        let (batcher, waiting) = Self::unanswered(patience);
        let runtime = Handle::current();
        let work = move || runtime.block_on(lane(waiting, answer, patience));
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(batcher)
    }

    /// One whose questions wait for a lane.
    fn unanswered(patience: Duration) -> (Self, Waiting<Q, A>) {
        let (questions, waiting) = mpsc::channel(MAX_WAITING);
        (Self { questions, patience }, Arc::new(Mutex::new(waiting)))
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&self, question: Q) -> Result<A, StoreError> {
        let End { write_by, give_up } = End::of(self.patience);
        let asking = async {
            let (answer, answered) = oneshot::channel();
            self.questions.send(Asked { job: Job { question, write_by }, answer }).await.ok()?;
            answered.await.ok()
        };
        match tokio::time::timeout_at(give_up.into(), asking).await {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(StoreError::Unavailable("the database gave no answer".to_owned())),
            Err(_) => Err(StoreError::Unavailable("the database does not answer in time".to_owned())),
        }
    }
}

/// Ends when nobody is left who could ask.
async fn lane<Q, A, F, Answers>(waiting: Waiting<Q, A>, answer: F, patience: Duration)
where
    Q: Clone,
    F: Fn(Vec<Job<Q>>) -> Answers,
    Answers: Future<Output = Result<Vec<A>, StoreError>>,
{
    let mut asked = Vec::with_capacity(MAX_TOGETHER);
    while waiting.lock().await.recv_many(&mut asked, MAX_TOGETHER).await > 0 {
        // Callers that have given up, or are about to, count on their jobs not being done.
        let now = Instant::now();
        let (jobs, callers): (Vec<Job<Q>>, Vec<_>) = asked
            .drain(..)
            .filter(|asked| !asked.answer.is_closed() && now < asked.job.write_by)
            .map(|asked| (asked.job, asked.answer))
            .unzip();
        if jobs.is_empty() {
            continue;
        }
        // A connection that has gone silent would keep the lane until the network gives it up. Its callers have gone by
        // then, and the next ones may find a better one.
        let Ok(answers) = tokio::time::timeout(patience, answers(jobs, &answer)).await else { continue };
        for (caller, answer) in callers.into_iter().zip(answers) {
            let _ = caller.send(answer);
        }
    }
}

async fn answers<Q, A, F, Answers>(jobs: Vec<Job<Q>>, answer: &F) -> Vec<Result<A, StoreError>>
where
    Q: Clone,
    F: Fn(Vec<Job<Q>>) -> Answers,
    Answers: Future<Output = Result<Vec<A>, StoreError>>,
{
    match unwound(answer(jobs.clone())).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        // It may be but one row that cannot be read, which is no reason to refuse the others.
        Err(StoreError::Inconsistent { .. }) if jobs.len() > 1 => {
            let mut answers = Vec::with_capacity(jobs.len());
            for job in jobs {
                let alone = unwound(answer(vec![job])).await;
                answers.push(alone.and_then(|mut answers| answers.pop().ok_or_else(unanswered)));
            }
            answers
        }
        Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// A panic fails these questions alone: without its lane nobody would ever be answered again.
async fn unwound<T>(answers: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let mut answers = pin!(answers);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| answers.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(unanswered())))
    })
    .await
}

fn unanswered() -> StoreError {
    StoreError::Unavailable("a question was not answered".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use tokio::sync::Semaphore;

    use super::*;

    /// What is never answered.
    const NEVER: u32 = 0;
    /// What makes whoever answers panic.
    const HORROR: u32 = 666;

    /// Doubles numbers, but for 13, which spoils the answers to all, once it is let; and remembers how many were asked
    /// together.
    struct Doubling {
        batcher: Batcher<u32, u32>,
        sizes: Arc<StdMutex<Vec<usize>>>,
        let_go: Arc<Semaphore>,
    }

    fn doubling(patience: Duration) -> Doubling {
        let (sizes, let_go) = (Arc::new(StdMutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
        let (noted, gate) = (Arc::clone(&sizes), Arc::clone(&let_go));
        let double = move |jobs: Vec<Job<u32>>| {
            let questions: Vec<u32> = jobs.into_iter().map(|job| job.question).collect();
            noted.lock().unwrap().push(questions.len());
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                if questions.contains(&NEVER) {
                    std::future::pending::<()>().await;
                }
                assert!(!questions.contains(&HORROR), "a horror");
                let odd = || StoreError::Inconsistent { table: "t", column: "c", id: "13".to_owned() };
                questions.into_iter().map(|n| if n == 13 { Err(odd()) } else { Ok(2 * n) }).collect()
            }
        };
        Doubling { batcher: Batcher::start(1, patience, double), sizes, let_go }
    }

    #[tokio::test]
    async fn what_is_asked_meanwhile_is_answered_together_and_each_gets_its_own() {
        let Doubling { batcher, sizes, let_go } = doubling(Duration::from_secs(60));
        let batcher = Arc::new(batcher);
        let ask = |n| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.ask(n).await })
        };
        let first = ask(1);
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = [5, 13, 7].map(ask).into();
        while batcher.questions.capacity() > MAX_WAITING - 3 {
            tokio::task::yield_now().await;
        }
        let_go.add_permits(5);
        assert_eq!(first.await.unwrap().unwrap(), 2);
        let mut answers = Vec::new();
        for other in others {
            answers.push(other.await.unwrap().map_err(|error| error.to_string()));
        }
        assert_eq!(answers, [Ok(10), Err("the store is inconsistent: t.c of 13".to_owned()), Ok(14)]);
        assert_eq!(*sizes.lock().unwrap(), [1, 3, 1, 1, 1]);
    }

    #[tokio::test]
    async fn a_panic_does_not_end_the_lane() {
        let Doubling { batcher, let_go, .. } = doubling(Duration::from_secs(60));
        let_go.add_permits(1_000);
        for _ in 0..3 {
            assert!(matches!(batcher.ask(HORROR).await, Err(StoreError::Unavailable(_))));
            assert_eq!(batcher.ask(2).await.unwrap(), 4);
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_and_the_lane_goes_on() {
        let Doubling { batcher, let_go, .. } = doubling(Duration::from_millis(100));
        let_go.add_permits(1_000);
        assert!(matches!(batcher.ask(NEVER).await, Err(StoreError::Unavailable(_))));
        // Whether the lane has given up yet is a matter of moments, and on a busy machine of more of them.
        for _ in 0..300 {
            if let Ok(answer) = batcher.ask(2).await {
                assert_eq!(answer, 4);
                return;
            }
        }
        panic!("the lane does not go on");
    }

    #[tokio::test]
    async fn a_job_carries_the_deadline_of_its_caller() {
        let patience = Duration::from_secs(60);
        let batcher = Batcher::start(1, patience, |jobs: Vec<Job<()>>| async move {
            Ok(jobs.into_iter().map(|job| job.write_by).collect())
        });
        let before = Instant::now();
        let write_by = batcher.ask(()).await.unwrap();
        assert!(write_by > before + patience / 2 && write_by < Instant::now() + patience);
    }

    /// The caller's own timer has not fired yet, because its thread is busy: its channel is still open.
    #[tokio::test]
    async fn a_job_whose_deadline_has_passed_is_not_started() {
        let patience = Duration::from_millis(100);
        let started = Arc::new(StdMutex::new(Vec::new()));
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let (noted, gate) = (Arc::clone(&started), StdMutex::new(gate));
        let work = move |jobs: Vec<Job<u32>>| {
            noted.lock().unwrap().extend(jobs.iter().map(|job| job.question));
            let _ = gate.lock().unwrap().recv();
            async move { Ok(vec![(); jobs.len()]) }
        };
        let batcher = Arc::new(Batcher::start_thread("worker", patience, work).unwrap());
        let ask = |n| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.ask(n).await })
        };
        let first = ask(1);
        while started.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let second = ask(2);
        while batcher.questions.capacity() == MAX_WAITING {
            tokio::task::yield_now().await;
        }
        // From here on this thread does not return to the runtime, so that no caller gives up.
        let block = |time: Duration| {
            let begun = Instant::now();
            while begun.elapsed() < time {
                std::thread::yield_now();
            }
        };
        block(2 * patience);
        release.send(()).unwrap();
        while batcher.questions.capacity() < MAX_WAITING {
            std::thread::yield_now();
        }
        block(patience);
        assert_eq!(*started.lock().unwrap(), [1]);
        drop(release);
        // The first job was done, late; whether its caller still hears of it does not matter here.
        let _ = first.await.unwrap();
        assert!(second.await.unwrap().is_err());
    }
}
