use std::time::Instant;

use argon2::{Block, Params};

use super::computation::Computation;
use super::cpu_timer::Pace;
use super::durations::Histogram;
use super::queue::{Answer, Queue};

/// What a thread does: one job after the other, in blocks of its own.
pub(super) fn work(queue: &Queue, params: &Params, computations: &Histogram) {
    let usual = params.block_count();
    let mut blocks: Vec<Block> = Vec::new();
    let mut pace = Pace::default();
    while let Some((job, reserved)) = queue.next() {
        if blocks.len() < job.blocks {
            blocks.resize(job.blocks, Block::default());
        }
        let computation = Computation { current: params, blocks: &mut blocks, pace: &mut pace };
        let (begun, part) = (Instant::now(), job.parts.begin("hasher.compute"));
        let computed = computation.of(job.task);
        computations.observe(begun.elapsed());
        drop(part);
        // What a costly old hash needed beyond the usual goes back to the system before the budget knows it free.
        if blocks.len() > usual {
            blocks.truncate(usual);
            blocks.shrink_to_fit();
        }
        drop(reserved);
        // The caller may have gone; that is no error.
        let _ = job.answer.send(Answer::Computed(computed));
    }
}
