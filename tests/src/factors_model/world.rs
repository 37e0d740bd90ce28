use std::collections::BTreeSet;
use std::sync::Arc;

use inwren_adapters::store::memory::MemoryStore;
use inwren_domain::account::{EmailVerification, change_email, create_user, lost_factor, recover, update};
use inwren_domain::action_token::Purpose;
use inwren_domain::authn::{Acr, Answer, factor_login, login, passkey_login, reauthenticate, second_step};
use inwren_domain::challenge::{Challenge, ChallengePurpose};
use inwren_domain::credential::{Password, change_password};
use inwren_domain::factor::{Code, CredentialId, Factor, FactorId, RelyingParty, enrol, manage};
use inwren_domain::kernel::{ClientInfo, Clock as _, Email, PlainToken, UserId};
use inwren_domain::session::{Principal, authenticate, refresh};
use inwren_domain::store::Store;
use inwren_domain::token::TokenPair;
use inwren_domain::{Core, Failure};
use time::{Duration, OffsetDateTime};

use super::moves::{Guess, Move, Pause};
use super::passkeys::{ModelPasskeys, answer, creation};
use crate::authenticator::totp_code;
use crate::fakes::{FakeClock, Fakes, deliver_letters, kind_in, token_in};
use crate::fixtures::{email, now};

const PASSWORD: &str = "the pass phrase of ann";
const OTHER_PASSWORD: &str = "another phrase by thief";
const DELAY: Duration = Duration::hours(72);

/// A person with an app, a passkey and recovery codes.
struct Person {
    id: UserId,
    email: Email,
    secret: String,
    codes: Vec<String>,
    passkey: &'static str,
}

/// What the thief holds, and what has happened.
#[derive(Clone)]
pub(super) struct World {
    store: MemoryStore,
    now: OffsetDateTime,
    owner: Arc<Person>,
    thief: Arc<Person>,
    factors: Arc<BTreeSet<FactorId>>,
    stale_since: OffsetDateTime,
    password: &'static str,
    /// The newest session of the owner that the thief holds.
    session: TokenPair,
    device: PlainToken,
    challenge: Option<PlainToken>,
    reset: Option<PlainToken>,
    confirmation: Option<PlainToken>,
    undo: Option<PlainToken>,
    keep: Option<PlainToken>,
    seen_code: String,
    seen_recovery_code: String,
    seen_challenge: PlainToken,
    requested_at: Option<OffsetDateTime>,
    is_removed: bool,
    removed_in_time: bool,
    has_reset: bool,
}

