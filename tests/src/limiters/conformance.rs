//! A test case for each MUST of the limiter port. Cases about one moment use a quota so slow that no machine is slower.
//! Cases about elapsed time check bounds that hold on any machine.

use std::time::Duration;

use inwren_domain::limiter::{LimitKey, LimiterMetrics, Quota};

use super::{TestLimiter, key};

/// One call per 12 minutes.
const SLOW: Quota = Quota { limit: 5, period: Duration::from_secs(3_600) };
const EACH: Duration = Duration::from_secs(720);

pub async fn the_allowance_is_exact(limiter: TestLimiter) {
    let slack = limiter.slack();
    for left in (0..5).rev() {
        let decision = limiter.ask("ann", SLOW).await;
        assert_eq!((decision.allowed, decision.remaining, decision.quota), (true, left, SLOW));
        assert_eq!(decision.retry_after, Duration::ZERO);
        let used = EACH * (5 - left);
        assert!(decision.reset_after <= used && decision.reset_after + slack >= used, "{decision:?}");
    }
    let refused = limiter.ask("ann", SLOW).await;
    assert_eq!((refused.allowed, refused.remaining, refused.quota), (false, 0, SLOW));
    assert!(refused.retry_after <= EACH && refused.retry_after + slack >= EACH, "{refused:?}");
    assert!(refused.reset_after <= SLOW.period && refused.reset_after + slack >= SLOW.period, "{refused:?}");
}

pub async fn a_refused_call_takes_nothing(limiter: TestLimiter) {
    for _ in 0..5 {
        assert!(limiter.ask("ann", SLOW).await.allowed);
    }
    let first = limiter.ask("ann", SLOW).await;
    for _ in 0..50 {
        let refused = limiter.ask("ann", SLOW).await;
        assert!(!refused.allowed);
        assert!(refused.retry_after <= first.retry_after && refused.reset_after <= first.reset_after);
    }
}

pub async fn it_comes_back_bit_by_bit(limiter: TestLimiter) {
    let quota = Quota { limit: 10, period: Duration::from_secs(3) };
    let each = Duration::from_millis(300);
    let before = limiter.elapsed();
    assert!(limiter.ask("ann", quota).await.allowed);
    let (first, mut allowed) = (limiter.elapsed(), 1);
    for step in 0.. {
        let last = limiter.elapsed();
        let decision = limiter.ask("ann", quota).await;
        if decision.allowed {
            allowed += 1;
            continue;
        }
        assert!(decision.retry_after <= each, "{decision:?}");
        if last >= first + Duration::from_secs(2) {
            let whole = |time: Duration| u32::try_from(time.as_nanos() / each.as_nanos()).unwrap();
            let (least, most) = (10 + whole(last - first), 10 + whole(limiter.elapsed() - before));
            assert!((least..=most).contains(&allowed), "{allowed} allowed instead of {least} to {most}");
            return;
        }
        if step % 3 == 0 {
            limiter.pass(decision.retry_after).await;
            assert!(limiter.ask("ann", quota).await.allowed, "{decision:?} did not keep its word");
            allowed += 1;
        } else {
            limiter.pass(Duration::from_millis(20)).await;
        }
    }
}

pub async fn the_whole_allowance_is_there_again_after_its_time(limiter: TestLimiter) {
    let quota = Quota { limit: 3, period: Duration::from_millis(600) };
    for _ in 0..3 {
        while limiter.ask("ann", quota).await.allowed {}
        let wait = limiter.ask("ann", quota).await.reset_after;
        assert!(wait <= quota.period, "{wait:?}");
        limiter.pass(wait + Duration::from_millis(1)).await;
        let decision = limiter.ask("ann", quota).await;
        assert_eq!((decision.allowed, decision.remaining), (true, 2));
    }
}

pub async fn quotas_that_do_not_divide_their_period_are_exact_too(limiter: TestLimiter) {
    for limit in [1, 3, 7, 11, 600, 997] {
        let quota = Quota { limit, period: Duration::from_secs(864_000) };
        let mut count = 0;
        for _ in 0..limit + 3 {
            count += u32::from(limiter.ask(&format!("limit-{limit}"), quota).await.allowed);
        }
        assert_eq!(count, limit);
    }
}

pub async fn a_quota_beyond_all_measure_is_no_limit(limiter: TestLimiter) {
    let quota = Quota { limit: 1_000_000_000, period: Duration::from_secs(1) };
    for _ in 0..50 {
        assert!(limiter.ask("ann", quota).await.allowed);
    }
}

