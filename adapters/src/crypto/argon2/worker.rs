use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::{Block, Params};
use tokio::sync::oneshot;

use super::computation::Computation;
use super::pace::Pace;
use super::queue::{Answer, Queue};

/// So many answers of a thread are handed over together at most, while many wait.
const TOGETHER: usize = 4;
/// And none is kept for longer than so many hashes of the usual kind take.
const KEPT_FOR: Duration = Duration::from_millis(80);
/// Many wait where there are so many for each thread: twice as many as are kept, so that no thread runs out of jobs because
/// those who would ask next have not been answered, and everybody waits for longer than an answer is kept.
const CROWD: usize = 2 * TOGETHER;

/// What a thread does: one job after the other, in blocks of its own. It is one of so many threads.
pub(super) fn work(queue: &Queue, threads: usize, params: &Params, done: &AtomicU64) {
    let usual = params.block_count();
    let mut blocks: Vec<Block> = Vec::new();
    let mut pace = Pace::default();
    let mut kept = Kept::default();
    loop {
        let next = queue.next_of(CROWD * threads).or_else(|| {
            kept.hand_over();
            queue.next()
        });
        let Some((job, reserved)) = next else { return };
        if !job.task.is_usual(params) {
            kept.hand_over();
        }
        if blocks.len() < job.blocks {
            blocks.resize(job.blocks, Block::default());
        }
        let computation = Computation { current: params, blocks: &mut blocks, pace: &mut pace };
        let computed = computation.of(job.task);
        // What a costly old hash needed beyond the usual goes back to the system before the budget knows it free.
        if blocks.len() > usual {
            blocks.truncate(usual);
            blocks.shrink_to_fit();
        }
        drop(reserved);
        done.fetch_add(1, Ordering::Relaxed);
        kept.keep(job.answer, Answer::Computed(computed), pace.hashes_within(KEPT_FOR));
    }
}

/// Answers that are kept until there are some.
///
/// What comes after a hash (signatures, a write that is durable, a response) finds in the caches what the one before left
/// there, shares a commit with it, and takes the processor from the hashes once instead of several times.
#[derive(Default)]
struct Kept(Vec<(oneshot::Sender<Answer>, Answer)>);

impl Kept {
    /// Keeps an answer, unless that makes as many as may be kept: the lesser of `at_most` and [`TOGETHER`].
    fn keep(&mut self, caller: oneshot::Sender<Answer>, answer: Answer, at_most: usize) {
        self.0.push((caller, answer));
        if self.0.len() >= at_most.min(TOGETHER) {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        for (caller, answer) in self.0.drain(..) {
            // Nobody may be waiting any more; that is no error.
            let _ = caller.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many have their answers, of so many that were kept one after the other.
    fn handed_over(at_most: usize, of: usize) -> usize {
        let mut kept = Kept::default();
        let mut callers = Vec::new();
        for _ in 0..of {
            let (answer, caller) = oneshot::channel();
            kept.keep(answer, Answer::Displaced, at_most);
            callers.push(caller);
        }
        callers.iter_mut().filter_map(|caller| caller.try_recv().ok()).count()
    }

    #[test]
    fn answers_are_handed_over_together() {
        assert_eq!([3, 4, 7, 8].map(|of| handed_over(100, of)), [0, 4, 4, 8]);
        assert_eq!([1, 2, 3].map(|of| handed_over(2, of)), [0, 2, 2]);
    }

    #[test]
    fn an_answer_after_a_long_hash_is_not_kept() {
        assert_eq!([0, 1].map(|at_most| handed_over(at_most, 3)), [3, 3]);
    }
}
