use minijinja::context;
use poem::http::StatusCode;

use super::flow::Flow;
use super::paths;
use super::render::Sheet;
use super::visit::{Outcome, Visit};
use crate::pages;

/// The page of a user who must enrol a second factor first. Its forms take the request along.
pub(super) fn page(visit: &mut Visit, flow: &Flow) -> Outcome {
    let interaction = flow.seal(visit)?;
    let token = visit.form_token();
    let has_passkeys = visit.core().settings.factors.relying_party.is_some();
    let pages = visit.pages()?;
    let client = flow.client_name().unwrap_or_default();
    let passkey = if has_passkeys { Some(pages.text("page.factors.add_passkey")?) } else { None };
    let values = context! {
        text => pages.text("page.enrol.text")?,
        note => pages.filled("page.enrol.note", &[("client", client)])?,
        token,
        interaction,
        app_action => pages.url(paths::APP),
        app => pages.text("page.factors.add_app")?,
        passkey_action => pages.url(paths::PASSKEY),
        passkey,
        no_script => pages.text("page.factor.no_script")?,
        login => pages.url(paths::LOGIN),
        other => pages.text("page.choose.other")?,
    };
    let scripts: &[&str] = if has_passkeys { &[pages::PASSKEY_SCRIPT] } else { &[] };
    let targets = flow.targets();
    let sheet = Sheet { scripts, targets: &targets, ..Sheet::of("enrol.html") };
    Ok(pages.page(StatusCode::OK, &sheet, &pages.text("page.enrol.title")?, None, values)?)
}
