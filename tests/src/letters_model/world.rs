use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use inwren_domain::account::create_user;
use inwren_domain::action_token::Purpose;
use inwren_domain::credential::{Account, Password};
use inwren_domain::kernel::{Email, PlainToken, StoreError, UserId};
use inwren_domain::pending_registration::VerificationId;
use inwren_domain::session::{Principal, authenticate};
use inwren_domain::store::Store;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tally;
use super::job::{self, Job, Outcome};
use super::mailbox::{Read, read, reader};
use super::operation::{Case, Mailbox, Op, Person, Pick, Step};
use crate::conformance::support::together;
use crate::fakes::{FakeClock, Fakes, deliver_letters};
use crate::fixtures::fresh_email;

const ROOT_PASSWORD: &str = "the pass phrase of the root";

/// Two people, four mailboxes and a service.
pub(super) struct World {
    fakes: Fakes,
    root: Email,
    mailboxes: Vec<Email>,
    /// The letters with links, by reader, oldest first.
    letters: [Vec<Read>; 2],
    registrations: [Vec<VerificationId>; 2],
    sessions: [Vec<(PlainToken, UserId)>; 2],
    /// Who requested the address for the account.
    requested: BTreeSet<(UserId, Mailbox, Person)>,
    /// The subjects of links that have acted.
    spent: BTreeSet<Uuid>,
    /// Undo links that the undo of an earlier change has voided.
    overruled: BTreeSet<Uuid>,
    /// The accounts with a session that was stolen.
    stolen: BTreeSet<UserId>,
    users: BTreeSet<UserId>,
    /// The accounts whose sessions the last step has ended.
    ended: BTreeSet<UserId>,
    /// The accounts that the last step has restored, with their address.
    restored: BTreeMap<UserId, Email>,
    passwords: usize,
    received: usize,
    journal: String,
}

/// An operation with its letters and sessions chosen.
struct Ready {
    op: Op,
    job: Job,
    link: Option<Read>,
    /// The account of the session that the operation uses.
    account: Option<UserId>,
}

impl World {
    pub(super) async fn begin(
        store: Arc<dyn Store>,
        clock: Arc<FakeClock>,
        case: &Case,
        tally: &mut Tally,
    ) -> Result<Self, String> {
        let mut fakes = Fakes::with_clock(store, clock);
        fakes.core.mail = Some(fakes.mail.mail());
        fakes.core.settings.email_verification = case.verification;
        let root = fresh_email();
        let password = Password::new(ROOT_PASSWORD);
        let command = create_user::Command { email: root.clone(), password, is_superuser: true };
        create_user::execute(&fakes.core, command).await.map_err(|failure| format!("{failure:?}"))?;
        let mut world = Self {
            fakes,
            root,
            mailboxes: (0..4).map(|_| fresh_email()).collect(),
            letters: Default::default(),
            registrations: Default::default(),
            sessions: Default::default(),
            requested: BTreeSet::new(),
            spent: BTreeSet::new(),
            overruled: BTreeSet::new(),
            stolen: BTreeSet::new(),
            users: BTreeSet::new(),
            ended: BTreeSet::new(),
            restored: BTreeMap::new(),
            passwords: 0,
            received: 0,
            journal: String::new(),
        };
        if case.has_account {
            let accept = Op::Act { person: 0, of: Some(Purpose::AcceptInvitation), letter: 0, attempt: None };
            for op in [Op::Invite { mailbox: 0 }, accept, Op::LogIn { person: 0, mailbox: 0 }] {
                world.go(&Step::AtOnce(vec![op]), tally).await?;
            }
        }
        Ok(world)
    }

