use std::time::Instant;

use argon2::{Block, Params};

use super::computation::Computation;
use super::cpu_timer::Pace;
use super::durations::Histogram;
use super::queue::Queue;

/// What a thread does: one job after the other, in blocks of its own.
pub(super) fn work(queue: &Queue, params: &Params, computations: &Histogram) {
    let usual = params.block_count();
    let mut blocks: Vec<Block> = Vec::new();
    let mut pace = Pace::default();
    while let Some((mut job, reserved)) = queue.next() {
        if blocks.len() < job.blocks {
            blocks.resize(job.blocks, Block::default());
        }
        let computation = Computation { current: params, blocks: &mut blocks, pace: &mut pace };
        let (begun, part) = (Instant::now(), job.parts.begin("hasher.compute"));
        job.task.compute(computation);
        computations.observe(begun.elapsed());
        drop(part);
        // What a costly old hash needed beyond the usual goes back to the system before the budget knows it free.
        if blocks.len() > usual {
            blocks.truncate(usual);
            blocks.shrink_to_fit();
        }
        drop(reserved);
        job.task.deliver();
    }
}