/// What distinguishes one state from another, for the thief.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    access: (&'static str, bool, bool),
    holds: [bool; 6],
    attempts_left: i16,
    account: (String, bool, usize, Vec<(&'static str, i16)>),
    removal: Option<i64>,
    hours: i64,
    is_removed: bool,
}

impl State {
    /// The access of the thief, for the diagram.
    pub(super) fn access(&self) -> String {
        let (acr, is_live, is_recent) = self.access;
        match (is_live, self.is_removed) {
            (_, true) => "factors removed after the delay".to_owned(),
            (false, _) => "no session".to_owned(),
            (true, _) if is_recent => format!("recent {acr}"),
            (true, _) => format!("stale {acr}"),
        }
    }
}

impl World {
    /// The owner has enrolled everything, and the thief has stolen everything but a factor.
    pub(super) async fn begin() -> Self {
        let store = MemoryStore::new();
        let fakes = fakes(&store, now());
        let (owner, _) = person(&fakes, "ann@example.org", "ann's passkey").await;
        let (thief, _) = person(&fakes, "eve@example.org", "eve's passkey").await;
        let core = &fakes.core;
        let client = ClientInfo::default;

        // The owner trusts a device with a recovery code, and then logs in with the app.
        let challenge =
            challenge(core, &owner.email, PASSWORD, None).await.unwrap_err().expect("a challenge");
        let seen_recovery_code = owner.codes[0].clone();
        let answered = factor_login::Command {
            challenge,
            answer: Answer::RecoveryCode(code(&seen_recovery_code)),
            remember_device: true,
            in_browser: false,
            client: client(),
        };
        let device = factor_login::execute(core, answered).await.unwrap().device_token.expect("a device");
        let challenge = self::challenge(core, &owner.email, PASSWORD, None).await.unwrap_err().expect("one");
        let seen_code = totp_code(&owner.secret, fakes.clock.now());
        let answered = factor_login::Command {
            challenge: challenge.clone(),
            answer: Answer::Totp(code(&seen_code)),
            remember_device: false,
            in_browser: false,
            client: client(),
        };
        factor_login::execute(core, answered).await.unwrap();
        // The session that the thief has stolen began with the passkey.
        let challenge = passkey_login::options(core).await.unwrap().challenge;
        let mut assertion = answer(owner.passkey, &challenge);
        assertion.user_handle = Some(handle(&store, owner.passkey).await);
        let started = passkey_login::execute(core, assertion, false, client()).await.unwrap();
        let session = started.into_tokens(core).unwrap();
        deliver_letters(core).await;
        let stale_since = fakes.clock.now();
        let factors = factor_ids(&store, owner.id).await;
        Self {
            now: fakes.clock.now() + Duration::minutes(16),
            store,
            owner: Arc::new(owner),
            thief: Arc::new(thief),
            factors: Arc::new(factors),
            stale_since,
            password: PASSWORD,
            session,
            device,
            challenge: None,
            reset: None,
            confirmation: None,
            undo: None,
            keep: None,
            seen_code,
            seen_recovery_code,
            seen_challenge: challenge,
            requested_at: None,
            is_removed: false,
            removed_in_time: true,
            has_reset: false,
        }
    }

    /// A copy that shares nothing that changes.
    pub(super) fn fork(&self) -> Self {
        Self { store: self.store.fork(), ..self.clone() }
    }

    /// Whether the factors were removed after the announced delay, so that nothing is left to protect.
    pub(super) fn is_removed(&self) -> bool {
        self.is_removed
    }

    /// Makes a move, and returns whether it did anything.
    pub(super) async fn play(&mut self, one: Move) -> bool {
        let fakes = fakes(&self.store, self.now);
        let has_succeeded = self.act(&fakes, one).await.is_some();
        deliver_letters(&fakes.core).await;
        for message in fakes.mail.sent() {
            let token = token_in(&message).map(|token| PlainToken::new(token.to_owned()));
            match kind_in(&message) {
                "password_reset" => self.reset = token,
                "email_change" => self.confirmation = token,
                "email_undo" => self.undo = token,
                "factor_removal_requested" => self.keep = token,
                _ => {}
            }
        }
        self.now = fakes.clock.now();
        has_succeeded
    }

    async fn act(&mut self, fakes: &Fakes, one: Move) -> Option<()> {
        let (core, client) = (&fakes.core, ClientInfo::default());
        match one {
            Move::LogIn => self.log_in(core, None).await,
            Move::LogInOnDevice => self.log_in(core, Some(self.device.clone())).await,
            Move::Answer(guess) => {
                let challenge = self.challenge.clone()?;
                let answer = self.guess(guess, &challenge);
                let (remember_device, in_browser) = (true, false);
                let command =
                    factor_login::Command { challenge, answer, remember_device, in_browser, client };
                let logged_in = factor_login::execute(core, command).await.ok()?;
                self.session = logged_in.started.into_tokens(core).ok()?;
                Some(())
            }
            Move::PasskeyLogin(guess) => {
                let challenge = passkey_login::options(core).await.ok()?.challenge;
                let Answer::Passkey(mut assertion) = self.guess(guess, &challenge) else { return None };
                // The thief may try any handle; the domain compares it with the stored one.
                let own = if guess == Guess::OwnPasskey { self.thief.passkey } else { self.owner.passkey };
                assertion.user_handle = Some(handle(&self.store, own).await);
                let started = passkey_login::execute(core, *assertion, false, client).await.ok()?;
                let tokens = started.into_tokens(core).ok()?;
                let principal = authenticate(core, tokens.access_token.expose()).await.ok()?;
                // The thief's own account is no prey.
                (principal.user().id == self.owner.id).then(|| self.session = tokens)
            }
            Move::Refresh => {
                let presented = refresh::Presented::verify(core, self.session.refresh_token.clone()).ok()?;
                let refreshed = refresh::execute(core, presented, &client).await.ok()?;
                self.session = refreshed.into_tokens();
                Some(())
            }
            Move::StepUpByPassword => {
                let password = Some(Password::new(self.password));
                self.step_up(core, reauthenticate::Command { password, answer: None }).await
            }
            Move::StepUp(guess) => {
                let principal = self.principal(core).await?;
                let challenge = reauthenticate::options(core, &principal).await.ok()?.challenge;
                let answer = Some(self.guess(guess, &challenge));
                let password = Some(Password::new(self.password));
                self.step_up(core, reauthenticate::Command { password, answer }).await
            }
            Move::EnrolApp => {
                let principal = self.principal(core).await?;
                let new = enrol::begin_totp(core, &principal, None, &client).await.ok()?;
                let code = code(&totp_code(new.secret.expose(), self.now));
                enrol::confirm_totp(core, &principal, new.id, &code, &client).await.ok().map(drop)
            }
            Move::EnrolPasskey => {
                let principal = self.principal(core).await?;
                let options = enrol::passkey_options(core, &principal, &client).await.ok()?;
                let creation = creation("a new passkey", &options.challenge);
                enrol::enrol_passkey(core, &principal, creation, None, &client).await.ok().map(drop)
            }
            Move::RemoveFactor => {
                let principal = self.principal(core).await?;
                let factor = *self.factors.first()?;
                manage::remove(core, &principal, factor, &client).await.ok()
            }
            Move::ReplaceCodes => {
                let principal = self.principal(core).await?;
                let codes = manage::replace_recovery_codes(core, &principal, &client).await.ok()?;
                self.seen_recovery_code = codes.first()?.expose().to_owned();
                Some(())
            }
            Move::ChangePassword => {
                let principal = self.principal(core).await?;
                let new = self.other_password();
                let (current_password, new_password) = (Password::new(self.password), Password::new(new));
                let command = change_password::Command { current_password, new_password };
                self.session = change_password::execute(core, &principal, command, &client).await.ok()?;
                self.password = new;
                Some(())
            }
            Move::ChangeEmail => {
                let principal = self.principal(core).await?;
                let command = update::Command { email: Some(email("thief@example.org")), tier: None };
                update::execute(core, &principal, command, &client).await.ok().map(drop)
            }
            Move::ConfirmEmail => {
                let token = self.confirmation.take()?;
                change_email::confirm(core, token.expose(), &client).await.ok()
            }
            Move::UndoEmail => {
                let token = self.undo.take()?;
                change_email::undo(core, token.expose(), &client).await.ok()
            }
            Move::Forget => {
                let email = self.owner.email.clone();
                recover::forgot(core, email, None, &client).await.ok()
            }
            Move::Reset => self.reset_with(core, None).await,
            Move::ResetWith(guess) => {
                let asked = match self.reset_step(core).await? {
                    Some(step) => step,
                    None => return Some(()),
                };
                let answer = self.guess(guess, &asked);
                self.reset_with(core, Some(recover::Proof { answer, challenge: Some(asked) })).await
            }
            Move::RequestRemoval => {
                let password = Password::new(self.password);
                lost_factor::request(core, &self.owner.email, password, &client).await.ok()?;
                self.requested_at.get_or_insert(self.now);
                Some(())
            }
            Move::RemoveDue => {
                let before = factor_ids(&self.store, self.owner.id).await;
                while lost_factor::remove_due(core).await.ok()? {}
                let is_removed =
                    factor_ids(&self.store, self.owner.id).await.is_empty() && !before.is_empty();
                let is_due = self.requested_at.is_some_and(|at| self.now - at >= DELAY);
                self.is_removed |= is_removed && is_due;
                self.removed_in_time &= is_due || !is_removed;
                is_removed.then_some(())
            }
            Move::OwnerLogsIn => self.owner_logs_in(core).await.map(drop),
            Move::OwnerChangesEmail => {
                let tokens = self.owner_logs_in(core).await?;
                let principal = authenticate(core, tokens.access_token.expose()).await.ok()?;
                let command = update::Command { email: Some(email("ann@example.net")), tier: None };
                update::execute(core, &principal, command, &client).await.ok().map(drop)
            }
            Move::OwnerCancels => {
                let token = self.keep.take()?;
                lost_factor::cancel(core, token.expose(), &client).await.ok()?;
                self.requested_at = None;
                Some(())
            }
            Move::Wait(pause) => {
                // Longer waits than the longest delay change nothing more.
                let is_bounded = self.now - self.stale_since < Duration::days(5);
                fakes.clock.advance(match pause {
                    Pause::Minutes16 => Duration::minutes(16),
                    Pause::Day => Duration::DAY,
                    // Past the end of the delay.
                    Pause::ThreeDays => DELAY + Duration::MINUTE,
                });
                is_bounded.then_some(())
            }
        }
    }

    async fn log_in(&mut self, core: &Core, device: Option<PlainToken>) -> Option<()> {
        match challenge(core, &self.owner.email, self.password, device).await {
            Ok(tokens) => self.session = tokens,
            Err(challenge) => self.challenge = Some(challenge?),
        }
        Some(())
    }

    /// The owner logs in with the app, and the thief sees the code.
    async fn owner_logs_in(&mut self, core: &Core) -> Option<TokenPair> {
        let challenge = challenge(core, &self.owner.email, self.password, None).await.err()??;
        let seen = totp_code(&self.owner.secret, self.now);
        let answer = Answer::Totp(code(&seen));
        let client = ClientInfo::default();
        let (remember_device, in_browser) = (false, false);
        let command = factor_login::Command { challenge, answer, remember_device, in_browser, client };
        let logged_in = factor_login::execute(core, command).await.ok()?;
        (self.seen_code, self.requested_at) = (seen, None);
        logged_in.started.into_tokens(core).ok()
    }

    async fn step_up(&mut self, core: &Core, command: reauthenticate::Command) -> Option<()> {
        let principal = self.principal(core).await?;
        let client = ClientInfo::default();
        let started = reauthenticate::execute(core, &principal, command, &client).await.ok()?;
        self.session = started.into_tokens(core).ok()?;
        Some(())
    }

    async fn principal(&self, core: &Core) -> Option<Principal> {
        authenticate(core, self.session.access_token.expose()).await.ok()
    }

    fn other_password(&self) -> &'static str {
        if self.password == PASSWORD { OTHER_PASSWORD } else { PASSWORD }
    }

    async fn reset_with(&mut self, core: &Core, proof: Option<recover::Proof>) -> Option<()> {
        let (token, new) = (self.reset.clone()?, self.other_password());
        let client = ClientInfo::default();
        recover::reset(core, token.expose(), Password::new(new), proof, &client).await.ok()?;
        (self.password, self.has_reset) = (new, true);
        Some(())
    }

    /// The challenge of a reset. `Some(None)` if the reset has just succeeded without a factor.
    async fn reset_step(&mut self, core: &Core) -> Option<Option<PlainToken>> {
        let (token, new) = (self.reset.clone()?, self.other_password());
        let client = ClientInfo::default();
        match recover::reset(core, token.expose(), Password::new(new), None, &client).await {
            Err(Failure::Refused(recover::Refusal::NeedsFactor(step))) => Some(Some(step.challenge)),
            Ok(()) => {
                (self.password, self.has_reset) = (new, true);
                Some(None)
            }
            Err(_) => None,
        }
    }

    fn guess(&self, guess: Guess, challenge: &PlainToken) -> Answer {
        match guess {
            Guess::SeenCode => Answer::Totp(code(&self.seen_code)),
            Guess::SeenRecoveryCode => Answer::RecoveryCode(code(&self.seen_recovery_code)),
            Guess::OwnCode => Answer::Totp(code(&totp_code(&self.thief.secret, self.now))),
            Guess::OwnRecoveryCode => Answer::RecoveryCode(code(&self.thief.codes[1])),
            Guess::OwnPasskey => Answer::Passkey(Box::new(answer(self.thief.passkey, challenge))),
            Guess::ForgedPasskey => {
                let mut forged = answer(self.owner.passkey, challenge);
                forged.signature = self.thief.passkey.as_bytes().to_vec();
                Answer::Passkey(Box::new(forged))
            }
            Guess::SeenPasskey => Answer::Passkey(Box::new(answer(self.owner.passkey, &self.seen_challenge))),
        }
    }

    /// The rule that the thief has broken, if there is one.
    pub(super) async fn broken_rule(&self) -> Option<String> {
        if self.is_removed {
            return None;
        }
        let factors = factor_ids(&self.store, self.owner.id).await;
        if factors != *self.factors {
            return Some("the thief has changed the factors".to_owned());
        }
        let mut view = self.store.read().await.expect("a view");
        let user = view.users().by_id(self.owner.id).await.expect("an answer").expect("the owner");
        if !user.has_factor() {
            return Some("the account no longer needs a factor".to_owned());
        }
        if self.has_reset {
            return Some("the mailbox alone has reset the password".to_owned());
        }
        if !self.removed_in_time {
            return Some("the delay was not awaited".to_owned());
        }
        let fakes = fakes(&self.store, self.now);
        let principal = self.principal(&fakes.core).await?;
        let session = principal.session()?;
        let is_stolen = session.authenticated_at <= self.stale_since;
        if session.assurance.acr > Acr::Aal1 && !is_stolen {
            return Some(format!("the thief has a fresh session of {}", session.assurance.acr));
        }
        None
    }

    /// What distinguishes this state.
    pub(super) async fn state(&self) -> State {
        let fakes = fakes(&self.store, self.now);
        let principal = self.principal(&fakes.core).await;
        let session = principal.as_ref().and_then(Principal::session);
        let is_recent = |at: OffsetDateTime| self.now - at <= Duration::minutes(15);
        let mut view = self.store.read().await.expect("a view");
        let user = view.users().by_id(self.owner.id).await.expect("an answer").expect("the owner");
        let codes = view.factors().recovery_codes_left(user.id).await.expect("an answer");
        let budgets = view.factors().budgets(user.id).await.expect("an answer");
        let mut budgets: Vec<_> =
            budgets.iter().map(|spent| (spent.budget.as_str(), spent.taken.min(2))).collect();
        budgets.sort_unstable();
        let removal = view.action_tokens().newest_of(user.id, Purpose::KeepFactors).await.expect("an answer");
        let mut attempts_left = -1;
        if let Some(challenge) = &self.challenge {
            let digest = fakes.core.verifier.digest(challenge);
            let found = view.challenges().by_digest(&digest, ChallengePurpose::Login).await;
            let is_valid = |found: &Challenge| found.expires_at > self.now;
            attempts_left =
                found.expect("an answer").filter(is_valid).map_or(-1, |found| found.attempts_left);
        }
        let refreshes = refresh::Presented::verify(&fakes.core, self.session.refresh_token.clone()).is_ok();
        State {
            access: (
                session.map_or("none", |session| session.assurance.acr.as_str()),
                session.is_some(),
                session.is_some_and(|session| is_recent(session.authenticated_at)),
            ),
            holds: [
                user.is_active,
                self.reset.is_some(),
                self.confirmation.is_some(),
                self.undo.is_some(),
                self.keep.is_some(),
                refreshes,
            ],
            attempts_left,
            account: (
                user.email.as_str().to_owned(),
                self.password == PASSWORD,
                usize::try_from(codes).unwrap_or(usize::MAX),
                budgets,
            ),
            removal: removal.map(|token| (token.expires_at - self.now).whole_hours().max(-1)),
            hours: self.requested_at.map_or(-1, |at| (self.now - at).whole_hours().min(73)),
            is_removed: self.is_removed,
        }
    }
}

