use inwren_domain::authn::login;
use inwren_domain::credential::Standing;
use inwren_domain::kernel::{ClientInfo, Email};

use crate::config::Operation;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::state::AppState;

/// Takes one of an account's allowance of guesses, wherever a password of it can be tried.
///
/// What many clients together use up holds strangers off, and nobody from whose network the account was logged in to
/// before: else anybody could lock its owner out (OWASP ASVS 5.0, 6.1.1). The guesses of such a network are bounded by
/// the allowance that each client has.
pub(in crate::http) async fn check_account(
    state: &AppState,
    slot: &LimitSlot,
    email: &Email,
    client: &ClientInfo,
) -> Result<(), Problem> {
    match state.limits.check_email(slot, Operation::LoginAccount, email).await {
        Err(limited) if limited.kind == Kind::RATE_LIMITED => {
            match login::standing(&state.core, email, client).await? {
                Standing::Known => Ok(()),
                Standing::Stranger => Err(limited),
            }
        }
        outcome => outcome,
    }
}
