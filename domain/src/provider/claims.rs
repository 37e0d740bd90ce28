use crate::account::User;
use crate::client::Scope;
use crate::token::ClaimValue;

/// Which of the claims that a scope permits are wanted.
#[derive(Clone, Copy)]
pub(crate) enum ClaimSet<'a> {
    /// All.
    All,
    /// Those with these names.
    Named(&'a [String]),
}

/// The claims about a user that the service knows, with the scopes that permit them (OpenID Connect Core section 5.4).
pub const CLAIMS: [(&str, &str); 6] = [
    ("preferred_username", Scope::PROFILE),
    ("locale", Scope::PROFILE),
    ("updated_at", Scope::PROFILE),
    ("tier", Scope::PROFILE),
    ("email", Scope::EMAIL),
    ("email_verified", Scope::EMAIL),
];

/// Returns the wanted claims about the user that the scope permits.
pub(crate) fn claims_of(user: &User, scope: &Scope, wanted: ClaimSet<'_>) -> Vec<(&'static str, ClaimValue)> {
    let is_wanted = |name: &str| match wanted {
        ClaimSet::All => true,
        ClaimSet::Named(names) => names.iter().any(|one| one == name),
    };
    let permitted = CLAIMS.into_iter().filter(|(name, by)| scope.contains(by) && is_wanted(name));
    permitted.filter_map(|(name, _)| Some((name, value(user, name)?))).collect()
}

fn value(user: &User, name: &str) -> Option<ClaimValue> {
    let text = |text: &str| Some(ClaimValue::Text(text.to_owned()));
    match name {
        "preferred_username" | "email" => text(user.email.as_str()),
        "email_verified" => Some(ClaimValue::Flag(user.email_verified_at.is_some())),
        "locale" => text(user.locale.as_ref()?.as_str()),
        "tier" => text(user.tier.as_str()),
        "updated_at" => Some(ClaimValue::Seconds(user.updated_at.unix_timestamp())),
        _ => None,
    }
}