/// Logs in with a password. `Err` is the challenge of the second step, if there is one.
async fn challenge(
    core: &Core,
    email: &Email,
    password: &str,
    device_token: Option<PlainToken>,
) -> Result<TokenPair, Option<PlainToken>> {
    let (password, client) = (Password::new(password), ClientInfo::default());
    let command = login::Command { email: email.clone(), password, device_token, in_browser: false, client };
    match login::execute(core, command).await {
        Ok(started) => Ok(started.into_tokens(core).expect("tokens")),
        Err(Failure::Refused(login::Refusal::NeedsFactor(needed))) => {
            Err(Some(second_step::begin(core, *needed).await.expect("a second step").challenge))
        }
        Err(_) => Err(None),
    }
}

/// Creates a user with an app, a passkey and recovery codes.
async fn person(fakes: &Fakes, address: &str, passkey: &'static str) -> (Person, TokenPair) {
    let (core, client) = (&fakes.core, ClientInfo::default());
    let email = email(address);
    let command =
        create_user::Command { email: email.clone(), password: Password::new(PASSWORD), is_superuser: false };
    let user = create_user::execute(core, command).await.expect("a user");
    let tokens = challenge(core, &email, PASSWORD, None).await.expect("a session");
    let principal = authenticate(core, tokens.access_token.expose()).await.expect("a session");
    let new = enrol::begin_totp(core, &principal, None, &client).await.expect("an app");
    let secret = new.secret.expose().to_owned();
    let first = code(&totp_code(&secret, fakes.clock.now()));
    let enrolled = enrol::confirm_totp(core, &principal, new.id, &first, &client).await.expect("a factor");
    let codes = enrolled.recovery_codes.expect("recovery codes");
    fakes.clock.advance(Duration::minutes(1));
    let answer = Some(Answer::Totp(code(&totp_code(&secret, fakes.clock.now()))));
    let command = reauthenticate::Command { password: None, answer };
    let principal = authenticate(core, tokens.access_token.expose()).await.expect("a session");
    let started = reauthenticate::execute(core, &principal, command, &client).await.expect("a step-up");
    let tokens = started.into_tokens(core).expect("tokens");
    let principal = authenticate(core, tokens.access_token.expose()).await.expect("a session");
    let options = enrol::passkey_options(core, &principal, &client).await.expect("options");
    let created = creation(passkey, &options.challenge);
    enrol::enrol_passkey(core, &principal, created, None, &client).await.expect("a passkey");
    fakes.clock.advance(Duration::minutes(1));
    let codes = codes.iter().map(|code| code.expose().to_owned()).collect();
    (Person { id: user.id, email, secret, codes, passkey }, tokens)
}

