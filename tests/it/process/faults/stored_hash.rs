//! A stored hash with the highest possible cost, as an older version or a restored backup may have left it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use inwren_tests::process::{Program, Service, pause};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{PASSWORD, join, login};
use crate::process::support::database::{Storage, block_on, execute};

const SALT_AND_SUM: &str = "c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
/// Largest memory in bytes: 128 MiB for a usable hash, and 64 MiB that a process allocates and does not return while it
/// works.
const MEMORY: u64 = (128 + 64) << 20;

/// Sends wrong logins for one account from several clients at once.
fn attack(service: &Service, email: &str, stop: &AtomicBool) -> Vec<(u16, Duration)> {
    let one = || {
        let mut answers = Vec::new();
        while !stop.load(Ordering::Acquire) {
            let begun = Instant::now();
            let status = service.call(&login(email, "not the password")).status;
            answers.push((status, begun.elapsed()));
            pause(Duration::from_millis(20));
        }
        answers
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    })
}

/// Logs another user in meanwhile. Returns how many logins succeeded, how many were sent, and the peak memory in bytes.
fn others(service: &Service, time: Duration) -> (usize, usize, u64) {
    let (begun, mut served, mut asked, mut memory) = (Instant::now(), 0, 0, 0);
    while begun.elapsed() < time {
        asked += 1;
        served += usize::from(service.call(&login("ann@example.org", PASSWORD)).status == 200);
        memory = memory.max(service.resident());
        pause(Duration::from_millis(50));
    }
    (served, asked, memory)
}

#[test]
fn a_stored_hash_at_the_bounds_stops_nothing() {
    let (storage, folder) = (Storage::sqlite(), TempFolder::new());
    let service =
        Program::new(folder.path()).env("DATABASE_URL", storage.url()).env("HASH_THREADS", "2").start();
    for name in ["ann", "bob"] {
        join(&mut service.connect(), &format!("{name}@example.org")).unwrap();
    }
    for (what, is_unusable, hash) in [
        ("128 MiB and 16 passes", false, format!("$argon2id$v=19$m=131072,t=16,p=1${SALT_AND_SUM}")),
        (
            "bcrypt with a cost of 14",
            false,
            "$2b$14$eg90EB5lVthCn3vWpPZs9OklZQEoK15Q5vF.6SEUtc7PRQbczB4HW".to_owned(),
        ),
        ("more than the budget", true, format!("$argon2id$v=19$m=131080,t=1,p=1${SALT_AND_SUM}")),
        ("4 GiB and 64 passes", true, format!("$argon2id$v=19$m=4194304,t=64,p=1${SALT_AND_SUM}")),
    ] {
        let change = format!("UPDATE users SET hashed_password = '{hash}' WHERE email = 'bob@example.org'");
        block_on(execute(&storage.url(), &change));
        let (before, stop) = (service.resident(), AtomicBool::new(false));
        let (answers, (served, asked, memory)) = std::thread::scope(|scope| {
            let attack = scope.spawn(|| attack(&service, "bob@example.org", &stop));
            let others = others(&service, Duration::from_secs(4));
            stop.store(true, Ordering::Release);
            (attack.join().expect("the attack"), others)
        });
        let slowest = answers.iter().map(|(_, took)| *took).max().unwrap_or_default();
        println!(
            "a hash with {what}: {} wrong logins, the slowest {slowest:.1?}; {served} of {asked} others served; memory \
             {} MiB before, {} MiB at most",
            answers.len(),
            before >> 20,
            memory >> 20
        );
        assert!(answers.iter().all(|(status, _)| matches!(status, 401 | 503)), "{what}: {answers:?}");
        assert!(memory < before + MEMORY, "{what}: {before} before, {memory} at most");
        // The first caller may have waited for the measurement, and a machine may stand still.
        assert!(served * 2 > asked, "{what}: {served} of {asked}");
        if is_unusable {
            service.wait_for("unusable password hash");
            assert!(
                !answers.is_empty() && answers.iter().all(|(status, _)| *status == 401),
                "{what}: {answers:?}"
            );
        } else {
            assert!(!service.log().contains("unusable password hash"), "{what}");
        }
    }
    service.stop();
}
