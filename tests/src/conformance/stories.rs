//! Use cases on a store, as a client sees them.

use std::pin::pin;
use std::sync::Arc;

use inwren_domain::account::admin::{self, Admin};
use inwren_domain::account::{self, NotCreated, UserChange, register};
use inwren_domain::action_token::{ActionToken, Purpose};
use inwren_domain::audit::AuditEventKind;
use inwren_domain::authn::{self, login};
use inwren_domain::client::authenticate::{Credentials, execute as authenticate_client};
use inwren_domain::client::{Client, ClientSettings, manage};
use inwren_domain::credential::{self, ClientTrust, Password, PasswordHash, Requester};
use inwren_domain::kernel::{ClientInfo, Email, PageRequest, PlainToken, StoreError};
use inwren_domain::outbox::{Letter, LetterKind, LetterState};
use inwren_domain::provider::authorize::{Next, Progress};
use inwren_domain::provider::{self, AuthorizationCode, authorize, exchange, request, userinfo};
use inwren_domain::session::{
    self, NotAuthenticated, Principal, RevocationReason, Started, authenticate, logout, refresh,
};
use inwren_domain::store::Store;
use inwren_domain::token::InvalidToken;
use inwren_domain::{Core, Failure, housekeeping};
use time::Duration;

use super::client::{self, NEW, OLD, client};
use super::support::{
    add_users, all_users, assert_same_user, dawdling, events, live_of, password_of, session_of, together,
    updated, user_of,
};
use crate::fakes::{Fakes, faulty_store};
use crate::fixtures::{
    action_token, application, authorization_code, email, fresh_email, letter, now, pending_registration,
    user_fixture,
};

/// Reuse of a rotated token ends its session and records an event that says so.
pub async fn reuse_ends_the_session_and_is_written_down(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let core = &fakes.core;
    let user = client::register(core, &email("Ann@example.org")).await.unwrap();
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
    let first = client::login(core, &email("ANN@example.org"), OLD).await.unwrap();
    let bystander = client::login(core, &user.email, OLD).await.unwrap();
    let session = client::principal(core, &first).await.session().expect("a session").id;
    let second = client::exchange(core, &first.refresh_token).await.unwrap();
    assert_eq!(client::principal(core, &second).await.session().expect("a session").id, session);

    fakes.clock.advance(core.settings.refresh_reuse_grace);
    let refusal = client::refused_exchange(core, &first.refresh_token).await;
    assert_eq!(refusal, refresh::Refusal::Reused);
    let revoked = session_of(&*store, session).await.unwrap().revoked.expect("a revoked session");
    assert_eq!(revoked.reason, RevocationReason::RefreshTokenReused);
    assert_eq!(client::refused_exchange(core, &second.refresh_token).await, refresh::Refusal::Ended);
    assert_eq!(client::refused_exchange(core, &first.refresh_token).await, refresh::Refusal::Ended);
    let denied = authenticate(core, second.access_token.expose()).await;
    assert!(matches!(denied, Err(NotAuthenticated::SessionEnded)), "{denied:?}");
    client::exchange(core, &bystander.refresh_token).await.unwrap();

    let newest = events(&*store).await.remove(0);
    assert_eq!(newest.kind, AuditEventKind::RefreshTokenReused);
    assert_eq!((newest.subject, newest.session_id, newest.actor_id), (user.id.into(), Some(session), None));
    assert_eq!(newest.client, client());
    let mut kinds: Vec<_> = events(&*store).await.iter().map(|event| event.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["logged_in", "logged_in", "refresh_token_reused", "user_registered"]);
}

/// A client whose response was lost gets the same refresh token again at any time within the grace period.
pub async fn a_lost_answer_is_given_again_within_the_grace(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let core = &fakes.core;
    let user = client::register(core, &fresh_email()).await.unwrap();
    let first = client::login(core, &user.email, OLD).await.unwrap();
    let second = client::exchange(core, &first.refresh_token).await.unwrap();
    for wait in [0, 1_234_567, 8_765_432] {
        fakes.clock.advance(Duration::microseconds(wait));
        let again = client::exchange(core, &first.refresh_token).await.unwrap();
        assert_eq!(again.refresh_token.expose(), second.refresh_token.expose());
        client::principal(core, &again).await;
    }
    assert_eq!(live_of(&*store, user.id).await.len(), 1);
    client::exchange(core, &second.refresh_token).await.unwrap();
}