    /// Runs one step, and checks all rules. An error states the rule that was broken.
    pub(super) async fn go(&mut self, step: &Step, tally: &mut Tally) -> Result<(), String> {
        let ops = match step {
            Step::Clock(by) => {
                self.fakes.clock.advance(*by);
                let _ = writeln!(self.journal, "the clock moves by {by}");
                return Ok(());
            }
            Step::AtOnce(ops) => ops,
        };
        let before = self.accounts().await?;
        let mut ready = Vec::new();
        for op in ops {
            ready.extend(self.prepare(op, &before).await?);
        }
        let (mut jobs, mut asked) = (Vec::new(), Vec::new());
        for Ready { op, job, link, account } in ready {
            jobs.push(job::execute(self.fakes.core.clone(), job));
            asked.push((op, link, account));
        }
        let is_alone = jobs.len() == 1;
        self.ended.clear();
        self.restored.clear();
        let outcomes = together(jobs).await;
        let mut replaced = BTreeMap::new();
        let undos = asked.iter().filter(|(op, link, _)| undo_of(op, link.as_ref()).is_some()).count();
        for ((op, link, account), outcome) in asked.into_iter().zip(outcomes) {
            let _ = writeln!(self.journal, "    {op:?} -> {outcome:?}");
            count(tally, &op, link.as_ref(), &outcome);
            if let Outcome::Failed(failure) = &outcome {
                return Err(self.told(&format!("{op:?} failed: {failure}")));
            }
            let has_acted = !matches!(outcome, Outcome::Refused);
            if let Some(undo) = undo_of(&op, link.as_ref()).filter(|_| undos == 1) {
                let must_win = self.is_valid_undo(undo, self.now());
                if has_acted != must_win {
                    return Err(self.told(&format!("the undo should have won: {must_win}")));
                }
            }
            if has_acted {
                self.acted(&op, link.as_ref(), account, outcome, &before, is_alone, &mut replaced)?;
            }
        }
        self.deliver().await?;
        self.check().await
    }

