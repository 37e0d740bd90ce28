//! The page of a login, and the choice of the account.

use inwren_domain::account::RegistrationMode;
use inwren_domain::session::Principal;
use minijinja::context;
use poem::http::StatusCode;

use super::flow::Flow;
use super::render::Sheet;
use super::visit::{Outcome, Visit};
use super::{paths, returning};
use crate::letters::links;
use crate::pages;

/// What the form shows.
#[derive(Default)]
pub(super) struct Shown<'a> {
    /// The address that the user has typed.
    pub(super) email: Option<&'a str>,
    /// The name of the text of the error.
    pub(super) error: Option<&'static str>,
}

impl<'a> Shown<'a> {
    /// The same text for all reasons (OWASP ASVS 5.0, 6.3.8).
    pub(super) fn refused(email: Option<&'a str>) -> Self {
        Self { email, error: Some("wrong") }
    }
}

/// The form.
pub(super) fn page(visit: &mut Visit, flow: &Flow, shown: Shown<'_>) -> Outcome {
    let interaction = flow.seal(visit)?;
    if let Some(parameters) = &flow.interaction.parameters {
        returning::remember(&mut visit.jar, parameters)?;
    }
    let settings = &visit.core().settings;
    let has_passkeys = settings.factors.relying_party.is_some();
    let is_open = is_open(visit);
    let pages = visit.pages()?;
    let hint = flow.request.as_ref().and_then(|request| request.login_hint.as_deref());
    let text = match flow.client_name() {
        Some(client) => pages.filled("page.login.text_client", &[("client", client)])?,
        None => pages.text("page.login.text")?,
    };
    let forgot = match visit.core().mail {
        Some(_) => {
            Some(context! { url => pages.url(links::FORGOT), label => pages.text("page.forgot.title")? })
        }
        None => None,
    };
    let passkey = if has_passkeys { Some(pages.text("page.login.passkey")?) } else { None };
    let back = match returning::path(&visit.jar) {
        Some(path) if flow.request.is_none() => {
            Some(context! { url => pages.url(&path), label => pages.text("page.continue")? })
        }
        _ => None,
    };
    let values = context! {
        text,
        action => pages.url(paths::LOGIN),
        interaction,
        email => shown.email.or(hint).filter(|email| email.len() <= 320).unwrap_or_default(),
        email_label => pages.text("page.email")?,
        password_label => pages.text("page.login.password")?,
        submit => pages.text("page.login.submit")?,
        passkey,
        forgot,
        back,
        register => if is_open { Some(pages.url(paths::REGISTER)) } else { None },
        register_label => pages.text("page.register.title")?,
    };
    let error = shown.error.map(|name| pages.text(&format!("page.login.{name}"))).transpose()?;
    let status = if error.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let scripts: &[&str] = if has_passkeys { &[pages::PASSKEY_SCRIPT] } else { &[] };
    let targets = flow.targets();
    let sheet = Sheet { scripts, targets: &targets, ..Sheet::of("login.html") };
    Ok(pages.page(status, &sheet, &pages.text("page.login.title")?, error.as_deref(), values)?)
}

/// The page that lets the user go on with the account of the browser session, or log in with another one.
pub(super) fn chooser(visit: &mut Visit, mut flow: Flow, caller: &Principal) -> Outcome {
    flow.interaction.asked = Some(asked(caller));
    let interaction = flow.seal(visit)?;
    let pages = visit.pages()?;
    let client = flow.client_name().unwrap_or_default();
    let values = context! {
        text => pages.filled("page.choose.text", &[("client", client)])?,
        email => caller.user().email.as_str(),
        action => pages.url(paths::LOGIN),
        interaction,
        submit => pages.text("page.choose.submit")?,
        other => pages.text("page.choose.other")?,
    };
    let targets = flow.targets();
    let sheet = Sheet { targets: &targets, ..Sheet::of("choose.html") };
    Ok(pages.page(StatusCode::OK, &sheet, &pages.text("page.choose.title")?, None, values)?)
}

/// The question of the chooser for this user.
pub(super) fn asked(caller: &Principal) -> String {
    format!("account {}", caller.user().id)
}

/// Returns whether users may register here.
pub(super) fn is_open(visit: &Visit) -> bool {
    visit.core().settings.registration == RegistrationMode::Open
}