/// If the service did not learn the outcome of a rotation, the client's retry is not reuse, even without a grace
/// period: the client gets the stored successor, until that is used or was delivered.
pub async fn a_rotation_without_an_answer_is_no_reuse(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store.clone());
    let mut fakes = Fakes::over(faulty);
    fakes.core.settings.refresh_reuse_grace = Duration::ZERO;
    let core = &fakes.core;
    let lost = || StoreError::Unavailable("the answer was lost".to_owned());
    let user = client::register(core, &fresh_email()).await.unwrap();
    for attempts_before in [0, 2] {
        let first = client::login(core, &user.email, OLD).await.unwrap();
        let session = client::principal(core, &first).await.session().expect("a session").id;
        // Failed retries do not change that, whether they come before or after the rotation.
        for _ in 0..attempts_before {
            script.fail("rotate_session", lost());
            client::exchange(core, &first.refresh_token).await.unwrap_err();
        }
        script.lose_answer("rotate_session", lost());
        client::exchange(core, &first.refresh_token).await.unwrap_err();
        let made = session_of(&*store, session).await.unwrap();
        assert_eq!(made.generation, 1);
        script.fail("rotate_session", lost());
        client::exchange(core, &first.refresh_token).await.unwrap_err();
        fakes.clock.advance(Duration::HOUR);
        let second = client::exchange(core, &first.refresh_token).await.unwrap();
        assert_eq!(core.verifier.digest(&second.refresh_token), made.hashed_refresh_token);
        // The successor was delivered: from now on the first token is reuse.
        let third = client::exchange(core, &second.refresh_token).await.unwrap();
        assert_eq!(client::refused_exchange(core, &first.refresh_token).await, refresh::Refusal::Reused);
        assert_eq!(client::refused_exchange(core, &third.refresh_token).await, refresh::Refusal::Ended);
    }

    // A failed attempt with a used token does not make its reuse valid.
    let first = client::login(core, &user.email, OLD).await.unwrap();
    client::exchange(core, &first.refresh_token).await.unwrap();
    script.fail("rotate_session", lost());
    client::exchange(core, &first.refresh_token).await.unwrap_err();
    assert_eq!(client::refused_exchange(core, &first.refresh_token).await, refresh::Refusal::Reused);

    // Explicit revocation overrides the retry.
    let first = client::login(core, &user.email, OLD).await.unwrap();
    let principal = client::principal(core, &first).await;
    script.lose_answer("rotate_session", lost());
    client::exchange(core, &first.refresh_token).await.unwrap_err();
    logout::execute(core, &principal, &client()).await.unwrap();
    assert_eq!(client::refused_exchange(core, &first.refresh_token).await, refresh::Refusal::Ended);
}

/// The same holds if the client closes its connection while it waits, so that the request is dropped.
pub async fn a_dropped_refresh_is_no_reuse(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store.clone());
    let mut fakes = Fakes::over(faulty);
    fakes.core.settings.refresh_reuse_grace = Duration::ZERO;
    let core = &fakes.core;
    let user = client::register(core, &fresh_email()).await.unwrap();
    let first = client::login(core, &user.email, OLD).await.unwrap();
    let session = client::principal(core, &first).await.session().expect("a session").id;
    script.keep_waiting("rotate_session");
    {
        let mut exchange = pin!(client::exchange(core, &first.refresh_token));
        let is_made = async {
            while session_of(&*store, session).await.unwrap().generation == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = &mut exchange => panic!("answered: {answer:?}"),
            () = is_made => {}
        }
    }
    script.clear_faults();
    let second = client::exchange(core, &first.refresh_token).await.unwrap();
    client::exchange(core, &second.refresh_token).await.unwrap();
    assert_eq!(client::refused_exchange(core, &first.refresh_token).await, refresh::Refusal::Reused);
}