    /// Chooses the letters and sessions of an operation. `None` if there are none.
    async fn prepare(
        &mut self,
        op: &Op,
        accounts: &BTreeMap<UserId, Account>,
    ) -> Result<Option<Ready>, String> {
        let ready = |job, link, account| Some(Ready { op: op.clone(), job, link, account });
        Ok(match *op {
            Op::Register { person, mailbox } => {
                ready(Job::Register(self.mailboxes[mailbox].clone(), self.new_password(person)), None, None)
            }
            Op::Code { person, registration, letter } => {
                let with_code: Vec<&Read> =
                    self.letters[person].iter().filter(|read| read.code.is_some()).collect();
                let (Some(id), Some(read)) =
                    (pick(&self.registrations[person], registration), pick(&with_code, letter))
                else {
                    return Ok(None);
                };
                let code = read.code.clone().unwrap_or_default();
                ready(Job::Code(*id, code), Some((*read).clone()), None)
            }
            Op::Act { person, of, letter, attempt } => {
                let fits = |read: &&Read| of.is_none_or(|purpose| read.purpose == purpose);
                let fitting: Vec<&Read> = self.letters[person].iter().filter(fits).collect();
                let Some(read) = pick(&fitting, letter).map(|read| (*read).clone()) else { return Ok(None) };
                let account = read.stored.as_ref().map(|token| token.user_id);
                // People confirm only changes that they have requested.
                if read.purpose == Purpose::ChangeEmail
                    && !account.is_some_and(|user| self.requested.contains(&(user, read.mailbox, person)))
                {
                    return Ok(None);
                }
                let purpose = attempt.unwrap_or(read.purpose);
                let own = account.and_then(|user| accounts.get(&user)).and_then(chosen);
                let own = own.filter(|(chooser, _)| *chooser == person).map(|(_, text)| Password::new(&text));
                // The account's password verifies its address. Everything else sets a new one.
                let password = match own.filter(|_| purpose == Purpose::VerifyEmail) {
                    Some(own) => own,
                    None => self.new_password(person),
                };
                let principal = match pick(&self.sessions[person], 0) {
                    Some((token, _)) => self.principal(token).await?,
                    None => None,
                };
                let job = Job::Act(purpose, read.token.clone(), password, principal.map(Box::new));
                ready(job, Some(read), account)
            }
            Op::Discard { person, letter } => {
                let mut of_verification =
                    self.letters[person].iter().filter(|read| read.purpose == Purpose::VerifyEmail).rev();
                let Some(read) = of_verification.nth(letter).cloned() else { return Ok(None) };
                ready(Job::Discard(read.token.clone()), Some(read), None)
            }
            Op::Forgot { mailbox } => ready(Job::Forgot(self.mailboxes[mailbox].clone()), None, None),
            Op::Resend { mailbox } => ready(Job::Resend(self.mailboxes[mailbox].clone()), None, None),
            Op::LogIn { person, mailbox } => {
                let email = &self.mailboxes[mailbox];
                let account = accounts.values().find(|account| account.user.email == *email);
                let Some((chooser, text)) = account.and_then(chosen) else { return Ok(None) };
                if chooser != person {
                    return Ok(None);
                }
                ready(Job::LogIn(email.clone(), Password::new(&text)), None, None)
            }
            Op::Steal { person, session } => {
                let Some((token, user)) = pick(&self.sessions[1 - person], session).cloned() else {
                    return Ok(None);
                };
                self.stolen.insert(user);
                self.sessions[person].push((token, user));
                None
            }
            Op::ChangeEmail { person, session, mailbox } => {
                let Some((token, user)) = pick(&self.sessions[person], session).cloned() else {
                    return Ok(None);
                };
                let Some(principal) = self.principal(&token).await? else { return Ok(None) };
                self.requested.insert((user, mailbox, person));
                let job = Job::ChangeEmail(Box::new(principal), self.mailboxes[mailbox].clone());
                ready(job, None, Some(user))
            }
            Op::ChangePassword { person, session } => {
                let Some((token, user)) = pick(&self.sessions[person], session).cloned() else {
                    return Ok(None);
                };
                let Some(principal) = self.principal(&token).await? else { return Ok(None) };
                let Some((chooser, text)) = accounts.get(&user).and_then(chosen) else { return Ok(None) };
                if chooser != person {
                    return Ok(None);
                }
                let passwords = [Password::new(&text), self.new_password(person)];
                ready(Job::ChangePassword(Box::new(principal), passwords), None, Some(user))
            }
            Op::Invite { mailbox } => {
                let password = Password::new(ROOT_PASSWORD);
                let job = Job::Invite(self.root.clone(), password, self.mailboxes[mailbox].clone());
                ready(job, None, None)
            }
            Op::Scan => {
                let all = self.letters.iter().flatten();
                ready(Job::Scan(all.map(|read| (read.purpose, read.token.clone())).collect()), None, None)
            }
            Op::Rotate => {
                self.fakes.keyring.change_key();
                None
            }
        })
    }

