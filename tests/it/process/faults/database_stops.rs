//! PostgreSQL stops, starts again, and closes connections.

use std::time::{Duration, Instant};

use inwren_tests::process::{Call, pause, until};
use inwren_tests::stores::StopMode;

use super::UnderLoad;
use crate::process::support::times::SLACK;

/// Half of the 503 responses arrive within this time, and all of them within `SLACK` more.
const TOLD: Duration = Duration::from_secs(2);
const DOWN: Duration = Duration::from_secs(5);

#[test]
fn a_database_that_stops_is_missed_and_found_again() {
    for mode in [StopMode::Fast, StopMode::Immediate] {
        let under_load = UnderLoad::start();
        under_load.server.stop(mode);
        let gone = Instant::now();
        while gone.elapsed() < DOWN {
            let begun = Instant::now();
            let health = under_load.service.call(&Call::get("/health")).expect(503);
            assert_eq!(health.json()["checks"]["database"], "unavailable");
            assert!(health.header("retry-after").is_some() && begun.elapsed() < TOLD + SLACK);
            under_load.service.call(&Call::get("/health/live")).expect(200);
            pause(Duration::from_millis(200));
        }
        under_load.server.start_again();
        let what = format!("PostgreSQL stopped ({mode:?}) for {DOWN:?}");
        let (ended, _) = under_load.recover(&what, Instant::now());
        let refused = ended.calls.iter().filter(|made| made.is_clear_503());
        let told = refused.clone().filter(|made| made.took <= TOLD).count();
        let half = ended.half_were_told_within();
        println!("{what}: {told} of {} were told within {TOLD:?}, half within {half:.1?}", refused.count());
        assert!(half < TOLD, "{half:?}");
        assert!(ended.slowest(|made| made.status() == Some(503)) < TOLD + SLACK);
    }
}

#[test]
fn a_database_that_restarts_again_and_again_loses_nothing() {
    let under_load = UnderLoad::start();
    for mode in [StopMode::Fast, StopMode::Immediate, StopMode::Fast] {
        under_load.server.stop(mode);
        under_load.server.start_again();
        under_load.load.wait_for(50);
    }
    under_load.recover("PostgreSQL restarted three times", Instant::now());
}

#[test]
fn connections_that_are_thrown_out_are_replaced() {
    let under_load = UnderLoad::start();
    let mut thrown_out = 0;
    until("enough were thrown out", || {
        let one = "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity \
                   WHERE application_name = 'inwren' ORDER BY random() LIMIT 1) AS chosen";
        thrown_out += under_load.server.ask(one).len();
        pause(Duration::from_millis(50));
        thrown_out > 30
    });
    under_load.recover(&format!("{thrown_out} connections thrown out one by one"), Instant::now());
}
