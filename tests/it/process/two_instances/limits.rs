//! Rate limits that two instances share, and the limits without Redis.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use inwren_tests::fixtures::unique;
use inwren_tests::process::redis::{RedisServer, redis_prefix, redis_url};
use inwren_tests::process::{Answer, Call, PATIENCE, Program, Service};

use super::Instances;
use crate::process::faults::redis::until_it_is;
use crate::process::support::client::{PASSWORD, Tokens, login, me, refresh, register};

/// Two instances behind a proxy on this machine, with quotas so slow that they do not refill during the test.
fn limited(redis: &str) -> Instances {
    let prefix = redis_prefix();
    Instances::with(|program: Program| {
        program
            .env("RATE_LIMIT_ENABLED", "true")
            .env("RATE_LIMIT_LOGIN", "5/hour")
            .env("RATE_LIMIT_LOGIN_ACCOUNT", "30/hour")
            .env("RATE_LIMIT_REFRESH", "10/hour")
            .env("TRUSTED_PROXIES", "127.0.0.1")
            .env("REDIS_URL", redis)
            .env("REDIS_KEY_PREFIX", prefix.as_str())
            .env("RUST_LOG", "info,inwren_adapters::limiter=debug")
    })
}

fn from(client: &str, call: Call) -> Call {
    call.header("X-Forwarded-For", client)
}

fn guess(client: &str, email: &str) -> Call {
    from(client, login(email, "not the pass phrase"))
}

/// How often an instance decided without Redis. On a busy machine, a response of Redis may come too late, and then the
/// limit is not exact.
fn alone(both: &Instances) -> usize {
    // As soon as the log contains this mark, it contains all earlier lines.
    let mark = format!("mark-{}", unique());
    for service in &both.services {
        // The log shows the request id of a request that failed.
        service.call(&Call::get("/nowhere").header("X-Request-Id", &mark)).expect(404);
        service.wait_for(&mark);
    }
    both.services.iter().map(|service| service.log().matches("decided without Redis").count()).sum()
}

/// Number of responses that are not a refusal by the limiter.
fn heard(answers: &[Answer]) -> usize {
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 401 | 429)), "{answers:?}");
    answers.iter().filter(|answer| answer.status != 429).count()
}

/// Sends all requests at the same time, each on its own connection, to the two instances in turn.
fn at_once(both: &Instances, calls: &[Call]) -> Vec<Answer> {
    let start = Barrier::new(calls.len());
    let ask = |service: &Service, call: &Call| {
        let mut line = service.connect();
        start.wait();
        line.call(call).expect("an answer")
    };
    thread::scope(|scope| {
        let asked = calls.iter().enumerate().map(|(n, call)| {
            let service = &both.services[n % 2];
            let ask = &ask;
            scope.spawn(move || ask(service, call))
        });
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|answer| answer.join().expect("an answer")).collect()
    })
}

/// Repeats a round until the machine disturbs none of its decisions, and returns the outcome of that round.
fn undisturbed<T>(both: &mut Instances, mut round: impl FnMut(&mut Instances, usize) -> T) -> T {
    let begun = Instant::now();
    for attempt in 0..250 {
        if begun.elapsed() > PATIENCE {
            break;
        }
        let before = alone(both);
        let outcome = round(both, attempt);
        if alone(both) == before {
            return outcome;
        }
        println!("attempt {attempt}: the machine was too busy to wait for Redis");
    }
    panic!("Redis never answered in time");
}

#[test]
fn of_thirty_logins_at_both_five_are_heard() {
    let mut both = limited(&redis_url());
    both.a(&from("192.0.2.1", register("ann@example.org", PASSWORD))).expect(201);
    for round in 0..6 {
        let count = undisturbed(&mut both, |both, attempt| {
            let client = format!("203.0.{round}.{attempt}");
            let calls: Vec<Call> =
                (0..30).map(|_| from(&client, login("ann@example.org", PASSWORD))).collect();
            heard(&at_once(both, &calls))
        });
        assert_eq!(count, 5, "round {round}");
    }
}

#[test]
fn guesses_at_one_account_are_counted_at_both_together_whatever_the_keys() {
    let mut both = limited(&redis_url());
    let thirty_are_heard = |both: &mut Instances, name: &str| {
        let count = undisturbed(both, |both, attempt| {
            let email = format!("{name}-{attempt}@example.org");
            let answers: Vec<Answer> = (0..40)
                .map(|n| {
                    let call = guess(&format!("198.18.{attempt}.{n}"), &email);
                    if n % 2 == 0 { both.a(&call) } else { both.b(&call) }
                })
                .collect();
            heard(&answers)
        });
        assert_eq!(count, 30, "{name}");
    };
    thirty_are_heard(&mut both, "before");
    both.program.clone().args(["keys", "rotate"]).run().with_code(0);
    for service in &both.services {
        service.wait_for("loaded the signing keys");
    }
    both.lines = both.services.each_ref().map(Service::connect);
    thirty_are_heard(&mut both, "after");
}

