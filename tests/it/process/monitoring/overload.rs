//! An overloaded hasher shows in the metrics.

use std::thread::ScopedJoinHandle;

use inwren_tests::stores::TempFolder;

use super::client::{PASSWORD, join, login, me};
use super::{Storage, program, scrape};

#[test]
fn a_busy_hasher_shows_who_waits_and_who_was_turned_away() {
    let folder = TempFolder::new();
    let storage = Storage::sqlite();
    // One thread, and each hash takes a large part of a second.
    let service = program(&folder, &storage)
        .env("HASH_THREADS", "1")
        .env("ARGON2_MEMORY_KIB", "65536")
        .env("ARGON2_ITERATIONS", "6")
        .start();
    let tokens = join(&mut service.connect(), "ann@example.org").unwrap();
    let (mut statuses, mut seen) = (Vec::new(), (0.0_f64, 0.0_f64));
    // Several rounds: the scraping thread may stand still during the overload.
    for _ in 0..5 {
        let crowd = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..12)
                .map(|n| {
                    let service = &service;
                    let call = login(&format!("stranger-{n}@example.org"), PASSWORD);
                    scope.spawn(move || service.call(&call).status)
                })
                .collect();
            while !clients.iter().all(ScopedJoinHandle::is_finished) && (seen.0 < 1.0 || seen.1 < 1.0) {
                let page = scrape(&service);
                let busy = (page.value("inwren_hashes_running"), page.value("inwren_hashes_waiting"));
                seen = (seen.0.max(busy.0), seen.1.max(busy.1));
            }
            // Other requests are served meanwhile, and the scrape is not slower.
            service.call(&me(&tokens.access)).expect(200);
            clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        statuses.extend(crowd);
        if seen.0 >= 1.0 && seen.1 >= 1.0 && statuses.contains(&503) {
            break;
        }
    }
    assert!(seen.0 == 1.0 && seen.1 >= 1.0, "running and waiting: {seen:?}");
    let turned_away = statuses.iter().filter(|status| **status == 503).count();
    assert!(turned_away > 0 && statuses.iter().all(|status| matches!(status, 401 | 503)), "{statuses:?}");
    let page = scrape(&service);
    #[allow(clippy::cast_precision_loss, reason = "there are few")]
    let turned_away = turned_away as f64;
    println!("{turned_away} of {} were turned away", statuses.len());
    assert_eq!(page.value("inwren_hashes_refused_total"), turned_away);
    assert_eq!(page.value(r#"inwren_logins_total{result="busy"}"#), turned_away);
    assert_eq!(page.value(r#"inwren_http_requests_total{operation="login",status="503"}"#), turned_away);
    service.stop();
}