/// Tabs that refresh one token concurrently all get the same successor.
pub async fn racing_tabs_get_the_same_token(store: Arc<dyn Store>) {
    let fakes = Arc::new(Fakes::over(dawdling(&store)));
    let user = client::register(&fakes.core, &fresh_email()).await.unwrap();
    let pair = client::login(&fakes.core, &user.email, OLD).await.unwrap();
    let tabs = (0..16).map(|_| {
        let (fakes, token) = (fakes.clone(), pair.refresh_token.clone());
        async move { client::exchange(&fakes.core, &token).await.unwrap().refresh_token }
    });
    let tokens = together(tabs).await;
    assert!(tokens.iter().all(|token| token.expose() == tokens[0].expose()));
    client::exchange(&fakes.core, &tokens[0]).await.unwrap();
}

/// A retry for a successor that can no longer be signed is refused, but the session continues.
pub async fn a_lost_answer_from_another_key_is_refused_and_the_session_kept(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let core = &fakes.core;
    let user = client::register(core, &fresh_email()).await.unwrap();
    let first = client::login(core, &user.email, OLD).await.unwrap();
    let second = client::exchange(core, &first.refresh_token).await.unwrap();
    fakes.tokens.change_key();
    let refusal = client::refused_exchange(core, &first.refresh_token).await;
    assert_eq!(refusal, refresh::Refusal::NotRepeatable);
    client::exchange(core, &second.refresh_token).await.unwrap();
}

/// A session can be refreshed until its maximum lifetime, to the microsecond, and not beyond.
pub async fn a_session_is_refreshed_up_to_its_end(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let core = &fakes.core;
    let user = client::register(core, &fresh_email()).await.unwrap();
    let mut pair = client::login(core, &user.email, OLD).await.unwrap();
    let session = client::principal(core, &pair).await.session().expect("a session").clone();
    for _ in 0..4 {
        fakes.clock.advance(Duration::days(6));
        pair = client::exchange(core, &pair.refresh_token).await.unwrap();
    }
    assert_eq!(session_of(&*store, session.id).await.unwrap().expires_at, session.max_expires_at);
    fakes.clock.set(session.max_expires_at - Duration::MICROSECOND);
    pair = client::exchange(core, &pair.refresh_token).await.unwrap();
    fakes.clock.set(session.max_expires_at);
    let late = refresh::Presented::verify(core, pair.refresh_token).map(drop);
    assert_eq!(late, Err(InvalidToken::Expired));
}

/// An unknown address, a wrong password, an inactive account, a hash with other parameters and an unusable hash each
/// cost the same reads and one verification, and change nothing. The tests of the hasher show that the cost of a
/// verification does not depend on the hash.
pub async fn refused_logins_all_cost_the_same(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store.clone());
    let fakes = Fakes::over(faulty);
    let core = &fakes.core;
    let active = client::register(core, &fresh_email()).await.unwrap();
    let inactive = client::register(core, &fresh_email()).await.unwrap();
    let change = UserChange { is_active: Some(false), ..UserChange::default() };
    updated(in_unit!(store, |unit| unit.users().update(inactive.id, &change, now()).await.unwrap()));
    let moved = client::register(core, &fresh_email()).await.unwrap();
    let none = PasswordHash::from_phc("!".to_owned());
    assert!(in_unit!(store, |unit| unit.credentials().rehash(moved.id, 0, &none).await.unwrap()));
    let before = events(&*store).await;
    // In the second round all hashes have other parameters.
    for _ in 0..2 {
        for (email, password, expected) in [
            (fresh_email(), OLD, login::Refusal::Attempt(authn::Refusal::UnknownEmail)),
            (active.email.clone(), NEW, login::Refusal::Attempt(authn::Refusal::WrongPassword(active.id))),
            (
                inactive.email.clone(),
                NEW,
                login::Refusal::Attempt(authn::Refusal::WrongPassword(inactive.id)),
            ),
            (inactive.email.clone(), OLD, login::Refusal::Attempt(authn::Refusal::Inactive(inactive.id))),
            (
                moved.email.clone(),
                OLD,
                login::Refusal::Attempt(authn::Refusal::UnusableHash(moved.id, "not made here")),
            ),
        ] {
            let checks = fakes.hasher.checks();
            script.take_calls();
            match client::login(core, &email, password).await {
                Err(Failure::Refused(refusal)) => assert_eq!(refusal, expected),
                other => panic!("not refused: {other:?}"),
            }
            let reads = ["read", "credentials.by_email", "sessions.recent_addresses"];
            assert_eq!(script.take_calls(), reads, "{expected:?}");
            assert_eq!(fakes.hasher.checks(), checks + 1, "{expected:?}");
        }
        fakes.hasher.change_parameters();
    }
    assert_eq!(fakes.hasher.hashes(), 3, "only the registrations hash");
    assert_eq!(events(&*store).await, before);
    assert_eq!(live_of(&*store, active.id).await, []);
}

