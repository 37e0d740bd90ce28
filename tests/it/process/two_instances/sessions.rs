use inwren_tests::process::Call;
use serde_json::json;

use super::{Instances, statuses};
use crate::process::support::client::{PASSWORD, Tokens, join, login, me, refresh};

const ANN: &str = "ann@example.org";

fn log_out(access: &str) -> Call {
    Call::new("POST", "/auth/logout").bearer(access)
}

#[test]
fn a_refresh_token_at_both_is_exchanged_once() {
    const ROUNDS: i64 = 60;
    let mut both = Instances::start();
    let mut tokens = join(&mut both.lines[0], ANN).unwrap();
    for _ in 0..ROUNDS {
        let call = refresh(&tokens.refresh);
        let [a, b] = both.at_once([&call, &call]).map(|answer| Tokens::of(&answer));
        assert_eq!(a.refresh, b.refresh, "two successors");
        assert_ne!(a.refresh, tokens.refresh);
        both.a(&me(&b.access)).expect(200);
        both.b(&me(&a.access)).expect(200);
        tokens = a;
    }
    let rotated = format!("sessions WHERE generation = {ROUNDS} AND revoked_at IS NULL");
    assert_eq!((both.count(&rotated), both.count("sessions")), (1, 1));
    assert_eq!(both.count("audit_events WHERE kind = 'refresh_token_reused'"), 0);
}

#[test]
fn a_reuse_at_one_or_both_ends_the_session_at_both() {
    const ROUNDS: usize = 15;
    let mut both = Instances::with(|program| program.env("REFRESH_REUSE_GRACE_SECONDS", "0"));
    join(&mut both.lines[0], ANN).unwrap();
    let used_up = "audit_events WHERE kind = 'refresh_token_reused'";
    for round in 0..ROUNDS {
        let first = Tokens::of(&both.a(&login(ANN, PASSWORD)));
        let second = if round % 3 == 0 {
            // Both instances get the live token: one of them finds that it was just used.
            let call = refresh(&first.refresh);
            let answers = both.at_once([&call, &call]);
            assert_eq!(statuses(&answers), [200, 401], "{answers:?}");
            Tokens::of(answers.iter().find(|answer| answer.status == 200).expect("a winner"))
        } else {
            let second = Tokens::of(&both.a(&refresh(&first.refresh)));
            let (reuse, other) = (refresh(&first.refresh), me(&second.access));
            if round % 3 == 1 {
                both.b(&reuse).expect(401);
            } else {
                let answers = both.at_once([&reuse, &reuse]);
                assert_eq!(statuses(&answers), [401, 401], "{answers:?}");
            }
            both.b(&other).expect(401);
            second
        };
        for tokens in [&first, &second] {
            both.a(&me(&tokens.access)).expect(401);
            both.b(&me(&tokens.access)).expect(401);
        }
        let live = refresh(&second.refresh);
        let answers = both.at_once([&live, &live]);
        assert_eq!(statuses(&answers), [401, 401], "{answers:?}");
        assert_eq!(both.count(used_up), i64::try_from(round).unwrap() + 1, "each is told of once");
    }
}

#[test]
fn a_logout_at_one_holds_at_the_other_at_once() {
    const ROUNDS: usize = 15;
    let mut both = Instances::start();
    join(&mut both.lines[0], ANN).unwrap();
    for round in 0..ROUNDS {
        let tokens = Tokens::of(&both.b(&login(ANN, PASSWORD)));
        both.b(&me(&tokens.access)).expect(200);
        let mut given = vec![tokens.clone()];
        if round % 2 == 0 {
            both.a(&log_out(&tokens.access)).expect(204);
        } else {
            // A concurrent refresh on the other instance does not survive the logout either.
            let [out, refreshed] = both.at_once([&log_out(&tokens.access), &refresh(&tokens.refresh)]);
            out.expect(204);
            match refreshed.status {
                401 => {}
                _ => given.push(Tokens::of(&refreshed)),
            }
        }
        for tokens in given {
            both.b(&me(&tokens.access)).expect(401);
            both.b(&refresh(&tokens.refresh)).expect(401);
            both.a(&me(&tokens.access)).expect(401);
        }
    }
    assert_eq!(both.count("audit_events WHERE kind = 'logged_out'"), i64::try_from(ROUNDS).unwrap());
    assert_eq!(both.count("audit_events WHERE kind = 'refresh_token_reused'"), 0);
}

#[test]
fn a_password_changed_at_one_lets_nobody_in_with_the_old_one_at_the_other() {
    const ROUNDS: usize = 15;
    let mut both = Instances::start();
    let mut own = join(&mut both.lines[0], ANN).unwrap();
    let (mut password, mut won) = (PASSWORD.to_owned(), 0);
    for round in 0..ROUNDS {
        let new = format!("the pass phrase after round {round}");
        let change = json!({ "current_password": password, "new_password": new });
        let change = Call::post("/users/me/password", &change).bearer(&own.access);
        let [changed, entered] = both.at_once([&change, &login(ANN, &password)]);
        let changed = Tokens::of(&changed);
        if entered.status == 200 {
            won += 1;
            let entered = Tokens::of(&entered);
            both.b(&me(&entered.access)).expect(401);
            both.b(&refresh(&entered.refresh)).expect(401);
        } else {
            assert_eq!(entered.status, 401, "{entered:?}");
        }
        both.b(&login(ANN, &password)).expect(401);
        // The previous token is invalid at once, but its use does not count as theft: the session stays.
        both.b(&refresh(&own.refresh)).expect(401);
        both.b(&me(&changed.access)).expect(200);
        own = Tokens::of(&both.b(&refresh(&changed.refresh)));
        password = new;
        assert_eq!(both.count("sessions WHERE revoked_at IS NULL"), 1);
    }
    println!("{won} of {ROUNDS} logins with the old password came before its change, and were ended by it");
}