    /// Notes what an operation has achieved, and checks the rules about single operations.
    #[allow(clippy::too_many_arguments, reason = "all that is known of one operation")]
    fn acted(
        &mut self,
        op: &Op,
        link: Option<&Read>,
        account: Option<UserId>,
        outcome: Outcome,
        before: &BTreeMap<UserId, Account>,
        is_alone: bool,
        replaced: &mut BTreeMap<UserId, usize>,
    ) -> Result<(), String> {
        match (op, outcome) {
            (Op::Register { person, .. }, Outcome::Pending(id)) => self.registrations[*person].push(id),
            (Op::LogIn { person, .. } | Op::ChangePassword { person, .. }, Outcome::Session(token, user)) => {
                self.sessions[*person].push((token, user))
            }
            _ => {}
        }
        if matches!(op, Op::ChangePassword { .. })
            && let Some(user) = account
        {
            *replaced.entry(user).or_default() += 1;
        }
        let Some(read) = link else { return Ok(()) };
        if !self.spent.insert(read.subject) {
            return Err(self.told("a link or code has acted twice"));
        }
        if let Op::Act { attempt: Some(other), .. } = op
            && *other != read.purpose
        {
            return Err(self.told("a link has acted for another purpose"));
        }
        let Some(token) = &read.stored else { return Ok(()) };
        let user = token.user_id;
        if read.purpose == Purpose::UndoEmail {
            for other in self.letters.iter().flatten().filter_map(|read| read.stored.as_ref()) {
                if other.user_id == user
                    && other.purpose == Purpose::UndoEmail
                    && other.created_at > token.created_at
                {
                    self.overruled.insert(other.id.as_uuid());
                }
            }
            self.stolen.remove(&user);
            if is_alone {
                self.ended.insert(user);
                self.restored.insert(user, token.email.clone());
            }
            return Ok(());
        }
        let version = before.get(&user).map(|account| account.user.credential_version);
        if is_alone && version != Some(token.credential_version) {
            return Err(self.told("a link has acted after the credentials changed"));
        }
        let sets_password = matches!(read.purpose, Purpose::ResetPassword | Purpose::AcceptInvitation);
        if is_alone && sets_password {
            self.ended.insert(user);
        }
        if read.purpose != Purpose::VerifyEmail {
            let times = replaced.entry(user).or_default();
            *times += 1;
            if *times > 1 {
                return Err(self.told("two links have acted on the same version of the credentials"));
            }
        }
        Ok(())
    }

    /// Delivers all letters, as a worker does.
    async fn deliver(&mut self) -> Result<(), String> {
        deliver_letters(&self.fakes.core).await;
        let sent = self.fakes.mail.sent();
        for message in sent.iter().skip(self.received) {
            let Some(mailbox) = self.mailboxes.iter().position(|mailbox| *mailbox == message.to) else {
                continue;
            };
            if let Some(read) = read(self.fakes.core.store.as_ref(), mailbox, message).await? {
                self.letters[reader(mailbox)].push(read);
            }
        }
        self.received = sent.len();
        Ok(())
    }

    /// Checks the rules about the whole service.
    async fn check(&mut self) -> Result<(), String> {
        let accounts = self.accounts().await?;
        let mut owners: BTreeMap<String, UserId> = BTreeMap::new();
        for (id, account) in &accounts {
            let address = account.user.email.normalized().to_owned();
            if owners.insert(address, *id).is_some() {
                return Err(self.told("an address has two owners"));
            }
            let Some(mailbox) = self.mailboxes.iter().position(|mailbox| *mailbox == account.user.email)
            else {
                continue;
            };
            let is_foreign = chosen(account).is_some_and(|(chooser, _)| chooser != reader(mailbox));
            if account.user.email_verified_at.is_some() && is_foreign && !self.stolen.contains(id) {
                return Err(self.told("a verified account has the password of another person"));
            }
        }
        let now = self.now();
        for undo in self.letters.iter().flatten().filter(|read| self.is_valid_undo(read, now)) {
            let Some(token) = &undo.stored else { continue };
            if owners.get(token.email.normalized()).is_some_and(|owner| *owner != token.user_id) {
                return Err(self.told("another person has got an address that can be restored"));
            }
        }
        for (user, email) in &self.restored {
            let is_restored = |account: &&Account| account.user.email == *email && account.password.is_none();
            if accounts.get(user).filter(is_restored).is_none() {
                return Err(self.told("an undo has left another address or a password"));
            }
        }
        self.check_sessions(&accounts).await
    }

    /// Checks that no session has outlived its end, and forgets those that have ended.
    async fn check_sessions(&mut self, accounts: &BTreeMap<UserId, Account>) -> Result<(), String> {
        for person in 0..2 {
            let mut live = Vec::new();
            for (token, user) in std::mem::take(&mut self.sessions[person]) {
                if self.principal(&token).await?.is_some() {
                    let has_password = accounts.get(&user).is_some_and(|account| account.password.is_some());
                    if !has_password || self.ended.contains(&user) {
                        return Err(self.told("a session has outlived its end"));
                    }
                    live.push((token, user));
                }
            }
            self.sessions[person] = live;
        }
        Ok(())
    }

