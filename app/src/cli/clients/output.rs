//! What the commands on clients print.

use inwren_domain::Failure;
use inwren_domain::client::manage::Refusal;
use inwren_domain::client::{ClientId, ClientSecret};
use inwren_domain::kernel::PlainToken;

use crate::cli::error::Failed;
use crate::cli::support::say;

/// Width of tables and differences, in characters.
pub(super) const WIDTH: usize = 100;

/// The advice below a new secret.
pub(super) const SAVE: &str =
    "Save the secret now: it is not shown again, because only its digest is stored.";

/// The fields with several values. [`ClientSettings::fields`] separates them by spaces.
const LISTS: [&str; 6] =
    ["redirect_uris", "post_logout_redirect_uris", "scopes", "grant_types", "allowed_tiers", "resources"];

/// Prints what a new client authenticates with.
pub(super) fn say_credentials(id: &ClientId, secret: Option<&PlainToken>) {
    say(&format!("client_id:     {id}"));
    if let Some(secret) = secret {
        say(&format!("client_secret: {}", secret.expose()));
    }
}

/// The error for a change that did not happen.
pub(super) fn refused(failure: Failure<Refusal>) -> Failed {
    let is_usage = matches!(failure, Failure::Refused(Refusal::Invalid(_)));
    let reason = reason(failure);
    if is_usage { Failed::Usage(reason) } else { Failed::Reason(reason) }
}

pub(super) fn reason(failure: Failure<Refusal>) -> String {
    let refusal = match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Port(failure) => return failure.to_string(),
    };
    match refusal {
        Refusal::Invalid(invalid) => invalid.to_string(),
        Refusal::IdTaken => "another client has this id already".to_owned(),
        Refusal::NameTaken => "another client has this name already".to_owned(),
        Refusal::NotFound => "no client has this id; `inwren clients list` lists all clients".to_owned(),
        Refusal::HasNoSecret => {
            "the client does not authenticate by a secret: see its auth_method".to_owned()
        }
        Refusal::TooManySecrets => format!(
            "the client has {} secrets, and cannot have more: delete one with `inwren clients secret ID --delete`",
            ClientSecret::MAX
        ),
        Refusal::Unconfirmed(unconfirmed) => format!("the change was refused: {unconfirmed:?}"),
    }
}

/// The values of a field: those of a list, or one.
pub(super) fn values<'a>(field: &str, text: &'a str) -> Vec<&'a str> {
    if LISTS.contains(&field) { text.split_ascii_whitespace().collect() } else { vec![text] }
}
