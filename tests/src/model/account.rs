//! The reference model: an account as a list of sessions. The model has no digests, generations or locks. All it knows
//! of the service under test is the answers.

use std::collections::BTreeMap;

use inwren_domain::audit::AuditEventKind::{self, *};
use time::OffsetDateTime;

use super::call::{Answer, Call, Refusal, SessionNo, TokenNo};
use super::rules::GRACE;
use super::session::Session;

/// The state of the account after all answers so far.
#[derive(Clone, Debug)]
pub(super) struct Account {
    has_grace: bool,
    is_active: bool,
    /// The number of password changes.
    pub(super) password: u32,
    pub(super) sessions: BTreeMap<SessionNo, Session>,
    events: Vec<Event>,
}

/// One audit event: its kind, its session and its time.
pub(super) type Event = (&'static str, Option<SessionNo>, OffsetDateTime);

/// The state of an account that the store and the clients can see.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    /// The live sessions, each with its only live refresh token.
    pub(super) live: BTreeMap<SessionNo, TokenNo>,
    /// All valid tokens, with their expiry times.
    pub(super) good: BTreeMap<TokenNo, OffsetDateTime>,
    /// Sorted, because their order does not matter.
    pub(super) events: Vec<Event>,
}

/// How the model judges an answer.
pub(super) enum Verdict {
    /// The service must not give this answer.
    Wrong,
    /// The answer is correct and the call is complete.
    Right,
    /// This was the first half of the call. The value is the second half.
    Half(Call),
}

impl Account {
    /// An account that a client has just registered.
    pub(super) fn registered(has_grace: bool, now: OffsetDateTime) -> Self {
        let events = vec![(UserRegistered.as_str(), None, now)];
        Self { has_grace, is_active: true, password: 0, sessions: BTreeMap::new(), events }
    }

    /// Applies an answered call to the model.
    pub(super) fn make(&mut self, call: &Call, answer: Answer, now: OffsetDateTime) -> Verdict {
        let is_right = match *call {
            Call::Login { password } => self.login(password, answer, now),
            Call::Exchange { token } => return self.exchange(token, answer, now),
            Call::EndReused { session } => {
                let was_live = self.end_if_live(session, RefreshTokenReused, now);
                answer.is_no(if was_live { Refusal::Reused } else { Refusal::Ended })
            }
            Call::Authenticate { token } | Call::Introspect { token } => {
                answer.is_done_or(self.good(now).contains_key(&token), Refusal::Token)
            }
            Call::Revoke { token } => {
                let (session, place) = self.place_of(token);
                if self.sessions[&session].refresh[place].is_good(now) {
                    self.end_if_live(session, LoggedOut, now);
                }
                matches!(answer, Answer::Done)
            }
            Call::LogOut { by } => {
                self.end_if_live(by, LoggedOut, now);
                matches!(answer, Answer::Done)
            }
            Call::EndOne { by, .. } | Call::EndOthers { by } | Call::Deactivate { by }
                if !self.may_act(by, now) =>
            {
                answer.is_no(Refusal::ChangedMeanwhile)
            }
            Call::EndOne { other, .. } => {
                let was_live = self.end_if_live(other, SessionsRevoked, now);
                answer.is_done_or(was_live, Refusal::NotFound)
            }
            Call::EndOthers { by } => {
                if self.end_all_but(Some(by)) > 0 {
                    self.note(SessionsRevoked, None, now);
                }
                matches!(answer, Answer::Done)
            }
            Call::ChangePassword { by, from } => self.change_password(by, from, answer, now),
            Call::Deactivate { by } => {
                self.is_active = false;
                self.end_all_but(None);
                self.note(UserDeactivated, Some(by), now);
                matches!(answer, Answer::Done)
            }
        };
        if is_right { Verdict::Right } else { Verdict::Wrong }
    }

    /// Whether a client that was authenticated may still make changes. Its session may have ended since then.
    fn may_act(&self, by: SessionNo, now: OffsetDateTime) -> bool {
        self.is_active && self.sessions[&by].is_live(now)
    }

    fn login(&mut self, password: u32, answer: Answer, now: OffsetDateTime) -> bool {
        if !self.is_active || password != self.password {
            return answer.is_no(Refusal::Login);
        }
        let Answer::Tokens { session, refresh, access } = answer else { return false };
        if self.sessions.contains_key(&session) || self.knows(refresh) || self.knows(access) {
            return false;
        }
        self.sessions.insert(session, Session::opened(now));
        self.session(session).issue(refresh, access, now);
        self.note(LoggedIn, Some(session), now);
        true
    }

