//! `AuditReader` and `AuditLog`.

use std::sync::Arc;

use inwren_domain::model::{AuditEvent, AuditEventKind, ClientInfo};
use inwren_domain::ports::Store;
use time::Duration;

use super::support::{add_users, events};
use crate::fixtures::{event, now, session_of, somebody, user_id};

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
    ]
    .into_iter()
    .zip(1..)
    .map(|((kind, client), n)| AuditEvent {
        occurred_at: now() + Duration::microseconds(n),
        session_id: (n % 2 == 0).then(|| session_of(&user).id),
        actor_id: (n % 3 == 0).then(user_id),
        client,
        ..event(kind, user.id)
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
