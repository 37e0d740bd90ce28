//! `AuditReader` and `AuditLog`.

use std::sync::Arc;

use inwren_domain::audit::{AuditEvent, AuditEventId, AuditEventKind, AuditFilter, Period, Subject};
use inwren_domain::client::ClientUid;
use inwren_domain::kernel::{AgeCursor, ClientInfo, Page, PageRequest};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{add_users, events, together};
use crate::fixtures::{event, now, service_client, session_of, user_fixture, user_id};

/// Recorded events are read back unchanged, newest first.
pub async fn events_are_read_back_exactly_newest_first(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let agent = "Ünïcode/1.0 \u{1f980} ".repeat(20);
    let mut expected: Vec<AuditEvent> = [
        (AuditEventKind::UserRegistered, ClientInfo::default()),
        (AuditEventKind::LoggedIn, ClientInfo::new(Some([203, 0, 113, 9].into()), Some(&agent))),
        (AuditEventKind::RefreshTokenReused, ClientInfo::new(Some("2001:db8::1".parse().unwrap()), None)),
        (AuditEventKind::PasswordChanged, ClientInfo::new(Some("::ffff:1.2.3.4".parse().unwrap()), None)),
        (AuditEventKind::UserUpdated, ClientInfo::new(None, Some("curl/8"))),
        (AuditEventKind::SessionsRevoked, ClientInfo::default()),
        (AuditEventKind::LoggedOut, ClientInfo::default()),
        (AuditEventKind::UserDeactivated, ClientInfo::default()),
        (AuditEventKind::UserDeleted, ClientInfo::default()),
        (AuditEventKind::ServiceClientCreated, ClientInfo::default()),
        (AuditEventKind::FactorsReset, ClientInfo::default()),
        (AuditEventKind::FactorsRemoved, ClientInfo::default()),
    ]
    .into_iter()
    .zip(1..)
    .map(|((kind, client), n)| AuditEvent {
        occurred_at: now() + Duration::microseconds(n),
        session_id: (n % 2 == 0).then(|| session_of(&user).id),
        actor_id: (n % 3 == 0).then(user_id),
        reason: (n % 4 == 0).then(|| format!("Ünïcode \u{1f980} 'quoted\"\nline {n}")),
        client,
        ..if kind == AuditEventKind::ServiceClientCreated {
            event(kind, service_client("a client").uid)
        } else {
            event(kind, user.id)
        }
    })
    .collect();
    for event in &expected {
        in_unit!(store, |unit| unit.audit().record(event).await.unwrap());
    }
    expected.reverse();
    assert_eq!(events(&*store).await, expected);
}

/// Pages MUST come newest first, by time and id, and contain each event exactly once, also when events are added and
/// deleted meanwhile.
pub async fn pages_contain_each_event_once(store: Arc<dyn Store>) {
    let mut expected: Vec<AuditEvent> = (0..7).map(|n| at(now() + Duration::microseconds(n / 3))).collect();
    in_unit!(store, |unit| unit.audit().record_all(&expected).await.unwrap());
    expected.sort_by_key(|event| std::cmp::Reverse((event.occurred_at, event.id)));
    let (mut found, mut sizes, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = page(&*store, &AuditFilter::default(), 3, after).await;
        sizes.push(page.items.len());
        found.extend(page.items);
        let Some(next) = page.next else { break };
        after = Some(next);
        // Newer events and the deletion of old ones do not disturb the order.
        in_unit!(store, |unit| unit.audit().record(&at(now() + Duration::DAY)).await.unwrap());
    }
    assert_eq!((found, sizes), (expected.clone(), vec![3, 3, 1]));
    let full = page(&*store, &AuditFilter::default(), 9, None).await;
    assert_eq!((full.items.len(), full.next), (9, None));
    // A cursor is a position and not an event.
    let last = AgeCursor::after_event(&expected[3]);
    assert_eq!(sweep(&*store, now() + Duration::microseconds(2), 100).await, 6);
    assert_eq!(page(&*store, &AuditFilter::default(), 3, Some(last)).await.items, []);
}

