//! `AuditReader` and `AuditLog`.

use std::sync::Arc;

use inwren_domain::audit::{AuditEvent, AuditEventKind};
use inwren_domain::kernel::ClientInfo;
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{add_users, events, together};
use crate::fixtures::{event, now, service_client, session_of, somebody, user_id};

/// What is recorded is read back as it was, newest first and no more than asked for.
pub async fn events_are_read_back_exactly_newest_first(store: Arc<dyn Store>) {
    let user = somebody();
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
    ]
    .into_iter()
    .zip(1..)
    .map(|((kind, client), n)| AuditEvent {
        occurred_at: now() + Duration::microseconds(n),
        session_id: (n % 2 == 0).then(|| session_of(&user).id),
        actor_id: (n % 3 == 0).then(user_id),
        client,
        ..if kind == AuditEventKind::ServiceClientCreated {
            event(kind, service_client("a client").id)
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
    let latest = store.read().await.unwrap().audit().latest(3).await.unwrap();
    assert_eq!(latest, expected[..3]);
}

/// `has` tells of one user and one kind, however many events there are.
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

/// An event MUST be there if and only if the unit commits.
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

/// `sweep` deletes what occurred before the time, and MUST leave what occurred at that time or later.
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

/// `sweep` deletes at most as many as it is told, MUST take the oldest first, and tells how many it did.
pub async fn a_sweep_takes_the_oldest_by_batches(store: Arc<dyn Store>) {
    // Not recorded in the order in which they occurred, as it happens where several instances write.
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

/// A sweep is undone with its unit.
pub async fn a_sweep_is_done_only_if_the_unit_commits(store: Arc<dyn Store>) {
    let event = at(now() - Duration::DAY);
    in_unit!(store, |unit| unit.audit().record(&event).await.unwrap());
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.audit().sweep(now(), 10).await.unwrap(), 1);
    unit.rollback().await.unwrap();
    assert_eq!(events(&*store).await, [event]);
}

/// Of sweeps at once each event MUST be deleted and counted by one.
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
    // One that passed over what another one was deleting may have left a rest.
    let rest = sweep(&*store, now(), 100).await;
    assert_eq!(counted + rest, EVENTS.cast_unsigned());
    assert_eq!(events(&*store).await, [kept]);
}

/// An event that occurred at this time.
fn at(occurred_at: OffsetDateTime) -> AuditEvent {
    AuditEvent { occurred_at, ..event(AuditEventKind::LoggedIn, user_id()) }
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.audit().sweep(before, limit).await.unwrap())
}
