//! The use cases as a client calls them.

use inwren_domain::account::User;
use inwren_domain::account::register::{self, Registered};
use inwren_domain::authn::login;
use inwren_domain::credential::{self, Password, change_password};
use inwren_domain::kernel::{ClientInfo, Email, PlainToken};
use inwren_domain::session::{Principal, authenticate, refresh};
use inwren_domain::token::TokenPair;
use inwren_domain::{Core, Failure};

/// A password that the policy allows.
pub(super) const OLD: &str = "the old pass phrase";
/// Another one.
pub(super) const NEW: &str = "the new pass phrase";

pub(super) async fn register(core: &Core, email: &Email) -> Result<User, Failure<register::Refusal>> {
    let password = Password::new(OLD);
    let (email, tier, locale, client) = (email.clone(), None, None, client());
    let command = register::Command { email, password, tier, locale, client };
    let request = register::check(core, command).map_err(Failure::Refused)?;
    match register::execute(core, request, true).await? {
        Registered::User(user) => Ok(user),
        pending @ Registered::Pending { .. } => panic!("{pending:?}"),
    }
}

pub(super) async fn login(
    core: &Core,
    email: &Email,
    password: &str,
) -> Result<TokenPair, Failure<login::Refusal>> {
    let password = Password::new(password);
    let (email, client) = (email.clone(), client());
    let command = login::Command { email, password, device_token: None, in_browser: false, client };
    login::execute(core, command).await?.into_tokens(core).map_err(Failure::Port)
}

pub(super) async fn exchange(
    core: &Core,
    token: &PlainToken,
) -> Result<TokenPair, Failure<refresh::Refusal>> {
    let presented = refresh::Presented::verify(core, token.clone()).expect("a valid token");
    refresh::execute(core, presented, &client()).await.map(refresh::Refreshed::into_tokens)
}

/// Exchanges an invalid refresh token and returns the reason for the refusal.
pub(super) async fn refused_exchange(core: &Core, token: &PlainToken) -> refresh::Refusal {
    match exchange(core, token).await {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub(super) async fn principal(core: &Core, pair: &TokenPair) -> Principal {
    authenticate(core, pair.access_token.expose()).await.expect("a live session")
}

pub(super) async fn change_password(
    core: &Core,
    principal: &Principal,
) -> Result<TokenPair, Failure<change_password::Refusal>> {
    let (current_password, new_password) = (Password::new(OLD), Password::new(NEW));
    let command = change_password::Command { current_password, new_password };
    credential::change_password::execute(core, principal, command, &client()).await
}

pub(super) fn client() -> ClientInfo {
    ClientInfo::new(Some([198, 51, 100, 7].into()), Some("conformance/1.0"))
}
