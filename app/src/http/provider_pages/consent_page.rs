//! The page that asks the user for consent.

use inwren_domain::client::Scope;
use inwren_domain::session::Principal;
use minijinja::context;
use poem::http::StatusCode;

use super::flow::Flow;
use super::paths;
use super::render::{Pages, Sheet};
use super::visit::{Outcome, Visit};
use crate::http::shared::problem::Problem;

/// The scopes that have a text of their own.
const KNOWN: [&str; 4] = [Scope::OPENID, Scope::PROFILE, Scope::EMAIL, Scope::OFFLINE_ACCESS];

/// What each name of a scope means to the user.
pub(super) fn meanings(pages: &Pages<'_>, scope: &Scope) -> Result<Vec<String>, Problem> {
    let meaning = |name: &str| match KNOWN.contains(&name) {
        true => pages.text(&format!("page.scope.{name}")),
        false => pages.filled("page.scope.other", &[("name", name)]),
    };
    scope.names().map(meaning).collect()
}

/// The page that asks the user for consent.
pub(super) fn page(visit: &mut Visit, mut flow: Flow, caller: &Principal, scope: &Scope) -> Outcome {
    flow.interaction.asked = Some(asked(caller));
    let interaction = flow.seal(visit)?;
    let pages = visit.pages()?;
    let client = flow.client_name().unwrap_or_default();
    let email = caller.user().email.as_str();
    let names = [("client", client), ("email", email)];
    let values = context! {
        text => pages.filled("page.consent.text", &names)?,
        account => pages.filled("page.consent.account", &names)?,
        scopes => meanings(&pages, scope)?,
        note => pages.filled("page.consent.note", &names)?,
        action => pages.url(paths::CONSENT),
        interaction,
        allow => pages.text("page.consent.allow")?,
        deny => pages.text("page.consent.deny")?,
    };
    let targets = flow.targets();
    let sheet = Sheet { targets: &targets, ..Sheet::of("consent.html") };
    let title = pages.filled("page.consent.title", &names)?;
    Ok(pages.page(StatusCode::OK, &sheet, &title, None, values)?)
}

/// The question for this user.
pub(super) fn asked(caller: &Principal) -> String {
    format!("consent {}", caller.user().id)
}