pub async fn of_many_at_once_no_more_than_the_allowance_go_on(limiter: TestLimiter) {
    for round in 0..5 {
        let asked: Vec<_> = (0..200)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.ask(&format!("round-{round}"), SLOW).await.allowed })
            })
            .collect();
        let mut count = 0;
        for asked in asked {
            count += u32::from(asked.await.unwrap());
        }
        assert_eq!(count, 5);
    }
}

pub async fn keys_do_not_share(limiter: TestLimiter) {
    let long = "x".repeat(300);
    let odd = ["a", "b", "A", "", " ", "a b", "a:b", "\u{e4}", "a\nb", "a\0", "ip:2001:db8::/64", &long];
    let quota = Quota { limit: 1, ..SLOW };
    for operation in ["login", "refresh"] {
        for subject in odd {
            let key = LimitKey { operation, ..key(subject) };
            assert!(limiter.check(&key, quota).await.allowed, "{operation} {subject:?}");
            assert!(!limiter.check(&key, quota).await.allowed, "{operation} {subject:?}");
        }
    }
}

pub async fn every_call_is_counted_once(limiter: TestLimiter) {
    for _ in 0..8 {
        limiter.ask("ann", SLOW).await;
    }
    limiter.check(&key("bob"), SLOW).await;
    let expected = LimiterMetrics { allowed: 6, limited: 3, ..LimiterMetrics::default() };
    assert_eq!(limiter.port().metrics(), expected);
    assert!(!limiter.port().is_degraded());
}

pub async fn a_call_given_back_can_be_taken_again(limiter: TestLimiter) {
    let slack = limiter.slack();
    for left in (0..5).rev() {
        assert_eq!(limiter.ask("ann", SLOW).await.remaining, left);
    }
    for round in 0..20 {
        let returned = limiter.give_back("ann", SLOW).await;
        assert_eq!((returned.allowed, returned.remaining, returned.quota), (true, 1, SLOW), "{round}");
        assert_eq!(returned.retry_after, Duration::ZERO);
        let owed = EACH * 4;
        assert!(returned.reset_after <= owed && returned.reset_after + slack >= owed, "{returned:?}");
        let again = limiter.ask("ann", SLOW).await;
        assert_eq!((again.allowed, again.remaining), (true, 0), "{round}");
        assert!(!limiter.ask("ann", SLOW).await.allowed, "{round}");
    }
}

pub async fn giving_back_never_exceeds_the_burst(limiter: TestLimiter) {
    // First an unused key, then a used key, returned far more often than it was used.
    assert_eq!(limiter.give_back("ann", SLOW).await.remaining, 5);
    assert!(limiter.ask("ann", SLOW).await.allowed);
    for _ in 0..20 {
        let returned = limiter.give_back("ann", SLOW).await;
        assert_eq!((returned.remaining, returned.reset_after), (5, Duration::ZERO));
    }
    for left in (0..5).rev() {
        let decision = limiter.ask("ann", SLOW).await;
        assert_eq!((decision.allowed, decision.remaining), (true, left));
    }
    assert!(!limiter.ask("ann", SLOW).await.allowed);
}

pub async fn calls_given_back_at_once_are_exact(limiter: TestLimiter) {
    for round in 0..5 {
        let subject = format!("round-{round}");
        for _ in 0..5 {
            assert!(limiter.ask(&subject, SLOW).await.allowed);
        }
        let returned = (0..3).map(|_| {
            let (limiter, subject) = (limiter.clone(), subject.clone());
            tokio::spawn(async move { limiter.give_back(&subject, SLOW).await })
        });
        for returned in returned.collect::<Vec<_>>() {
            returned.await.unwrap();
        }
        let mut count = 0;
        for _ in 0..9 {
            count += u32::from(limiter.ask(&subject, SLOW).await.allowed);
        }
        assert_eq!(count, 3);
    }
}

pub async fn giving_back_helps_no_other_key(limiter: TestLimiter) {
    for subject in ["ann", "bob"] {
        for _ in 0..5 {
            assert!(limiter.ask(subject, SLOW).await.allowed);
        }
    }
    limiter.give_back("ann", SLOW).await;
    assert!(!limiter.ask("bob", SLOW).await.allowed);
    assert!(limiter.ask("ann", SLOW).await.allowed);
}

pub async fn giving_back_is_not_counted_as_a_call(limiter: TestLimiter) {
    for _ in 0..8 {
        limiter.ask("ann", SLOW).await;
    }
    limiter.give_back("ann", SLOW).await;
    let expected = LimiterMetrics { allowed: 5, limited: 3, ..LimiterMetrics::default() };
    assert_eq!(limiter.port().metrics(), expected);
}
