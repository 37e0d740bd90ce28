//! Use cases on a failing store: they change nothing, and valid tokens and passwords stay valid.

use std::fmt::Debug;
use std::sync::Arc;

use inwren_domain::account::admin::{self, Admin};
use inwren_domain::account::{self, User};
use inwren_domain::audit::{AuditEvent, AuditEventKind};
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{Session, logout, refresh};
use inwren_domain::store::Store;
use inwren_domain::{Failure, PortFailure};

use super::client::{self, NEW, OLD, client};
use super::support::{add_users, all_users, events, live_of, session_of};
use crate::fakes::{Fakes, Script, faulty_store};
use crate::fixtures::{self, fresh_email, superuser};

/// A failed registration adds neither a user nor an event, whichever store call failed.
pub async fn a_failed_registration_leaves_nothing(store: Arc<dyn Store>) {
    let (fakes, script) = faulty(&store);
    let email = fresh_email();
    let user = all_or_nothing(&*store, &script, async || client::register(&fakes.core, &email).await).await;
    assert_eq!(all_users(&*store).await, [user]);
    assert_eq!(events(&*store).await.len(), 1);
}

/// A failed login starts no session and renews no hash, whichever store call failed.
pub async fn a_failed_login_leaves_nothing(store: Arc<dyn Store>) {
    let (fakes, script) = faulty(&store);
    let user = client::register(&fakes.core, &fresh_email()).await.unwrap();
    fakes.hasher.change_parameters();
    let attempt = async || client::login(&fakes.core, &user.email, OLD).await;
    let pair = all_or_nothing(&*store, &script, attempt).await;
    let principal = client::principal(&fakes.core, &pair).await;
    assert_eq!(live_of(&*store, user.id).await, [principal.session().expect("a session").clone()]);
}

/// A failed refresh leaves the old token valid.
pub async fn a_failed_refresh_leaves_the_token_good(store: Arc<dyn Store>) {
    let (fakes, script) = faulty(&store);
    let user = client::register(&fakes.core, &fresh_email()).await.unwrap();
    let pair = client::login(&fakes.core, &user.email, OLD).await.unwrap();
    let attempt = async || client::exchange(&fakes.core, &pair.refresh_token).await;
    let pair = all_or_nothing(&*store, &script, attempt).await;
    client::exchange(&fakes.core, &pair.refresh_token).await.unwrap();
}

/// A refresh whose store answer was lost fails; a retry within the grace period returns the new token.
pub async fn a_refresh_whose_outcome_is_unknown_can_be_repeated(store: Arc<dyn Store>) {
    let (fakes, script) = faulty(&store);
    let user = client::register(&fakes.core, &fresh_email()).await.unwrap();
    let pair = client::login(&fakes.core, &user.email, OLD).await.unwrap();
    script.lose_answer("rotate_session", away());
    let outcome = client::exchange(&fakes.core, &pair.refresh_token).await;
    assert!(is_port_failure(&outcome), "{outcome:?}");
    let again = client::exchange(&fakes.core, &pair.refresh_token).await.unwrap();
    client::exchange(&fakes.core, &again.refresh_token).await.unwrap();
}

/// A reuse whose revocation fails is reported as a failure, never as done; the next attempt ends the session.
pub async fn a_reuse_that_could_not_be_written_is_a_failure(store: Arc<dyn Store>) {
    let (fakes, script) = faulty(&store);
    let core = &fakes.core;
    let user = client::register(core, &fresh_email()).await.unwrap();
    let first = client::login(core, &user.email, OLD).await.unwrap();
    let second = client::exchange(core, &first.refresh_token).await.unwrap();
    let session = client::principal(core, &second).await.session().expect("a session").id;
    fakes.clock.advance(core.settings.refresh_reuse_grace);
    let attempt = async || match client::exchange(core, &first.refresh_token).await {
        Err(Failure::Refused(refresh::Refusal::Reused)) => Ok(()),
        Err(failure) => Err(failure),
        Ok(_) => panic!("a used-up token was exchanged"),
    };
    script.fail("commit", away());
    let outcome = attempt().await;
    assert!(is_port_failure(&outcome), "{outcome:?}");
    assert_eq!(session_of(&*store, session).await.unwrap().revoked, None);
    all_or_nothing(&*store, &script, attempt).await;
    assert!(session_of(&*store, session).await.unwrap().revoked.is_some());
    assert_eq!(events(&*store).await[0].kind, AuditEventKind::RefreshTokenReused);
}

