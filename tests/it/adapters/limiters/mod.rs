//! Rate limiters: the suite for both adapters, and tests for one of them.

mod memory;
mod redis;
mod redis_away;
mod redis_tls;

use std::time::Duration;

/// Passes all cases of the suite to a macro. A test below finds missing cases.
macro_rules! with_every_case {
    ($macro:ident $($limiter:ident)?) => {
        $macro! {
            $($limiter)?;
            the_allowance_is_exact
            a_refused_call_takes_nothing
            it_comes_back_bit_by_bit
            the_whole_allowance_is_there_again_after_its_time
            quotas_that_do_not_divide_their_period_are_exact_too
            a_quota_beyond_all_measure_is_no_limit
            of_many_at_once_no_more_than_the_allowance_go_on
            keys_do_not_share
            every_call_is_counted_once
            a_call_given_back_can_be_taken_again
            giving_back_never_exceeds_the_burst
            calls_given_back_at_once_are_exact
            giving_back_helps_no_other_key
            giving_back_is_not_counted_as_a_call
        }
    };
}

/// Makes each case a test of a limiter.
macro_rules! run {
    ($limiter:ident; $($case:ident)+) => {
        mod $limiter {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let limiter = inwren_tests::limiters::$limiter().await;
                let case = inwren_tests::limiters::conformance::$case(limiter);
                tokio::time::timeout(super::super::PATIENCE, case).await.expect("a case that ends");
            }
        )+}
    };
}

macro_rules! list {
    (; $($case:ident)+) => { [$(stringify!($case)),+] };
}

/// Timeout of a case.
const PATIENCE: Duration = Duration::from_secs(240);

mod conformance {
    with_every_case!(run memory);
    with_every_case!(run redis);
}

/// Finds cases that are written but not run.
#[test]
fn every_case_is_run() {
    let source = include_str!("../../../src/limiters/conformance.rs");
    let written: Vec<&str> =
        source.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next()).collect();
    assert_eq!(written, with_every_case!(list));
}