    fn exchange(&mut self, token: TokenNo, answer: Answer, now: OffsetDateTime) -> Verdict {
        let (no, place) = self.place_of(token);
        let session = &self.sessions[&no];
        let newest = session.refresh.len() - 1;
        let is_right = if !session.refresh[place].is_good(now) {
            answer.is_no(Refusal::Token)
        } else if !self.is_active {
            answer.is_no(Refusal::Inactive)
        } else if !session.is_live(now) {
            answer.is_no(Refusal::Ended)
        } else if place == newest {
            self.is_successor(answer, no, now)
        } else if place < session.superseded {
            answer.is_no(Refusal::Superseded)
        } else if place + 1 == newest && self.has_grace && now < session.refresh[newest].issued_at + GRACE {
            // The response was lost, or another tab was faster. The service keeps the client logged in.
            self.is_given_again(answer, no, now)
        } else {
            return Verdict::Half(Call::EndReused { session: no });
        };
        if is_right { Verdict::Right } else { Verdict::Wrong }
    }

    fn is_successor(&mut self, answer: Answer, of: SessionNo, now: OffsetDateTime) -> bool {
        let Answer::Tokens { session, refresh, access } = answer else { return false };
        let is_new = !self.knows(refresh) && !self.knows(access);
        self.session(of).issue(refresh, access, now);
        session == of && is_new
    }

    fn is_given_again(&mut self, answer: Answer, of: SessionNo, now: OffsetDateTime) -> bool {
        let Answer::Tokens { session, refresh, access } = answer else { return false };
        let is_new = !self.knows(access);
        let known = self.session(of);
        known.issue_access(access, now);
        session == of && is_new && known.refresh.last().is_some_and(|live| live.no == refresh)
    }

    fn change_password(&mut self, by: SessionNo, from: u32, answer: Answer, now: OffsetDateTime) -> bool {
        if !self.may_act(by, now) {
            return answer.is_no(Refusal::ChangedMeanwhile);
        }
        if from != self.password {
            return answer.is_no(Refusal::Login);
        }
        self.password += 1;
        self.end_all_but(Some(by));
        self.note(PasswordChanged, Some(by), now);
        self.session(by).supersede();
        self.is_successor(answer, by, now)
    }

    fn end_if_live(&mut self, session: SessionNo, kind: AuditEventKind, now: OffsetDateTime) -> bool {
        let was_live = self.sessions[&session].is_live(now);
        if was_live {
            self.session(session).is_ended = true;
            self.note(kind, Some(session), now);
        }
        was_live
    }

    /// Ends all sessions except `kept`, including expired ones. Returns how many sessions it ended.
    fn end_all_but(&mut self, kept: Option<SessionNo>) -> usize {
        let others = self.sessions.iter_mut().filter(|(no, session)| Some(**no) != kept && !session.is_ended);
        others.map(|(_, session)| session.is_ended = true).count()
    }

    fn note(&mut self, kind: AuditEventKind, session: Option<SessionNo>, now: OffsetDateTime) {
        self.events.push((kind.as_str(), session, now));
    }

    /// The session of a refresh token, and how many refresh tokens were issued in that session before it.
    pub(super) fn place_of(&self, token: TokenNo) -> (SessionNo, usize) {
        let place = |session: &Session| session.refresh.iter().position(|known| known.no == token);
        let found = self.sessions.iter().find_map(|(no, session)| Some((*no, place(session)?)));
        found.expect("a refresh token that was issued")
    }

    fn knows(&self, token: TokenNo) -> bool {
        self.sessions.values().flat_map(Session::tokens).any(|known| known.no == token)
    }

    fn session(&mut self, no: SessionNo) -> &mut Session {
        self.sessions.get_mut(&no).expect("a session that was opened")
    }

    /// The visible state at this time.
    pub(super) fn view(&self, now: OffsetDateTime) -> View {
        let live = self.sessions.iter().filter(|(_, session)| session.is_live(now));
        let live = live.filter_map(|(no, session)| Some((*no, session.refresh.last()?.no))).collect();
        let mut events = self.events.clone();
        events.sort_unstable();
        View { live, good: self.good(now), events }
    }

    /// For each live session, the newest refresh token and the current access tokens, unless expired.
    fn good(&self, now: OffsetDateTime) -> BTreeMap<TokenNo, OffsetDateTime> {
        let live = self.sessions.values().filter(|session| self.is_active && session.is_live(now));
        let tokens =
            live.flat_map(|session| session.refresh.last().into_iter().chain(session.current_access()));
        tokens.filter(|token| token.is_good(now)).map(|token| (token.no, token.expires_at)).collect()
    }
}
