//! The operations on an account, and how the tests generate them.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use time::Duration;

use super::rules::GRACE;

/// The operations on one account.
#[derive(Clone)]
pub struct Case {
    /// Whether the service accepts the previous refresh token during a grace period.
    pub has_grace: bool,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One step of a case.
#[derive(Clone)]
pub enum Step {
    /// Moves the clock forward, or a little back.
    Clock(Duration),
    /// Runs these operations concurrently.
    AtOnce(Vec<Op>),
}

/// Counts back from the newest session, or from the newest token of a session. The count wraps around.
pub type Pick = usize;

/// An operation of a client or of a thief.
#[derive(Clone, Debug)]
pub enum Op {
    /// Opens a session.
    Login,
    /// Tries to open a session with the previous password.
    LoginWithOldPassword,
    /// The client of the session exchanges the refresh token that it holds. If the response is `lost`, the client keeps
    /// the old token.
    Refresh { session: Pick, lost: bool },
    /// A thief exchanges one of the session's refresh tokens, new or used.
    Steal { session: Pick, token: Pick },
    /// A client presents an access token.
    Authenticate { session: Pick, token: Pick },
    /// Another service introspects a refresh token.
    Introspect { session: Pick, token: Pick },
    /// A client revokes a refresh token of the session.
    Revoke { session: Pick, token: Pick },
    /// The client of the session performs an action that requires authentication.
    Act { session: Pick, action: Action },
}

/// An action that requires an access token.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ends the client's session.
    LogOut,
    /// Ends another session or the client's session.
    EndOne { other: Pick },
    /// Ends all other sessions.
    EndOthers,
    /// Changes the password. If the response is `lost`, the client keeps the old tokens.
    ChangePassword { lost: bool },
    /// Deactivates the account.
    Deactivate,
}

/// Prints one line per step, because failure messages show the case.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.has_grace { "with a grace" } else { "without a grace" })?;
        self.steps.iter().try_for_each(|step| write!(f, "\n    {step:?}"))
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(by) => write!(f, "the clock moves by {by}"),
            Self::AtOnce(ops) => {
                let ops: Vec<String> = ops.iter().map(|op| format!("{op:?}")).collect();
                f.write_str(&ops.join(" | "))
            }
        }
    }
}

/// Mostly one operation after the other, and sometimes tabs that refresh concurrently.
pub fn one_by_one() -> BoxedStrategy<Case> {
    case(
        prop_oneof![
            12 => op(4).prop_map(|op| Step::AtOnce(vec![op])),
            3 => tabs().prop_map(Step::AtOnce),
            5 => clock().prop_map(Step::Clock),
        ],
        24,
    )
}

/// Mostly several concurrent operations on few sessions.
pub fn at_once() -> BoxedStrategy<Case> {
    case(
        prop_oneof![
            2 => op(2).prop_map(|op| Step::AtOnce(vec![op])),
            8 => vec(op(2), 2..=4).prop_map(Step::AtOnce),
            2 => clock().prop_map(Step::Clock),
        ],
        12,
    )
}

fn case(step: impl Strategy<Value = Step> + 'static, most_steps: usize) -> BoxedStrategy<Case> {
    let has_grace = prop_oneof![2 => Just(true), 1 => Just(false)];
    (has_grace, vec(step, 1..=most_steps)).prop_map(|(has_grace, steps)| Case { has_grace, steps }).boxed()
}

fn op(sessions: usize) -> impl Strategy<Value = Op> {
    let session = move || session(sessions);
    // Prefers the live token and the one before it: most rules concern these two.
    let token = || prop_oneof![3 => 0..2_usize, 3 => 0..6_usize];
    let session_and_token = move || (session(), token());
    prop_oneof![
        14 => Just(Op::Login),
        2 => Just(Op::LoginWithOldPassword),
        24 => (session(), any::<bool>()).prop_map(|(session, lost)| Op::Refresh { session, lost }),
        14 => session_and_token().prop_map(|(session, token)| Op::Steal { session, token }),
        3 => session_and_token().prop_map(|(session, token)| Op::Authenticate { session, token }),
        3 => session_and_token().prop_map(|(session, token)| Op::Introspect { session, token }),
        3 => session_and_token().prop_map(|(session, token)| Op::Revoke { session, token }),
        18 => (session(), action(sessions)).prop_map(|(session, action)| Op::Act { session, action }),
    ]
}

/// Mostly the same session, so that more operations affect it.
fn session(sessions: usize) -> impl Strategy<Value = Pick> {
    prop_oneof![3 => Just(0), 2 => 0..sessions]
}

fn action(sessions: usize) -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::LogOut),
        4 => session(sessions).prop_map(|other| Action::EndOne { other }),
        3 => Just(Action::EndOthers),
        6 => any::<bool>().prop_map(|lost| Action::ChangePassword { lost }),
        1 => Just(Action::Deactivate),
    ]
}

fn tabs() -> impl Strategy<Value = Vec<Op>> {
    (0..2_usize, vec(any::<bool>(), 2..=4))
        .prop_map(|(session, lost)| lost.into_iter().map(|lost| Op::Refresh { session, lost }).collect())
}

/// Durations within the grace period and on both sides of its end; past the expiry of access tokens, refresh tokens and
/// sessions; and backwards.
fn clock() -> impl Strategy<Value = Duration> {
    let tick = Duration::MICROSECOND;
    prop_oneof![
        6 => (1..10_000_i64).prop_map(Duration::milliseconds),
        2 => Just(GRACE - tick),
        4 => Just(GRACE),
        2 => Just(GRACE + tick),
        2 => (10..600_i64).prop_map(Duration::seconds),
        2 => (30..59_i64).prop_map(Duration::minutes),
        1 => Just(Duration::HOUR),
        6 => (1..3_000_i64).prop_map(|back| -Duration::milliseconds(back)),
    ]
}