/// The user handle in the passkey with this name.
async fn handle(store: &MemoryStore, passkey: &str) -> Vec<u8> {
    let id = CredentialId::new(passkey.as_bytes().to_vec()).expect("an id");
    let found = store.read().await.expect("a view").factors().by_credential(&id).await.expect("an answer");
    let factor = found.expect("a passkey");
    factor.passkey().expect("a passkey").user_handle.as_bytes().to_vec()
}

async fn factor_ids(store: &MemoryStore, user: UserId) -> BTreeSet<FactorId> {
    let factors = store.read().await.expect("a view").factors().of_user(user).await.expect("factors");
    factors.iter().filter(|factor| factor.is_confirmed()).map(|factor: &Factor| factor.id).collect()
}

fn code(text: &str) -> Code {
    Code::parse(text).expect("a code")
}

fn fakes(store: &MemoryStore, now: OffsetDateTime) -> Fakes {
    let mut fakes = Fakes::with_clock(Arc::new(store.clone()), Arc::new(FakeClock::at(now)));
    fakes.core.mail = Some(fakes.mail.mail());
    fakes.core.passkeys = Arc::new(ModelPasskeys);
    let settings = &mut fakes.core.settings;
    settings.email_verification = EmailVerification::Optional;
    settings.factors.lost_factor_delay = DELAY;
    settings.factors.trusted_device_lifetime = Duration::days(30);
    settings.factors.relying_party = Some(RelyingParty { id: "localhost".to_owned(), origins: Vec::new() });
    fakes
}