/// The hasher recognises a client after a login to the account from its network, for that account only.
pub async fn a_client_is_known_after_its_first_login(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store);
    let core = &fakes.core;
    let (ann, bob) = (fresh_email(), fresh_email());
    for email in [&ann, &bob] {
        client::register(core, email).await.unwrap();
    }
    for (email, address, trust) in [
        (&ann, "2001:db8:0:1::1", ClientTrust::Unrecognised),
        (&ann, "2001:db8:0:1::2", ClientTrust::Recognised),
        (&ann, "2001:db8:0:2::1", ClientTrust::Unrecognised),
        (&bob, "2001:db8:0:1::1", ClientTrust::Unrecognised),
    ] {
        let from = ClientInfo::new(Some(address.parse().unwrap()), None);
        let command = login::Command {
            email: email.clone(),
            password: Password::new(OLD),
            device_token: None,
            in_browser: false,
            client: from.clone(),
        };
        login::execute(core, command).await.unwrap();
        assert_eq!(fakes.hasher.last_requester(), Some(Requester::new(&from, trust)), "{email:?} {address}");
    }
}

/// A login with a hash of other parameters renews the hash, and nothing else of the user.
pub async fn a_login_renews_an_outdated_hash(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let core = &fakes.core;
    let user = client::register(core, &fresh_email()).await.unwrap();
    let before = password_of(&*store, user.id).await;
    fakes.hasher.change_parameters();
    client::login(core, &user.email, OLD).await.unwrap();
    assert_ne!(password_of(&*store, user.id).await, before);
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
    client::login(core, &user.email, OLD).await.unwrap();
}

/// Of many concurrent registrations of one address exactly one creates a user, with one event.
pub async fn of_many_registrations_exactly_one_succeeds(store: Arc<dyn Store>) {
    let fakes = Arc::new(Fakes::over(dawdling(&store)));
    let attempts = (0..16).map(|_| {
        let fakes = fakes.clone();
        async move {
            match client::register(&fakes.core, &email("Wanted@example.org")).await {
                Ok(_) => true,
                Err(Failure::Refused(register::Refusal::NotCreated(NotCreated::EmailTaken))) => false,
                Err(failure) => panic!("{failure:?}"),
            }
        }
    });
    assert_eq!(together(attempts).await.into_iter().filter(|made| *made).count(), 1);
    assert_eq!((all_users(&*store).await.len(), events(&*store).await.len()), (1, 1));
}

