use inwren_domain::authn::login;
use inwren_domain::credential::{self, Password};
use inwren_domain::kernel::{ClientInfo, Email, PlainToken, SessionId};
use inwren_domain::session::introspect::{self, Introspection};
use inwren_domain::session::{self, NotAuthenticated, Principal, authenticate, logout, refresh, revoke};
use inwren_domain::token::TokenPair;
use inwren_domain::{Core, Failure, account};

use super::call::Refusal;

/// A call with the real values that the use case takes.
pub(super) enum Job {
    Login(Email, Password),
    Exchange(PlainToken),
    Authenticate(PlainToken),
    Introspect(PlainToken),
    Revoke(PlainToken),
    LogOut(Box<Principal>),
    EndOne(Box<Principal>, SessionId),
    EndOthers(Box<Principal>),
    ChangePassword(Box<Principal>, [Password; 2]),
    Deactivate(Box<Principal>),
}

/// The real outcome of a call. `Failed` is a failure of a port, which the model never expects.
pub(super) enum Outcome {
    Tokens(TokenPair),
    Done,
    No(Refusal),
    Failed(String),
}

/// The n-th password of every account.
pub(super) fn password(n: u32) -> Password {
    Password::new(&format!("pass phrase number {n}"))
}

/// Calls the use case.
pub(super) async fn execute(core: Core, job: Job) -> Outcome {
    let client = ClientInfo::default();
    match job {
        Job::Login(email, password) => {
            let command = login::Command { email, password, device_token: None, in_browser: false, client };
            let started = login::execute(&core, command).await;
            let issued = started.and_then(|started| started.into_tokens(&core).map_err(Failure::Port));
            tokens(issued, |_| Refusal::Login)
        }
        Job::Exchange(token) => match refresh::Presented::verify(&core, token) {
            Ok(presented) => {
                let refreshed = refresh::execute(&core, presented, &client).await;
                tokens(refreshed.map(refresh::Refreshed::into_tokens), refused_exchange)
            }
            Err(_) => Outcome::No(Refusal::Token),
        },
        Job::Authenticate(token) => match authenticate(&core, token.expose()).await {
            Ok(_) => Outcome::Done,
            Err(NotAuthenticated::Store(error)) => Outcome::Failed(error.to_string()),
            Err(_) => Outcome::No(Refusal::Token),
        },
        Job::Introspect(token) => match introspect::execute(&core, &token).await {
            Ok(Introspection::Inactive) => Outcome::No(Refusal::Token),
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Failed(error.to_string()),
        },
        Job::Revoke(token) => match revoke::execute(&core, &token, &client).await {
            Ok(()) => Outcome::Done,
            Err(failure) => Outcome::Failed(format!("{failure:?}")),
        },
        Job::LogOut(by) => match logout::execute(&core, &by, &client).await {
            Ok(()) => Outcome::Done,
            Err(failure) => Outcome::Failed(failure.to_string()),
        },
        Job::EndOne(by, other) => {
            let ended = session::manage::revoke(&core, &by, other, &client).await;
            done(ended, |refusal| match refusal {
                session::manage::Refusal::NotFound => Refusal::NotFound,
                session::manage::Refusal::ChangedMeanwhile => Refusal::ChangedMeanwhile,
            })
        }
        Job::EndOthers(by) => {
            let ended = session::manage::revoke_others(&core, &by, &client).await;
            done(ended, |session::manage::ChangedMeanwhile| Refusal::ChangedMeanwhile)
        }
        Job::ChangePassword(by, [current_password, new_password]) => {
            let command = credential::change_password::Command { current_password, new_password };
            let changed = credential::change_password::execute(&core, &by, command, &client).await;
            tokens(changed, |refusal| match refusal {
                credential::change_password::Refusal::ChangedMeanwhile => Refusal::ChangedMeanwhile,
                _ => Refusal::Login,
            })
        }
        Job::Deactivate(by) => {
            let closed = account::deactivate::execute(&core, &by, &client).await;
            done(closed, |refusal| match refusal {
                account::deactivate::Refusal::ChangedMeanwhile => Refusal::ChangedMeanwhile,
                _ => Refusal::Login,
            })
        }
    }
}

fn refused_exchange(refusal: refresh::Refusal) -> Refusal {
    match refusal {
        refresh::Refusal::Reused => Refusal::Reused,
        refresh::Refusal::Superseded => Refusal::Superseded,
        refresh::Refusal::Ended => Refusal::Ended,
        refresh::Refusal::Inactive => Refusal::Inactive,
        refresh::Refusal::Unknown | refresh::Refusal::NotRepeatable => Refusal::Token,
    }
}

fn tokens<R>(result: Result<TokenPair, Failure<R>>, refusal: impl Fn(R) -> Refusal) -> Outcome {
    match result {
        Ok(pair) => Outcome::Tokens(pair),
        Err(Failure::Refused(refused)) => Outcome::No(refusal(refused)),
        Err(Failure::Port(failure)) => Outcome::Failed(failure.to_string()),
    }
}

fn done<R>(result: Result<(), Failure<R>>, refusal: impl Fn(R) -> Refusal) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(Failure::Refused(refused)) => Outcome::No(refusal(refused)),
        Err(Failure::Port(failure)) => Outcome::Failed(failure.to_string()),
    }
}