#[test]
fn a_session_is_refreshed_ten_times_at_both_together() {
    let mut both = limited(&redis_url());
    let count = undisturbed(&mut both, |both, attempt| {
        let email = format!("ann-{attempt}@example.org");
        let client = format!("203.0.113.{attempt}");
        both.a(&from(&client, register(&email, PASSWORD))).expect(201);
        let mut tokens = Tokens::of(&both.b(&from(&client, login(&email, PASSWORD))));
        let mut count = 0;
        for n in 0..20 {
            let call = from(&format!("198.51.100.{n}"), refresh(&tokens.refresh));
            let answer = if n % 2 == 0 { both.a(&call) } else { both.b(&call) };
            if answer.status == 200 {
                tokens = Tokens::of(&answer);
                count += 1;
            } else {
                answer.expect(429);
            }
        }
        both.a(&me(&tokens.access)).expect(200);
        count
    });
    assert_eq!(count, 10);
}

/// The results of a load: number of responses of each kind, and the slowest response.
#[derive(Default)]
struct Seen {
    sent: usize,
    unauthorized: usize,
    busy: usize,
    limited: usize,
    slowest: Duration,
}

#[test]
fn without_redis_each_limits_by_itself_and_no_answer_is_lost() {
    const CLIENTS: usize = 4;
    let mut redis = RedisServer::start();
    let mut both = limited(&redis.url());
    let hot = "203.0.113.1";
    for _ in 0..8 {
        both.a(&guess(hot, "hot@example.org"));
        both.b(&guess(hot, "hot@example.org"));
    }
    let used_up = |both: &mut Instances| {
        both.a(&guess(hot, "hot@example.org")).expect(429);
        both.b(&guess(hot, "hot@example.org")).expect(429);
    };
    used_up(&mut both);

    let stop = AtomicBool::new(false);
    let services = &both.services;
    let load = |client: usize| {
        let mut seen = Seen::default();
        let mut lines = services.each_ref().map(Service::connect);
        while !stop.load(Ordering::Relaxed) {
            // Alternates between a new client and a client that has used up its quota.
            let new = format!("198.{}.{}.{}", 18 + client, seen.sent / 250, seen.sent % 250);
            let call = if seen.sent % 4 < 2 {
                guess(&new, &format!("{new}@example.org"))
            } else {
                guess(hot, "hot@example.org")
            };
            let begun = Instant::now();
            let answer = lines[seen.sent % 2].call(&call).expect("an answer");
            seen.slowest = seen.slowest.max(begun.elapsed());
            match (answer.status, seen.sent % 4 < 2) {
                (401, true) => seen.unauthorized += 1,
                (429, false) => seen.limited += 1,
                // A login waits for hashing only for a moment, and the machine may stand still for that long.
                (503, true) => seen.busy += 1,
                _ => panic!("{call:?}: {answer:?}"),
            }
            seen.sent += 1;
        }
        seen
    };
    let (seen, went) = thread::scope(|scope| {
        let load = &load;
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || load(client))).collect();
        let mut went = Vec::new();
        let until_both_are = |state| services.each_ref().map(|service| until_it_is(service, state));
        for fault in ["killed", "stopped"] {
            if fault == "killed" {
                redis.kill()
            } else {
                redis.signal("STOP")
            }
            let noticed = until_both_are("degraded");
            if fault == "killed" {
                redis.restart()
            } else {
                redis.signal("CONT")
            }
            let back = until_both_are("ok");
            went.push(format!("{fault}: noticed after {noticed:?}, back after {back:?}"));
        }
        stop.store(true, Ordering::Relaxed);
        let seen: Vec<Seen> = clients.into_iter().map(|client| client.join().expect("a load")).collect();
        (seen, went)
    });
    let sum = |figure: fn(&Seen) -> usize| seen.iter().map(figure).sum::<usize>();
    println!(
        "Redis under load: {} sent, {} answered ({} heard, {} told to come again, {} limited), 0 lost, the slowest in \
         {:?}; {}",
        sum(|seen| seen.sent),
        sum(|seen| seen.unauthorized + seen.busy + seen.limited),
        sum(|seen| seen.unauthorized),
        sum(|seen| seen.busy),
        sum(|seen| seen.limited),
        seen.iter().map(|seen| seen.slowest).max().unwrap_or_default(),
        went.join("; "),
    );
    assert!(sum(|seen| seen.unauthorized) > 0 && sum(|seen| seen.limited) > 0);
    assert!(sum(|seen| seen.busy) * 5 <= sum(|seen| seen.unauthorized));
    used_up(&mut both);

    // Without Redis, each instance allows as much as both together did, and no more.
    redis.kill();
    for service in &both.services {
        until_it_is(service, "degraded");
    }
    let calls: Vec<Call> = (0..30).map(|_| guess("203.0.113.77", "cold@example.org")).collect();
    assert_eq!(heard(&at_once(&both, &calls)), 10);
    used_up(&mut both);
    let logs = both.stop().concat();
    assert!(logs.contains("Redis is away") && logs.contains("the shared rate limits are back"), "{logs}");
    assert!(!logs.contains("ERROR") && !logs.contains("panicked"), "{logs}");
}