/// The sweep deletes old letters, expired tokens, registrations, assertions and codes, and nothing that may still act.
pub async fn a_sweep_deletes_what_no_longer_acts(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let (expired, valid) = (action_token(&user, Purpose::UndoEmail), action_token(&user, Purpose::UndoEmail));
    let valid = ActionToken { expires_at: now() + Duration::days(9), ..valid };
    let registration = pending_registration("ann@example.org");
    let old = Letter { state: LetterState::Delivered, ..letter(LetterKind::PasswordReset, &user.email) };
    let waiting = letter(LetterKind::PasswordReset, &user.email);
    let client = application("an application");
    let code = authorization_code(&user, &client);
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        assert!(unit.clients().insert(&client).await.unwrap());
        assert!(unit.clients().use_assertion(client.uid, &code.digest, now()).await.unwrap());
        unit.authorization_codes().insert(&code).await.unwrap();
        for token in [&expired, &valid] {
            unit.action_tokens().insert(token).await.unwrap();
        }
        unit.pending_registrations().insert(&registration).await.unwrap();
        for letter in [&old, &waiting] {
            unit.outbox().insert(letter).await.unwrap();
        }
    });
    assert_eq!(housekeeping::sweep_expired(&fakes.core).await.unwrap(), 0);
    // A code stays for an hour after its expiry.
    fakes.clock.advance(AuthorizationCode::LIFETIME + AuthorizationCode::KEPT);
    assert_eq!(housekeeping::sweep_expired(&fakes.core).await.unwrap(), 1);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.authorization_codes().by_digest(&code.digest).await.unwrap().as_ref(), Some(&code));
    drop(view);
    fakes.clock.advance(Duration::days(7));
    assert_eq!(housekeeping::sweep_expired(&fakes.core).await.unwrap(), 4);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.authorization_codes().by_digest(&code.digest).await.unwrap(), None);
    assert_eq!(view.action_tokens().by_id(expired.id).await.unwrap(), None);
    assert_eq!(view.action_tokens().by_id(valid.id).await.unwrap(), Some(valid));
    assert_eq!(view.pending_registrations().by_id(registration.id).await.unwrap(), None);
    assert_eq!(view.outbox().page(None, PageRequest::new(9, None)).await.unwrap().items, [waiting]);
}

/// Every use case follows the rules of a unit of work: no slow work in a unit, one handle at a time, and the user
/// locked before their sessions change.
pub async fn every_use_case_keeps_the_rules_of_a_unit(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store.clone());
    let fakes = Fakes::over(faulty);
    fakes.hasher.watch(script.clone());
    fakes.tokens.watch(script.clone());
    let core = &fakes.core;
    let (ann, root) = (email("ann@example.org"), email("root@example.org"));

    let user = client::register(core, &ann).await.unwrap();
    client::register(core, &ann).await.unwrap_err();
    account::create_user::ensure_first_superuser(core, root.clone(), Password::new(OLD)).await.unwrap();
    let first = client::login(core, &ann, OLD).await.unwrap();
    let used_up = client::login(core, &ann, OLD).await.unwrap();
    client::exchange(core, &used_up.refresh_token).await.unwrap();
    fakes.clock.advance(Duration::MINUTE);
    assert_eq!(client::refused_exchange(core, &used_up.refresh_token).await, refresh::Refusal::Reused);

    let me = client::principal(core, &first).await;
    let moved = account::update::Command { email: Some(email("lee@example.org")), tier: Some("plus".into()) };
    account::update::execute(core, &me, moved, &client()).await.unwrap();
    let other = client::login(core, &email("lee@example.org"), OLD).await.unwrap();
    let other = client::principal(core, &other).await.session().expect("a session").id;
    let page = PageRequest::new(10, None);
    assert_eq!(session::manage::list(core, &me, page).await.unwrap().items.len(), 2);
    session::manage::revoke(core, &me, other, &client()).await.unwrap();
    session::manage::revoke_others(core, &me, &client()).await.unwrap();
    let pair = client::change_password(core, &me).await.unwrap();
    client::change_password(core, &me).await.unwrap_err();
    logout::execute(core, &client::principal(core, &pair).await, &client()).await.unwrap();

    let chief = client::principal(core, &client::login(core, &root, OLD).await.unwrap()).await;
    let admin = Admin::authorise(&chief).unwrap();
    let promotion = admin::update::Command { is_superuser: Some(true), ..Default::default() };
    admin::update::execute(core, admin, user.id, promotion, &client()).await.unwrap();
    let demotion = admin::update::Command { is_superuser: Some(false), ..Default::default() };
    admin::update::execute(core, admin, user.id, demotion, &client()).await.unwrap();
    session::admin::list(core, admin, user.id, page).await.unwrap();
    session::admin::revoke_all(core, admin, user.id, &client()).await.unwrap();
    credential::set_password::execute(core, &email("lee@example.org"), Password::new(OLD)).await.unwrap();
    let again = client::login(core, &email("lee@example.org"), OLD).await.unwrap();
    let again = client::principal(core, &again).await;
    account::deactivate::execute(core, &again, &client()).await.unwrap();
    account::deactivate::execute(core, &chief, &client()).await.unwrap_err();
    admin::delete::execute(core, admin, user.id, &client()).await.unwrap();
    admin::delete::execute(core, admin, chief.user().id, &client()).await.unwrap_err();
    housekeeping::sweep_ended_sessions(core).await.unwrap();
    housekeeping::sweep_audit_events(core).await.unwrap();
    housekeeping::sweep_expired(core).await.unwrap();

    assert_eq!((script.most_open_handles(), script.open_handles()), (1, 0));
    let calls = script.take_calls();
    let touched = units_with_sessions(&calls);
    assert!(touched >= 9, "only {touched} units touched sessions");
    // A login is a unit of its own, in which the store takes the locks: see the cases of `session_start`.
    let opened = calls.iter().filter(|call| **call == "open_session").count();
    assert!(opened >= 4, "only {opened} sessions were opened");
}

