use std::fmt;

/// A move of the thief, of the owner or of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Move {
    LogIn,
    LogInOnDevice,
    Answer(Guess),
    PasskeyLogin(Guess),
    Refresh,
    StepUpByPassword,
    StepUp(Guess),
    EnrolApp,
    EnrolPasskey,
    RemoveFactor,
    ReplaceCodes,
    ChangePassword,
    ChangeEmail,
    ConfirmEmail,
    UndoEmail,
    Forget,
    Reset,
    ResetWith(Guess),
    RequestRemoval,
    RemoveDue,
    OwnerLogsIn,
    OwnerChangesEmail,
    OwnerCancels,
    Wait(Pause),
}

/// What the thief presents as second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Guess {
    /// A code of the owner's app that the owner has used.
    SeenCode,
    /// A recovery code that the owner has used.
    SeenRecoveryCode,
    /// A code of the app of the thief's own account.
    OwnCode,
    /// A recovery code of the thief's own account.
    OwnRecoveryCode,
    /// The passkey of the thief's own account.
    OwnPasskey,
    /// The owner's passkey, with a signature of another one.
    ForgedPasskey,
    /// The answer of the owner's passkey to an earlier challenge.
    SeenPasskey,
}

/// How long the world stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pause {
    Minutes16,
    Day,
    ThreeDays,
}

impl Guess {
    pub(super) const ALL: [Self; 7] = [
        Self::SeenCode,
        Self::SeenRecoveryCode,
        Self::OwnCode,
        Self::OwnRecoveryCode,
        Self::OwnPasskey,
        Self::ForgedPasskey,
        Self::SeenPasskey,
    ];

    fn is_passkey(self) -> bool {
        matches!(self, Self::OwnPasskey | Self::ForgedPasskey | Self::SeenPasskey)
    }
}

impl Move {
    /// All moves.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let plain = [
            Self::LogIn,
            Self::LogInOnDevice,
            Self::Refresh,
            Self::StepUpByPassword,
            Self::EnrolApp,
            Self::EnrolPasskey,
            Self::RemoveFactor,
            Self::ReplaceCodes,
            Self::ChangePassword,
            Self::ChangeEmail,
            Self::ConfirmEmail,
            Self::UndoEmail,
            Self::Forget,
            Self::Reset,
            Self::RequestRemoval,
            Self::RemoveDue,
            Self::OwnerLogsIn,
            Self::OwnerChangesEmail,
            Self::OwnerCancels,
            Self::Wait(Pause::Minutes16),
            Self::Wait(Pause::Day),
            Self::Wait(Pause::ThreeDays),
        ];
        let guesses = Guess::ALL.into_iter();
        let passkeys = Guess::ALL.into_iter().filter(|guess| guess.is_passkey());
        plain
            .into_iter()
            .chain(guesses.clone().map(Self::Answer))
            .chain(guesses.clone().map(Self::StepUp))
            .chain(guesses.map(Self::ResetWith))
            .chain(passkeys.map(Self::PasskeyLogin))
    }
}

/// The name for people.
impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(guess) => write!(f, "answer with {guess:?}"),
            Self::PasskeyLogin(guess) => write!(f, "passkey login with {guess:?}"),
            Self::StepUp(guess) => write!(f, "step up with {guess:?}"),
            Self::ResetWith(guess) => write!(f, "reset with {guess:?}"),
            Self::LogIn => f.write_str("log in by password"),
            Self::LogInOnDevice => f.write_str("log in on the trusted device"),
            Self::Refresh => f.write_str("refresh the tokens"),
            Self::StepUpByPassword => f.write_str("step up by password"),
            Self::EnrolApp => f.write_str("enrol an app"),
            Self::EnrolPasskey => f.write_str("enrol a passkey"),
            Self::RemoveFactor => f.write_str("remove a factor"),
            Self::ReplaceCodes => f.write_str("replace the recovery codes"),
            Self::ChangePassword => f.write_str("change the password"),
            Self::ChangeEmail => f.write_str("change the address"),
            Self::ConfirmEmail => f.write_str("confirm the owner's new address"),
            Self::UndoEmail => f.write_str("undo the owner's new address"),
            Self::Forget => f.write_str("request a reset"),
            Self::Reset => f.write_str("reset the password"),
            Self::RequestRemoval => f.write_str("request the removal of the factors"),
            Self::RemoveDue => f.write_str("the delay is over"),
            Self::OwnerLogsIn => f.write_str("the owner logs in"),
            Self::OwnerChangesEmail => f.write_str("the owner changes the address"),
            Self::OwnerCancels => f.write_str("the owner keeps the factors"),
            Self::Wait(Pause::Minutes16) => f.write_str("wait 16 minutes"),
            Self::Wait(Pause::Day) => f.write_str("wait a day"),
            Self::Wait(Pause::ThreeDays) => f.write_str("wait three days"),
        }
    }
}