    /// The accounts that own the mailboxes or have owned them.
    async fn accounts(&mut self) -> Result<BTreeMap<UserId, Account>, String> {
        let reading = async {
            let mut view = self.fakes.core.store.read().await?;
            for mailbox in &self.mailboxes {
                self.users.extend(view.users().by_login(mailbox).await?.map(|user| user.id));
            }
            let mut accounts = BTreeMap::new();
            for user in &self.users {
                accounts.extend(view.credentials().by_id(*user).await?.map(|account| (*user, account)));
            }
            Ok::<_, StoreError>(accounts)
        };
        reading.await.map_err(|error| error.to_string())
    }

    async fn principal(&self, token: &PlainToken) -> Result<Option<Principal>, String> {
        use inwren_domain::session::NotAuthenticated;
        match authenticate(&self.fakes.core, token.expose()).await {
            Ok(principal) => Ok(Some(principal)),
            Err(NotAuthenticated::Store(error)) => Err(self.told(&error.to_string())),
            Err(_) => Ok(None),
        }
    }

    fn is_valid_undo(&self, read: &Read, now: OffsetDateTime) -> bool {
        let Some(token) = read.stored.as_ref().filter(|token| token.purpose == Purpose::UndoEmail) else {
            return false;
        };
        now < token.created_at + Purpose::UndoEmail.lifetime()
            && !self.spent.contains(&read.subject)
            && !self.overruled.contains(&read.subject)
    }

    fn new_password(&mut self, person: Person) -> Password {
        self.passwords += 1;
        Password::new(&format!("person {person} chose phrase {}", self.passwords))
    }

    fn now(&self) -> OffsetDateTime {
        self.fakes.core.clock.now()
    }

    /// The message, followed by all calls and answers so far.
    fn told(&self, message: &str) -> String {
        format!("{message}\nwhat was asked and answered:\n{}", self.journal)
    }
}

/// The letter, if the operation is an attempt to undo a change by it.
fn undo_of<'a>(op: &Op, link: Option<&'a Read>) -> Option<&'a Read> {
    let is_undo = |read: &&Read| {
        read.purpose == Purpose::UndoEmail
            && matches!(op, Op::Act { attempt: None | Some(Purpose::UndoEmail), .. })
    };
    link.filter(is_undo)
}

/// Who chose the password of an account, and the password.
fn chosen(account: &Account) -> Option<(Person, String)> {
    let phc = account.password.as_ref()?.expose();
    let digits = phc.rsplit('$').next()?.as_bytes();
    let bytes = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let text = String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
    let person = text.strip_prefix("person ")?.split(' ').next()?.parse().ok()?;
    Some((person, text))
}

/// Counts back from the newest.
fn pick<T>(from: &[T], back: Pick) -> Option<&T> {
    from.len().checked_sub(1).map(|last| &from[last - back % from.len()])
}

fn count(tally: &mut Tally, op: &Op, link: Option<&Read>, outcome: &Outcome) {
    let name = match (op, link) {
        (Op::Act { attempt: None, .. }, Some(read)) => read.purpose.as_str().to_owned(),
        (Op::Act { .. }, _) => "another purpose".to_owned(),
        _ => format!("{op:?}").split(' ').next().unwrap_or_default().to_owned(),
    };
    let outcome = match outcome {
        Outcome::Done | Outcome::Pending(_) | Outcome::Session(..) => "done",
        Outcome::Valid(0) => "nothing valid",
        Outcome::Valid(_) => "valid",
        Outcome::Refused => "refused",
        Outcome::Failed(_) => "failed",
    };
    *tally.entry(format!("{name}: {outcome}")).or_default() += 1;
}
