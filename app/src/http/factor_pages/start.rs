//! The page that begins an enrolment, or the replacement of the recovery codes.

use inwren_domain::factor::enrol;
use inwren_domain::session::Principal;
use minijinja::context;
use poem::http::StatusCode;

use super::visitor::{self, hidden, targets};
use crate::http::provider_pages::{Destination, Flow, Outcome, Sheet, Visit, paths};
use crate::pages;

/// What the page begins.
pub(super) struct Start {
    /// The section of its texts.
    pub(super) section: &'static str,
    /// The page, to which a login leads back.
    pub(super) page: Destination,
    /// Whether the form asks for a name.
    pub(super) takes_name: bool,
    /// Whether it needs a script and a browser with passkeys.
    pub(super) needs_passkeys: bool,
}

/// Why nothing was enrolled. The text is in the section `page.factors`.
#[derive(Clone, Copy)]
pub(super) struct Wrong(StatusCode, &'static str);

impl Wrong {
    /// The name is invalid.
    pub(super) const NAME: Self = Self(StatusCode::UNPROCESSABLE_ENTITY, "invalid_name");
}

/// Shows the page.
pub(super) fn page(visit: &mut Visit, flow: Option<&Flow>, start: &Start, wrong: Option<Wrong>) -> Outcome {
    let hidden = hidden(visit, flow)?;
    let pages = visit.pages()?;
    let text = |name: &str| pages.text(&format!("{}.{name}", start.section));
    let name_label = if start.takes_name { Some(pages.text("page.factors.name")?) } else { None };
    let back = match flow {
        Some(_) => None,
        None => {
            Some(context! { url => pages.url(paths::FACTORS), label => pages.text("page.factors.back")? })
        }
    };
    let error = wrong.map(|Wrong(_, name)| pages.text(&format!("page.factors.{name}"))).transpose()?;
    let values = context! {
        text => text("text")?,
        action => pages.url(start.page.path()),
        hidden,
        name_label,
        name_hint => pages.text("page.factors.name_hint")?,
        wrong_name => wrong.is_some_and(|Wrong(_, name)| name == Wrong::NAME.1),
        submit => text("submit")?,
        needs_passkeys => start.needs_passkeys,
        no_script => pages.text("page.factor.no_script")?,
        no_passkeys => pages.text("page.new_passkey.unsupported")?,
        back,
    };
    let status = wrong.map_or(StatusCode::OK, |Wrong(status, _)| status);
    let scripts: &[&str] = if start.needs_passkeys { &[pages::PASSKEY_SCRIPT] } else { &[] };
    let targets = targets(flow);
    let sheet = Sheet { scripts, targets: &targets, ..Sheet::of("factor_start.html") };
    Ok(pages.page(status, &sheet, &text("title")?, error.as_deref(), values)?)
}

/// Shows why nothing was enrolled, and lets the user begin again.
pub(super) async fn refused(
    visit: &mut Visit,
    flow: Option<Flow>,
    caller: &Principal,
    start: &Start,
    refusal: enrol::Refusal,
) -> Outcome {
    let wrong = match refusal {
        enrol::Refusal::StepUp(required) => {
            return visitor::step_up(visit, flow, caller, required, start.page).await;
        }
        enrol::Refusal::ChangedMeanwhile => return visit.see_own(paths::LOGIN),
        enrol::Refusal::InvalidPasskey(reason) => {
            tracing::info!(reason, "passkey refused");
            Wrong(StatusCode::UNPROCESSABLE_ENTITY, "invalid_passkey")
        }
        enrol::Refusal::TooMany => Wrong(StatusCode::CONFLICT, "too_many"),
        enrol::Refusal::NotFound | enrol::Refusal::ChallengeOver => Wrong(StatusCode::GONE, "over"),
        enrol::Refusal::WrongCode => Wrong(StatusCode::FORBIDDEN, "wrong_code"),
        enrol::Refusal::NotRelyingParty => Wrong(StatusCode::NOT_IMPLEMENTED, "no_passkeys"),
        enrol::Refusal::PasskeyTaken => Wrong(StatusCode::CONFLICT, "passkey_taken"),
    };
    page(visit, flow.as_ref(), start, Some(wrong))
}
