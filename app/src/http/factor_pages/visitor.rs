//! The user of a page, and what the forms of all pages have in common.

use inwren_domain::authn::step_up::StepUpRequired;
use inwren_domain::factor::{FactorName, InvalidFactorName};
use inwren_domain::session::Principal;
use minijinja::{Value, context};
use poem::RequestBody;
use poem::http::StatusCode;

use crate::config::Operation;
use crate::http::provider_pages::{self, Destination, Flow, Outcome, Visit, paths};
use crate::http::shared::body::FormFields;
use crate::http::shared::problem::Problem;

/// Returns the user of the browser session, whose session may be one that can only enrol a second factor.
pub(super) async fn user(visit: &Visit) -> Outcome<Principal> {
    if let Some(caller) = visit.caller().await? {
        return Ok(caller);
    }
    // Each cookie that names no live session costs a read.
    visit.limit(Operation::Factors).await?;
    Err(visit.see_own(paths::LOGIN)?.into())
}

/// Leads a session that may only enrol a second factor back to the list.
pub(super) fn require_full(visit: &Visit, caller: &Principal) -> Outcome<()> {
    if caller.may_only_enrol(visit.core()) { Err(visit.see_own(paths::FACTORS)?.into()) } else { Ok(()) }
}

/// A submitted form and its user.
pub(super) struct Submitted {
    pub(super) form: FormFields,
    pub(super) caller: Principal,
    /// The authorization request that needs the factor, if there is one.
    pub(super) flow: Option<Flow>,
}

impl Submitted {
    /// Reads a form, which must come from a page of this session.
    pub(super) async fn read(visit: &mut Visit, body: &mut RequestBody) -> Outcome<Self> {
        let form = visit.form(body, Operation::ManageFactors).await?;
        let caller = user(visit).await?;
        visit.limit_user(Operation::ManageFactors, &caller).await?;
        if !visit.is_own_form(&form) {
            let pages = visit.pages()?;
            let link = Some((pages.url(paths::FACTORS), "page.factors.title"));
            return Err(pages.message(StatusCode::BAD_REQUEST, "expired", link)?.into());
        }
        let flow = match form.get("interaction") {
            Some(_) => Some(Flow::open(visit, &form).await?),
            None => None,
        };
        let flow = flow.filter(|flow| flow.request.is_some());
        Ok(Self { form, caller, flow })
    }
}

/// Returns the hidden fields of the forms of a page.
pub(super) fn hidden(visit: &mut Visit, flow: Option<&Flow>) -> Result<Value, Problem> {
    let interaction = flow.map(|flow| flow.seal(visit)).transpose()?;
    let token = visit.form_token();
    Ok(context! { token, interaction })
}

/// Returns where the forms of a page may lead besides this service.
pub(super) fn targets(flow: Option<&Flow>) -> Vec<String> {
    flow.map(Flow::targets).unwrap_or_default()
}

/// Shows the page of the login that a change requires. It leads back to the application's request, or to an account
/// page.
pub(super) async fn step_up(
    visit: &mut Visit,
    flow: Option<Flow>,
    caller: &Principal,
    required: StepUpRequired,
    back: Destination,
) -> Outcome {
    let flow = flow.unwrap_or_else(|| Flow::to_page(visit, back));
    provider_pages::step_up(visit, flow, caller, required).await
}

/// Reads the optional name of a factor.
pub(super) fn name_of(form: &FormFields) -> Result<Option<FactorName>, InvalidFactorName> {
    form.get("name").map(FactorName::parse).transpose()
}
