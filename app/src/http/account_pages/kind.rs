use inwren_domain::account::preview::Preview;
use inwren_domain::action_token::Purpose;

use crate::config::Operation;
use crate::letters::links;

/// A page.
pub(in crate::http) struct AccountPage {
    /// The path.
    pub(in crate::http) path: &'static str,
    /// The section of its texts in the catalogues.
    pub(super) section: &'static str,
    /// The action of its links. `None` for the page that requests a password reset.
    pub(super) purpose: Option<Purpose>,
    /// The operation whose rate limit its form shares.
    pub(super) operation: Operation,
    /// The names of the operations in the metrics.
    pub(in crate::http) shown: &'static str,
    pub(in crate::http) submitted: &'static str,
}

/// All pages.
pub(in crate::http) static PAGES: [AccountPage; 7] = [
    AccountPage {
        path: links::path(Purpose::VerifyEmail),
        section: "page.verify",
        purpose: Some(Purpose::VerifyEmail),
        operation: Operation::VerifyEmail,
        shown: "get_verification_page",
        submitted: "submit_verification_page",
    },
    AccountPage {
        path: links::path(Purpose::ResetPassword),
        section: "page.reset",
        purpose: Some(Purpose::ResetPassword),
        operation: Operation::ResetPassword,
        shown: "get_reset_page",
        submitted: "submit_reset_page",
    },
    AccountPage {
        path: links::path(Purpose::ChangeEmail),
        section: "page.email",
        purpose: Some(Purpose::ChangeEmail),
        operation: Operation::ConfirmEmail,
        shown: "get_email_change_page",
        submitted: "submit_email_change_page",
    },
    AccountPage {
        path: links::path(Purpose::UndoEmail),
        section: "page.undo",
        purpose: Some(Purpose::UndoEmail),
        operation: Operation::ConfirmEmail,
        shown: "get_undo_page",
        submitted: "submit_undo_page",
    },
    AccountPage {
        path: links::path(Purpose::AcceptInvitation),
        section: "page.invite",
        purpose: Some(Purpose::AcceptInvitation),
        operation: Operation::AcceptInvitation,
        shown: "get_invitation_page",
        submitted: "submit_invitation_page",
    },
    AccountPage {
        path: links::path(Purpose::KeepFactors),
        section: "page.keep",
        purpose: Some(Purpose::KeepFactors),
        operation: Operation::KeepFactors,
        shown: "get_keep_factors_page",
        submitted: "submit_keep_factors_page",
    },
    AccountPage {
        path: links::FORGOT,
        section: "page.forgot",
        purpose: None,
        operation: Operation::ResetPassword,
        shown: "get_forgot_page",
        submitted: "submit_forgot_page",
    },
];

/// The password that a form asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PasswordField {
    /// One that the user chooses.
    New,
    /// The one of the account.
    Current,
}

impl AccountPage {
    /// Returns the password that the form for this link asks for.
    pub(super) fn password(&self, preview: &Preview) -> Option<PasswordField> {
        match self.purpose? {
            Purpose::VerifyEmail if !preview.creates_user => Some(PasswordField::Current),
            Purpose::VerifyEmail | Purpose::ResetPassword | Purpose::AcceptInvitation => {
                Some(PasswordField::New)
            }
            Purpose::ChangeEmail | Purpose::UndoEmail | Purpose::KeepFactors => None,
        }
    }
}