/// Checks that each unit that changes sessions has locked their user first, and returns how many such units there are.
fn units_with_sessions(calls: &[&'static str]) -> usize {
    let of_sessions = [
        "sessions.insert",
        "sessions.rekey",
        "sessions.touch",
        "sessions.revoke",
        "sessions.revoke_of_browser",
        "sessions.move_to_browser",
        "sessions.revoke_of_client",
        "sessions.revoke_all",
        "consents.put",
        "consents.delete",
    ];
    let ended = calls.split_inclusive(|call| matches!(*call, "commit" | "rollback"));
    let units = ended.filter_map(|calls| {
        let begin = calls.iter().position(|call| *call == "begin")?;
        Some(&calls[begin..])
    });
    let mut touched = 0;
    for unit in units {
        if let Some(touches) = unit.iter().position(|call| of_sessions.contains(call)) {
            assert!(unit[..touches].contains(&"users.lock"), "{unit:?}");
            touched += 1;
        }
    }
    touched
}

/// The verifier and the challenge of the example in RFC 7636 appendix B.
const PKCE: [&str; 2] =
    ["dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"];

/// The use cases of the provider and of its clients follow the rules of a unit of work, too.
pub async fn provider_use_cases_keep_the_rules_of_a_unit(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store.clone());
    let fakes = Fakes::over(faulty);
    fakes.tokens.watch(script.clone());
    let core = &fakes.core;
    let app = managed_application(core).await;
    let ann = email("ann@example.org");
    client::register(core, &ann).await.unwrap();

    let caller = in_browser(core, &ann).await.1;
    let first = code(core, &app, &caller).await;
    let tokens = exchange::execute(core, &app, presented(&first)).await.unwrap();
    userinfo::execute(core, tokens.access_token.expose()).await.unwrap();
    let token = tokens.refresh_token.expect("a refresh token");
    let token = refresh::Presented::verify(core, token).unwrap();
    provider::refresh::execute(core, &app, token, (None, None), &client()).await.unwrap();
    let again = exchange::execute(core, &app, presented(&first)).await;
    assert!(matches!(again, Err(Failure::Refused(exchange::Refusal::Reused))), "{again:?}");
    let wrong = exchange::Command { code_verifier: PKCE[1].to_owned(), ..presented(&first) };
    let wrong = exchange::execute(core, &app, wrong).await;
    assert!(matches!(wrong, Err(Failure::Refused(exchange::Refusal::Mismatch))), "{wrong:?}");

    let second = code(core, &app, &caller).await;
    exchange::execute(core, &app, presented(&second)).await.unwrap();
    let (started, next) = in_browser(core, &ann).await;
    session::replace_browser(core, &caller, &started.session, &client()).await.unwrap();
    assert_eq!(provider::consents::list(core, &next).await.unwrap().len(), 1);
    provider::consents::revoke(core, &next, &app.id, &client()).await.unwrap();
    let third = code(core, &app, &next).await;
    exchange::execute(core, &app, presented(&third)).await.unwrap();
    fakes.clock.advance(Duration::HOUR);
    let used = session::authenticate_browser(core, &started.token).await.unwrap().expect("a session");
    logout::execute(core, &used, &client()).await.unwrap();
    manage::delete(core, Admin::operator(), &app.id, &client()).await.unwrap();

    assert_eq!((script.most_open_handles(), script.open_handles()), (1, 0));
    let touched = units_with_sessions(&script.take_calls());
    assert!(touched >= 8, "only {touched} units touched sessions or consents");
    // The sessions of the first and the second code ended by reuse and by withdrawal, that of the third by the logout.
    let mut figures = store.read().await.unwrap().outbox().figures().await.unwrap();
    figures.letters.retain(|(.., count)| *count > 0);
    assert_eq!(figures.letters, [(LetterKind::BackchannelLogout, LetterState::Pending, 3)]);
}