/// A filter MUST match by subject, kind and period, alone and combined, on every page.
pub async fn filters_select_events(store: Arc<dyn Store>) {
    const KINDS: [AuditEventKind; 3] =
        [AuditEventKind::LoggedIn, AuditEventKind::LoggedOut, AuditEventKind::ServiceClientCreated];
    let id = user_id();
    // One client has the id of a user.
    let subjects: [Subject; 4] = [
        id.into(),
        user_id().into(),
        ClientUid::from_uuid(id.as_uuid()).into(),
        service_client("a client").uid.into(),
    ];
    let all: Vec<AuditEvent> = (0..60)
        .map(|n: usize| AuditEvent {
            occurred_at: now() + Duration::seconds((n / 4) as i64),
            ..event(KINDS[n % 3], subjects[n % 4])
        })
        .collect();
    in_unit!(store, |unit| unit.audit().record_all(&all).await.unwrap());
    let mut newest_first = all;
    newest_first.sort_by_key(|event| std::cmp::Reverse((event.occurred_at, event.id)));

    let (early, late) = (now() + Duration::seconds(3), now() + Duration::seconds(9));
    let bounds = [(None, None), (Some(early), None), (None, Some(late)), (Some(early), Some(late))];
    let subjects = subjects.map(Some).into_iter().chain([None, Some(user_id().into())]);
    for subject in subjects {
        for kind in [None, Some(KINDS[0]), Some(KINDS[2]), Some(AuditEventKind::UserDeleted)] {
            for period in bounds.map(|(since, until)| Period::new(since, until).unwrap()) {
                let filter = AuditFilter { subject, kind, period };
                let mut expected = newest_first.iter().filter(|event| filter.matches(event));
                let mut after = None;
                loop {
                    let page = page(&*store, &filter, 4, after).await;
                    assert!(page.items.iter().eq(expected.by_ref().take(4)), "{filter:?} {after:?}");
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(expected.next(), None, "{filter:?}");
            }
        }
    }
    // A cursor from another listing does not extend the period.
    let period = Period::new(Some(early), Some(late)).unwrap();
    let filter = AuditFilter { period, ..AuditFilter::default() };
    let newest = AgeCursor::after_event(&newest_first[0]);
    let expected = newest_first.iter().filter(|event| filter.matches(event)).take(4);
    assert!(page(&*store, &filter, 4, Some(newest)).await.items.iter().eq(expected));
}

/// `has` reports whether a user has an event of a kind, with any number of events.
pub async fn events_are_found_by_user_and_kind(store: Arc<dyn Store>) {
    let (imported, registered) = (user_id(), user_id());
    let mut many: Vec<AuditEvent> = (0..50).map(|_| event(AuditEventKind::UserImported, user_id())).collect();
    many.push(event(AuditEventKind::UserImported, imported));
    many.push(event(AuditEventKind::LoggedIn, imported));
    many.push(event(AuditEventKind::UserRegistered, registered));
    in_unit!(store, |unit| unit.audit().record_all(&many).await.unwrap());
    let mut view = store.read().await.unwrap();
    let mut has = async |user, kind| view.audit().has(user, kind).await.unwrap();
    assert!(has(imported, AuditEventKind::UserImported).await);
    assert!(has(imported, AuditEventKind::LoggedIn).await);
    assert!(has(registered, AuditEventKind::UserRegistered).await);
    assert!(!has(registered, AuditEventKind::UserImported).await);
    assert!(!has(imported, AuditEventKind::UserRegistered).await);
    assert!(!has(user_id(), AuditEventKind::UserImported).await);
}

/// An event MUST be stored if and only if the unit commits.
pub async fn an_event_is_there_only_if_the_unit_commits(store: Arc<dyn Store>) {
    let (kept, undone) = (user_id(), user_id());
    let mut unit = store.begin().await.unwrap();
    unit.audit().record(&event(AuditEventKind::LoggedIn, undone)).await.unwrap();
    assert_eq!(events(&*store).await, []);
    unit.rollback().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    unit.audit().record(&event(AuditEventKind::LoggedIn, undone)).await.unwrap();
    drop(unit);
    let event = event(AuditEventKind::LoggedOut, kept);
    in_unit!(store, |unit| unit.audit().record(&event).await.unwrap());
    assert_eq!(events(&*store).await, [event]);
}

/// `sweep` deletes events that occurred before the time, and MUST leave those that occurred at that time or later.
pub async fn a_sweep_takes_what_occurred_before(store: Arc<dyn Store>) {
    let tick = Duration::MICROSECOND;
    let before = now();
    let [recent, limit, old, ancient] =
        [before + tick, before, before - tick, before - Duration::days(4_000)].map(at);
    for event in [&limit, &ancient, &recent, &old] {
        in_unit!(store, |unit| unit.audit().record(event).await.unwrap());
    }
    assert_eq!(sweep(&*store, before - Duration::days(4_000), 100).await, 0);
    assert_eq!(sweep(&*store, before, 100).await, 2);
    assert_eq!(events(&*store).await, [recent, limit]);
    assert_eq!(sweep(&*store, before, 100).await, 0);
}

/// `sweep` deletes at most the given number of events, MUST delete the oldest first, and returns how many it deleted.
pub async fn a_sweep_takes_the_oldest_by_batches(store: Arc<dyn Store>) {
    // The events are not recorded in the order in which they occurred, as with several writing instances.
    let days = [3, 7, 1, 6, 2, 5, 4];
    for day in days {
        let event = at(now() - Duration::days(day));
        in_unit!(store, |unit| unit.audit().record(&event).await.unwrap());
    }
    for (expected, left) in [(3, &[1, 2, 3, 4][..]), (3, &[1]), (1, &[]), (0, &[])] {
        assert_eq!(sweep(&*store, now(), 3).await, expected);
        let mut found: Vec<i64> =
            events(&*store).await.iter().map(|event| (now() - event.occurred_at).whole_days()).collect();
        found.sort_unstable();
        assert_eq!(found, left);
    }
}

/// A rollback undoes a sweep.
pub async fn a_sweep_is_done_only_if_the_unit_commits(store: Arc<dyn Store>) {
    let event = at(now() - Duration::DAY);
    in_unit!(store, |unit| unit.audit().record(&event).await.unwrap());
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.audit().sweep(now(), 10).await.unwrap(), 1);
    unit.rollback().await.unwrap();
    assert_eq!(events(&*store).await, [event]);
}

