use inwren_domain::session::{NotAuthenticated, Principal, authenticate};

use super::call::{Call, SessionNo, TokenNo};
use super::job::{Job, password};
use super::operation::{Action, Op, Pick};
use super::session::Session;
use super::world::World;

/// An operation with its sessions and tokens chosen, ready to run.
pub(super) struct Ready {
    pub(super) call: Call,
    pub(super) job: Job,
    /// Whether the client of the session receives the answer.
    pub(super) is_kept: bool,
}

impl World {
    /// Chooses the sessions, tokens and client of an operation. Returns `None` if the service does not authenticate the
    /// client.
    pub(super) async fn prepare(&self, op: &Op) -> Result<Option<Ready>, String> {
        let exchange = |token, is_kept| Ready {
            call: Call::Exchange { token },
            job: Job::Exchange(self.known.text_of(token)),
            is_kept,
        };
        let ready = |call, job| Ready { call, job, is_kept: false };
        Ok(Some(match *op {
            Op::Login => self.login(self.account.password),
            Op::LoginWithOldPassword => self.login(self.account.password.checked_sub(1).unwrap_or(1)),
            Op::Refresh { session, lost } => {
                let client = self.clients[&self.pick_session(session)];
                exchange(client.refresh, !lost)
            }
            Op::Steal { session, token } => exchange(self.pick_refresh(session, token), false),
            Op::Authenticate { session, token } => {
                let token = pick(&self.picked(session).access, token).no;
                ready(Call::Authenticate { token }, Job::Authenticate(self.known.text_of(token)))
            }
            Op::Introspect { session, token } => {
                let token = self.pick_refresh(session, token);
                ready(Call::Introspect { token }, Job::Introspect(self.known.text_of(token)))
            }
            Op::Revoke { session, token } => {
                let token = self.pick_refresh(session, token);
                ready(Call::Revoke { token }, Job::Revoke(self.known.text_of(token)))
            }
            Op::Act { session, ref action } => {
                let by = self.pick_session(session);
                let Some(principal) = self.authenticated(by).await? else { return Ok(None) };
                self.act(by, Box::new(principal), action)
            }
        }))
    }

    fn login(&self, number: u32) -> Ready {
        let job = Job::Login(self.user.email.clone(), password(number));
        Ready { call: Call::Login { password: number }, job, is_kept: true }
    }

    fn act(&self, by: SessionNo, principal: Box<Principal>, action: &Action) -> Ready {
        let (call, job) = match *action {
            Action::LogOut => (Call::LogOut { by }, Job::LogOut(principal)),
            Action::EndOne { other } => {
                let other = self.pick_session(other);
                (Call::EndOne { by, other }, Job::EndOne(principal, self.known.id_of(other)))
            }
            Action::EndOthers => (Call::EndOthers { by }, Job::EndOthers(principal)),
            Action::ChangePassword { .. } => {
                let from = self.account.password;
                let job = Job::ChangePassword(principal, [password(from), password(from + 1)]);
                (Call::ChangePassword { by, from }, job)
            }
            Action::Deactivate => (Call::Deactivate { by }, Job::Deactivate(principal)),
        };
        Ready { call, job, is_kept: matches!(action, Action::ChangePassword { lost: false }) }
    }

    /// Authenticates the client of the session with the access token that it holds. Returns an error if the model
    /// expects another result.
    async fn authenticated(&self, session: SessionNo) -> Result<Option<Principal>, String> {
        let held = self.clients[&session].access;
        let is_good = self.account.view(self.now()).good.contains_key(&held);
        match authenticate(&self.fakes.core, self.known.text_of(held).expose()).await {
            Ok(principal) if is_good => Ok(Some(principal)),
            Err(NotAuthenticated::Store(error)) => Err(self.told(&error.to_string())),
            Err(_) if !is_good => Ok(None),
            other => Err(self.told(&format!("access token {held}: {other:?}"))),
        }
    }

    /// Live sessions come first, because more operations affect them.
    fn pick_session(&self, back: Pick) -> SessionNo {
        let now = self.now();
        let newest_first = self.account.sessions.iter().rev();
        let (live, over): (Vec<_>, Vec<_>) = newest_first.partition(|(_, session)| session.is_live(now));
        let all: Vec<SessionNo> = live.into_iter().chain(over).map(|(no, _)| *no).collect();
        all[back % all.len()]
    }

    fn picked(&self, back: Pick) -> &Session {
        &self.account.sessions[&self.pick_session(back)]
    }

    fn pick_refresh(&self, session: Pick, back: Pick) -> TokenNo {
        pick(&self.picked(session).refresh, back).no
    }
}

/// Counts back from the newest.
fn pick<T>(from: &[T], back: Pick) -> &T {
    &from[from.len() - 1 - back % from.len()]
}
