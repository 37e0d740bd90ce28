use std::time::Instant;

use argon2::{Block, Params};

use super::computation::Computation;
use super::cpu_timer::CpuTimer;
use super::durations::Histogram;
use super::queue::Queue;

/// Worker loop of a thread: it computes one job after the other, in its own blocks.
pub(super) fn work(queue: &Queue, params: &Params, computations: &Histogram) {
    let usual = params.block_count();
    let mut blocks: Vec<Block> = Vec::new();
    let mut timer = CpuTimer::default();
    while let Some((mut job, reserved)) = queue.next() {
        if blocks.len() < job.blocks {
            blocks.resize(job.blocks, Block::default());
        }
        let computation = Computation { current: params, blocks: &mut blocks, timer: &mut timer };
        let (begun, part) = (Instant::now(), job.parts.begin("hasher.compute"));
        job.task.compute(computation);
        computations.observe(begun.elapsed());
        drop(part);
        // The thread frees the extra memory of an expensive hash before the budget counts it as free.
        if blocks.len() > usual {
            blocks.truncate(usual);
            blocks.shrink_to_fit();
        }
        drop(reserved);
        job.task.deliver();
    }
}