/// A failed password change leaves the old password and every session unchanged.
pub async fn a_failed_password_change_leaves_everything(store: Arc<dyn Store>) {
    let (fakes, script) = faulty(&store);
    let core = &fakes.core;
    let user = client::register(core, &fresh_email()).await.unwrap();
    let pair = client::login(core, &user.email, OLD).await.unwrap();
    client::login(core, &user.email, OLD).await.unwrap();
    let me = client::principal(core, &pair).await;
    all_or_nothing(&*store, &script, async || client::change_password(core, &me).await).await;
    assert_eq!(live_of(&*store, user.id).await.len(), 1);
    client::login(core, &user.email, OLD).await.unwrap_err();
    client::login(core, &user.email, NEW).await.unwrap();
}

/// Logging out and closing the account either happen together with their event, or not at all.
pub async fn a_failed_goodbye_leaves_everything(store: Arc<dyn Store>) {
    let (fakes, script) = faulty(&store);
    let core = &fakes.core;
    let user = client::register(core, &fresh_email()).await.unwrap();
    let me = client::principal(core, &client::login(core, &user.email, OLD).await.unwrap()).await;
    let attempt = async || logout::execute(core, &me, &client()).await.map_err(Failure::<()>::Port);
    all_or_nothing(&*store, &script, attempt).await;
    assert_eq!(live_of(&*store, user.id).await, []);

    let me = client::principal(core, &client::login(core, &user.email, OLD).await.unwrap()).await;
    let attempt = async || account::deactivate::execute(core, &me, &client()).await;
    all_or_nothing(&*store, &script, attempt).await;
    assert_eq!(live_of(&*store, user.id).await, []);
}

/// A superuser's change to a user either happens together with its event, or not at all.
pub async fn a_failed_administration_leaves_everything(store: Arc<dyn Store>) {
    let (fakes, script) = faulty(&store);
    let core = &fakes.core;
    let (root, user) = (superuser(), superuser());
    add_users(&*store, &[&root, &user]).await;
    let (session, own) = (fixtures::session_of(&user), fixtures::session_of(&root));
    super::support::add_sessions(&*store, &[&session]).await;
    super::support::add_sessions(&*store, &[&own]).await;
    let principal = fixtures::principal(&root, &own).await;
    let admin = Admin::authorise(&principal).unwrap();
    let demote = async || {
        let command = admin::update::Command { is_superuser: Some(false), ..Default::default() };
        admin::update::execute(core, admin, user.id, command, &client()).await
    };
    all_or_nothing(&*store, &script, demote).await;
    assert_eq!(live_of(&*store, user.id).await, []);
    let delete = async || admin::delete::execute(core, admin, user.id, &client()).await;
    all_or_nothing(&*store, &script, delete).await;
    assert_eq!(all_users(&*store).await, [root]);
    assert_eq!(events(&*store).await.len(), 2);
}

fn faulty(store: &Arc<dyn Store>) -> (Fakes, Arc<Script>) {
    let (faulty, script) = faulty_store(store.clone());
    (Fakes::over(faulty), script)
}

fn away() -> StoreError {
    StoreError::Unavailable("the script says so".to_owned())
}

fn is_port_failure<T, R>(outcome: &Result<T, Failure<R>>) -> bool {
    matches!(outcome, Err(Failure::Port(PortFailure::Store(StoreError::Unavailable(_)))))
}

/// Lets the first store call fail, then the second, and so on until an attempt meets no failure. Each failed attempt
/// must report a failure and change nothing. Returns the outcome of the last attempt, which succeeded.
async fn all_or_nothing<T: Debug, R: Debug>(
    store: &dyn Store,
    script: &Script,
    attempt: impl AsyncFn() -> Result<T, Failure<R>>,
) -> T {
    let before = everything(store).await;
    for call in 1..50 {
        script.fail_nth(call, away());
        match attempt().await {
            Ok(done) => {
                assert_eq!(script.clear_faults(), 1, "the failure of call {call} was passed over");
                assert!(call > 1, "the store was not asked");
                return done;
            }
            failed => assert!(is_port_failure(&failed), "call {call}: {failed:?}"),
        }
        assert_eq!(everything(store).await, before, "call {call} left something behind");
    }
    panic!("the attempt never ends well");
}

/// All users, their live sessions, and all events.
async fn everything(store: &dyn Store) -> (Vec<User>, Vec<Session>, Vec<AuditEvent>) {
    let users = all_users(store).await;
    let mut sessions = Vec::new();
    for user in &users {
        sessions.extend(live_of(store, user.id).await);
    }
    (users, sessions, events(store).await)
}
