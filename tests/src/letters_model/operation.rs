use std::fmt;

use inwren_domain::account::EmailVerification;
use inwren_domain::action_token::Purpose;
use proptest::collection::vec;
use proptest::prelude::*;
use time::Duration;

/// The operations of two people on one service.
#[derive(Clone)]
pub struct Case {
    /// Whether the service verifies addresses.
    pub verification: EmailVerification,
    /// Whether person 0 has an account with mailbox 0, and a session, from the start.
    pub has_account: bool,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One step of a case.
#[derive(Clone)]
pub enum Step {
    /// Moves the clock forward.
    Clock(Duration),
    /// Runs these operations concurrently.
    AtOnce(Vec<Op>),
}

/// One of two people. Person `n` reads the mailboxes `n` and `n + 2`.
pub type Person = usize;
/// One of four mailboxes.
pub type Mailbox = usize;
/// Counts back from the newest. The count wraps around.
pub type Pick = usize;

/// An operation.
#[derive(Clone, Debug)]
pub enum Op {
    /// Registers an address, which may be another person's.
    Register { person: Person, mailbox: Mailbox },
    /// Types the code of a letter for a registration of the person.
    Code { person: Person, registration: Pick, letter: Pick },
    /// Does what the link in one of the person's letters permits, or attempts another action with it. With `of`, it is a
    /// letter of this kind.
    Act { person: Person, of: Option<Purpose>, letter: Pick, attempt: Option<Purpose> },
    /// Discards the registration in one of the person's letters.
    Discard { person: Person, letter: Pick },
    /// Requests a password reset.
    Forgot { mailbox: Mailbox },
    /// Requests another verification letter.
    Resend { mailbox: Mailbox },
    /// Logs in with an address and the password of its account, if the person has chosen it.
    LogIn { person: Person, mailbox: Mailbox },
    /// The other person gets a copy of a session.
    Steal { person: Person, session: Pick },
    /// Requests another address for the account of a session.
    ChangeEmail { person: Person, session: Pick, mailbox: Mailbox },
    /// Changes the password of the account of a session.
    ChangePassword { person: Person, session: Pick },
    /// A superuser invites an address.
    Invite { mailbox: Mailbox },
    /// A scanner opens the links of all letters.
    Scan,
    /// The operator rotates the secret keys.
    Rotate,
}

/// Prints one line per step, because failure messages show the case.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "verification {:?}, with an account: {}", self.verification, self.has_account)?;
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

/// Mostly one operation after the other, and sometimes several at once.
pub fn letters() -> BoxedStrategy<Case> {
    let verification = prop_oneof![
        1 => Just(EmailVerification::Off),
        2 => Just(EmailVerification::Optional),
        3 => Just(EmailVerification::Required),
    ];
    let step = prop_oneof![
        14 => op().prop_map(|op| Step::AtOnce(vec![op])),
        2 => vec(op(), 2..=4).prop_map(Step::AtOnce),
        // The same link several times at once.
        2 => (op(), 2..=4_usize).prop_map(|(op, times)| Step::AtOnce(vec![op; times])),
        3 => clock().prop_map(Step::Clock),
    ];
    let has_account = prop_oneof![2 => Just(true), 1 => Just(false)];
    (verification, has_account, vec(step, 4..=40))
        .prop_map(|(verification, has_account, steps)| Case { verification, has_account, steps })
        .boxed()
}

fn op() -> impl Strategy<Value = Op> {
    let person = || 0..2_usize;
    // Mostly the same mailbox, so that more operations affect it.
    let mailbox = || prop_oneof![3 => Just(0), 2 => 0..4_usize];
    let pick = || prop_oneof![4 => Just(0), 2 => 0..5_usize];
    let of = || prop_oneof![1 => Just(None), 2 => proptest::sample::select(Purpose::ALL).prop_map(Some)];
    let attempt = || prop_oneof![9 => Just(None), 1 => proptest::sample::select(Purpose::ALL).prop_map(Some)];
    prop_oneof![
        10 => (person(), mailbox()).prop_map(|(person, mailbox)| Op::Register { person, mailbox }),
        5 => (person(), pick(), pick())
            .prop_map(|(person, registration, letter)| Op::Code { person, registration, letter }),
        24 => (person(), of(), pick(), attempt())
            .prop_map(|(person, of, letter, attempt)| Op::Act { person, of, letter, attempt }),
        1 => (person(), pick()).prop_map(|(person, letter)| Op::Discard { person, letter }),
        6 => mailbox().prop_map(|mailbox| Op::Forgot { mailbox }),
        3 => mailbox().prop_map(|mailbox| Op::Resend { mailbox }),
        12 => (person(), mailbox()).prop_map(|(person, mailbox)| Op::LogIn { person, mailbox }),
        2 => (person(), pick()).prop_map(|(person, session)| Op::Steal { person, session }),
        6 => (person(), pick(), 0..4_usize)
            .prop_map(|(person, session, mailbox)| Op::ChangeEmail { person, session, mailbox }),
        8 => (person(), pick(), 0..2_usize)
            .prop_map(|(person, session, own)| Op::ChangeEmail { person, session, mailbox: person + 2 * own }),
        3 => (person(), pick()).prop_map(|(person, session)| Op::ChangePassword { person, session }),
        3 => mailbox().prop_map(|mailbox| Op::Invite { mailbox }),
        2 => Just(Op::Scan),
        1 => Just(Op::Rotate),
    ]
}

/// Durations on both sides of the lifetimes of codes, links and recent logins.
fn clock() -> impl Strategy<Value = Duration> {
    prop_oneof![
        8 => (1..300_i64).prop_map(Duration::seconds),
        2 => (5..40_i64).prop_map(Duration::minutes),
        2 => (1..30_i64).prop_map(Duration::hours),
    ]
}