/// Exactly one of several concurrent sweeps MUST delete and count each event.
pub async fn sweeps_at_once_count_each_event_once(store: Arc<dyn Store>) {
    const EVENTS: i64 = 60;
    for n in 1..=EVENTS {
        let event = at(now() - Duration::seconds(n));
        in_unit!(store, |unit| unit.audit().record(&event).await.unwrap());
    }
    let kept = at(now());
    in_unit!(store, |unit| unit.audit().record(&kept).await.unwrap());
    let sweeps = (0..4).map(|_| {
        let store = store.clone();
        async move {
            let mut swept = 0;
            for _ in 0..10 {
                swept += sweep(&*store, now(), 5).await;
            }
            swept
        }
    });
    let counted: u64 = together(sweeps).await.into_iter().sum();
    // A sweep that skipped rows which another one was deleting may have left some.
    let rest = sweep(&*store, now(), 100).await;
    assert_eq!(counted + rest, EVENTS.cast_unsigned());
    assert_eq!(events(&*store).await, [kept]);
}

async fn page(
    store: &dyn Store,
    filter: &AuditFilter,
    limit: u16,
    after: Option<AgeCursor<AuditEventId>>,
) -> Page<AuditEvent, AgeCursor<AuditEventId>> {
    let request = PageRequest::new(limit, after);
    store.read().await.unwrap().audit().page(filter, request).await.unwrap()
}

/// An event that occurred at this time.
fn at(occurred_at: OffsetDateTime) -> AuditEvent {
    AuditEvent { occurred_at, ..event(AuditEventKind::LoggedIn, user_id()) }
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.audit().sweep(before, limit).await.unwrap())
}
