//! What may happen to an account, and how it is made up.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use time::Duration;

use super::rules::GRACE;

/// One account's life.
#[derive(Clone)]
pub struct Case {
    /// Whether the token before the live one is answered for a while.
    pub has_grace: bool,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// What happens next.
#[derive(Clone)]
pub enum Step {
    /// The clock goes on, or a little back.
    Clock(Duration),
    /// These operations, all at once.
    AtOnce(Vec<Op>),
}

/// Counts back from the newest: of sessions, or of the tokens of one. It starts again where there are not so many.
pub type Pick = usize;

/// What a client does, or a thief.
#[derive(Clone, Debug)]
pub enum Op {
    /// Opens a session.
    Login,
    /// Tries to open one with the password of before.
    LoginWithOldPassword,
    /// The session's client exchanges the refresh token that it holds. If the answer gets lost, it goes on to hold that.
    Refresh { session: Pick, lost: bool },
    /// Somebody else exchanges one of the session's refresh tokens, whether new or used up.
    Steal { session: Pick, token: Pick },
    /// An access token is shown.
    Authenticate { session: Pick, token: Pick },
    /// Another service asks what a refresh token is worth.
    Introspect { session: Pick, token: Pick },
    /// Somebody revokes a refresh token of the session.
    Revoke { session: Pick, token: Pick },
    /// The session's client does something for which it has to be let in.
    Act { session: Pick, action: Action },
}

/// What takes an access token.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ends the own session.
    LogOut,
    /// Ends another session, or the own one.
    EndOne { other: Pick },
    /// Ends all other sessions.
    EndOthers,
    /// Changes the password. If the answer gets lost, the client goes on to hold the tokens of before.
    ChangePassword { lost: bool },
    /// Closes the account.
    Deactivate,
}

/// A line a step, since it is what a failure is told with.
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

/// Mostly one operation after the other; sometimes tabs that refresh at once.
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

/// Mostly several operations at once on few sessions.
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
    // The live token and the one before it are what matters most.
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

/// Mostly one and the same, so that more happens to it.
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

/// Within the grace and to both sides of its end; past the end of access tokens, refresh tokens and sessions; and back.
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
