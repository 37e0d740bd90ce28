use inwren_domain::authn::login;
use inwren_domain::credential::ClientTrust;
use inwren_domain::kernel::{ClientInfo, Email};

use crate::config::Operation;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::state::AppState;

/// Charges one password guess to the rate limit of the account. Every operation that checks a user's password calls it.
///
/// When the account's limit is exhausted, unrecognised clients are refused. Clients from a network from which the
/// account was logged in to before are allowed: otherwise an attacker could lock out the owner (OWASP ASVS 5.0, 6.1.1).
/// The rate limit per client bounds the guesses from such a network.
pub(in crate::http) async fn check_account(
    state: &AppState,
    slot: &LimitSlot,
    email: &Email,
    client: &ClientInfo,
) -> Result<(), Problem> {
    match state.limits.check_email(slot, Operation::LoginAccount, email).await {
        Err(limited) if limited.kind == Kind::RATE_LIMITED => {
            match login::trust(&state.core, email, client).await? {
                ClientTrust::Recognised => Ok(()),
                ClientTrust::Unrecognised => Err(limited),
            }
        }
        outcome => outcome,
    }
}