/// An application that was created, changed and given secrets, and that has authenticated.
async fn managed_application(core: &Core) -> Client {
    let (operator, caller) = (Admin::operator(), client());
    let settings = application("an application").settings;
    let created = manage::create(core, operator, None, settings.clone(), &caller).await.unwrap();
    let id = created.client.id.clone();
    let settings = ClientSettings { access_minutes: 5, ..settings };
    let updated = manage::update(core, operator, created.client, settings, &caller).await.unwrap();
    let (added, _) = manage::add_secret(core, operator, &id, None, &caller).await.unwrap();
    manage::delete_secret(core, operator, &id, added.id, &caller).await.unwrap();
    assert_eq!(manage::page(core, operator, PageRequest::new(9, None)).await.unwrap().items.len(), 1);
    assert_eq!(manage::get(core, operator, &id).await.unwrap().1.len(), 1);
    let secret = created.secret.expect("a secret");
    let credentials = Credentials::Basic { id: id.as_str().to_owned(), secret };
    assert_eq!(authenticate_client(core, &credentials).await.unwrap(), updated);
    updated
}

/// Logs in in a browser.
async fn in_browser(core: &Core, email: &Email) -> (Started, Principal) {
    let (email, password) = (email.clone(), Password::new(OLD));
    let command = login::Command { email, password, device_token: None, in_browser: true, client: client() };
    let started = login::execute(core, command).await.unwrap();
    let principal = session::authenticate_browser(core, &started.token).await.unwrap().expect("a session");
    (started, principal)
}

/// Requests a code as the application, and grants it with consent.
async fn code(core: &Core, app: &Client, caller: &Principal) -> PlainToken {
    let text = |text: &str| Some(text.to_owned());
    let parameters = request::Parameters {
        response_type: text("code"),
        client_id: text(app.id.as_str()),
        redirect_uri: text(app.settings.redirect_uris[0].as_str()),
        scope: text("openid email"),
        code_challenge: text(PKCE[1]),
        code_challenge_method: text("S256"),
        ..request::Parameters::default()
    };
    let now = core.clock.now();
    let request = request::validate(core, parameters, now).await.unwrap();
    let progress = Progress { started_at: now, has_chosen_account: false, has_consented: true };
    assert_eq!(authorize::next(core, &request, Some(caller), progress).await.unwrap(), Next::Grant);
    authorize::grant(core, &request, caller, progress, &client()).await.unwrap()
}

/// The code as the application presents it.
fn presented(code: &PlainToken) -> exchange::Command {
    exchange::Command {
        code: code.clone(),
        redirect_uri: "https://app.example.org/callback".to_owned(),
        code_verifier: PKCE[0].to_owned(),
        resource: None,
        caller: client(),
    }
}
