//! Links in letters. They are made of the public URL and a token, and of nothing from a request.

use inwren_domain::action_token::Purpose;
use inwren_domain::kernel::PlainToken;

/// The path of the page that performs an action.
pub const fn path(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::VerifyEmail => "/account/verify",
        Purpose::ResetPassword => "/account/reset",
        Purpose::ChangeEmail => "/account/email",
        Purpose::UndoEmail => "/account/undo",
        Purpose::AcceptInvitation => "/account/invite",
        Purpose::KeepFactors => "/account/keep-factors",
    }
}

/// The path of the page that requests a password reset.
pub const FORGOT: &str = "/account/forgot";

/// The link that requests a password reset. `public_url` has no slash at the end.
pub fn forgot(public_url: &str) -> String {
    format!("{public_url}{FORGOT}")
}

/// The link that performs an action. `public_url` has no slash at the end.
pub fn link(public_url: &str, purpose: Purpose, token: &PlainToken) -> String {
    format!("{public_url}{}?t={}", path(purpose), token.expose())
}
