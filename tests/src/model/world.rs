use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::account::register::{self, Registered};
use inwren_domain::kernel::ClientInfo;
use inwren_domain::store::Store;
use inwren_domain::token::TokenPair;
use time::OffsetDateTime;

use super::account::{Account, View};
use super::call::{Answer, SessionNo, TokenNo};
use super::job::{self, Outcome, password};
use super::known::Known;
use super::operation::{Op, Step};
use super::order::explanations;
use super::rules::settings;
use super::tally::Tally;
use crate::conformance::support::together;
use crate::fakes::{FakeClock, Fakes};
use crate::fixtures::fresh_email;

/// One account in the service under test, with its model.
pub(super) struct World {
    pub(super) fakes: Fakes,
    pub(super) user: User,
    pub(super) account: Account,
    pub(super) known: Known,
    pub(super) clients: BTreeMap<SessionNo, Client>,
    began: OffsetDateTime,
    journal: String,
}

/// The tokens that the client of a session holds.
#[derive(Clone, Copy)]
pub(super) struct Client {
    pub(super) refresh: TokenNo,
    pub(super) access: TokenNo,
}

impl World {
    /// Registers an account and logs in.
    pub(super) async fn begin(
        store: Arc<dyn Store>,
        clock: Arc<FakeClock>,
        has_grace: bool,
        tally: &mut Tally,
    ) -> Result<Self, String> {
        let mut fakes = Fakes::with_clock(store, clock);
        fakes.core.settings = settings(has_grace);
        let (email, password) = (fresh_email(), password(0));
        let (tier, locale, client) = (None, None, ClientInfo::default());
        let command = register::Command { email, password, tier, locale, client };
        let request = register::check(&fakes.core, command).map_err(|refusal| format!("{refusal:?}"))?;
        let registered = register::execute(&fakes.core, request, true).await;
        let Registered::User(user) = registered.map_err(|failure| format!("{failure:?}"))? else {
            return Err("the registration is pending".to_owned());
        };
        let began = fakes.core.clock.now();
        let account = Account::registered(has_grace, began);
        let (known, clients, journal) = (Known::default(), BTreeMap::new(), String::new());
        let mut world = Self { fakes, user, account, known, clients, began, journal };
        world.go(&Step::AtOnce(vec![Op::Login]), tally).await?;
        Ok(world)
    }

    /// Runs one step and compares the service with the model. An error states the difference.
    pub(super) async fn go(&mut self, step: &Step, tally: &mut Tally) -> Result<(), String> {
        let (mut possible, mut received) = (vec![self.account.clone()], Vec::new());
        match step {
            Step::Clock(by) => self.fakes.clock.advance(*by),
            Step::AtOnce(ops) => (possible, received) = self.make(ops, tally).await?,
        }
        let (now, seen) = (self.now(), self.look().await?);
        let Some(account) = possible.iter().find(|account| account.view(now) == seen) else {
            let expected: Vec<View> = possible.iter().map(|account| account.view(now)).collect();
            return Err(self.told(&format!("there is {seen:#?}, and not one of {expected:#?}")));
        };
        self.account = account.clone();
        for (session, client) in received {
            self.hand_over(session, client);
        }
        Ok(())
    }

    /// Runs the operations concurrently. Returns the possible states of the account and the tokens that clients
    /// received.
    async fn make(
        &mut self,
        ops: &[Op],
        tally: &mut Tally,
    ) -> Result<(Vec<Account>, Vec<(SessionNo, Client)>), String> {
        let mut ready = Vec::new();
        for op in ops {
            ready.extend(self.prepare(op).await?);
        }
        let _ = writeln!(self.journal, "after {}, at once:", self.now() - self.began);
        let (mut made, mut received, known) = (Vec::new(), Vec::new(), self.known.tokens());
        let (calls, jobs): (Vec<_>, Vec<_>) =
            ready.into_iter().map(|ready| ((ready.call, ready.is_kept), ready.job)).unzip();
        let core = &self.fakes.core;
        let outcomes = together(jobs.into_iter().map(|job| job::execute(core.clone(), job))).await;
        for ((call, is_kept), outcome) in calls.into_iter().zip(outcomes) {
            let answer = self.answer(outcome)?;
            let _ = writeln!(self.journal, "    {call:?} -> {answer:?}");
            tally.count(&call, answer, known);
            if let (true, Answer::Tokens { session, refresh, access }) = (is_kept, answer) {
                received.push((session, Client { refresh, access }));
            }
            made.push((call, answer));
        }
        match explanations(&self.account, &made, self.now()) {
            none if none.is_empty() => Err(self.told("no order explains the last answers")),
            possible => Ok((possible, received)),
        }
    }

    /// A client that receives several responses concurrently keeps the newest tokens.
    fn hand_over(&mut self, session: SessionNo, new: Client) {
        let place = |client: &Client| self.account.place_of(client.refresh).1;
        let held = self.clients.entry(session).or_insert(new);
        if place(held) <= place(&new) {
            *held = new;
        }
    }

    fn answer(&mut self, outcome: Outcome) -> Result<Answer, String> {
        Ok(match outcome {
            Outcome::Tokens(TokenPair { access_token, refresh_token, .. }) => {
                let core = &self.fakes.core;
                let claims = core.verifier.verify_access(access_token.expose(), core.clock.now());
                let claims = claims.map_err(|error| self.told(&format!("an access token is {error}")))?;
                let session = self.known.session(claims.session_id);
                let (refresh, access) = (self.known.token(refresh_token), self.known.token(access_token));
                Answer::Tokens { session, refresh, access }
            }
            Outcome::Done => Answer::Done,
            Outcome::No(refusal) => Answer::No(refusal),
            Outcome::Failed(failure) => return Err(self.told(&failure)),
        })
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.fakes.core.clock.now()
    }

    /// The message, followed by all calls and answers so far.
    pub(super) fn told(&self, message: &str) -> String {
        format!("{message}\nwhat was asked and answered:\n{}", self.journal)
    }
}
