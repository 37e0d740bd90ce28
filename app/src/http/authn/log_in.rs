use std::fmt::Display;

use inwren_domain::Failure;
use inwren_domain::authn::{NeedsFactor, login};
use inwren_domain::kernel::UserId;
use inwren_domain::session::Started;

use crate::http::shared::problem::Problem;
use crate::http::shared::refusals::invalid_credentials;
use crate::http::shared::state::AppState;

/// What a correct password leads to.
pub(in crate::http) enum LoggedIn {
    /// A session.
    Started(Box<Started>),
    /// The question for the second factor.
    NeedsFactor(Box<NeedsFactor>),
}

/// Logs a user in, for all login endpoints. Counts the outcome and logs why a login was refused.
pub(in crate::http) async fn log_in(state: &AppState, command: login::Command) -> Result<LoggedIn, Problem> {
    let result = login::execute(&state.core, command).await;
    state.metrics.outcomes.logins.count((&result).into());
    match result {
        Ok(started) => Ok(LoggedIn::Started(Box::new(started))),
        Err(Failure::Refused(refusal)) => {
            log_refusal(&refusal, refusal.user());
            match refusal {
                login::Refusal::NeedsFactor(needed) => Ok(LoggedIn::NeedsFactor(needed)),
                login::Refusal::Attempt(_) | login::Refusal::ChangedMeanwhile(_) => {
                    Err(invalid_credentials())
                }
            }
        }
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}

/// Logs why a step of a login was refused, with the id of the user only.
pub(in crate::http) fn log_refusal(reason: &dyn Display, user: Option<UserId>) {
    let user_id = user.map(tracing::field::display);
    tracing::info!(%reason, user_id, "login refused");
}
