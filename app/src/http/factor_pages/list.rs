use inwren_domain::Failure;
use inwren_domain::authn::Acr;
use inwren_domain::factor::{Factor, FactorId, FactorKind, FactorName, manage};
use inwren_domain::session::Principal;
use minijinja::{Value, context};
use poem::http::StatusCode;
use poem::{Request, RequestBody};
use uuid::Uuid;

use super::visitor::{self, Submitted, hidden, require_full, user};
use crate::config::Operation;
use crate::http::provider_pages::{
    Answer, Destination, Flow, Outcome, Pages, Sheet, Visit, paths, step_up_page,
};
use crate::http::shared::problem::Problem;
use crate::letters::time_text;

/// With this many recovery codes or fewer left, the page warns.
const FEW_CODES: u64 = 3;

/// The second factors of the user.
pub(super) async fn show(request: Request) -> Answer {
    let (mut visit, _) = Visit::of(request).await?;
    let outcome = shown(&mut visit).await;
    visit.finish(outcome)
}

async fn shown(visit: &mut Visit) -> Outcome {
    let caller = user(visit).await?;
    visit.limit_user(Operation::Factors, &caller).await?;
    page(visit, &caller, None).await
}

/// Why nothing changed. The text is in the section `page.factors`.
struct Wrong {
    status: StatusCode,
    text: &'static str,
    /// The factor whose name is invalid.
    factor: Option<FactorId>,
}

async fn page(visit: &mut Visit, caller: &Principal, wrong: Option<Wrong>) -> Outcome {
    let found = manage::list(visit.core(), caller).await?;
    let hidden = hidden(visit, None)?;
    let may_only_enrol = caller.may_only_enrol(visit.core());
    let has_passkeys = visit.core().settings.factors.relying_party.is_some();
    let pages = visit.pages()?;
    let factors = found.factors.iter().map(|factor| values_of(&pages, factor, wrong.as_ref()));
    let factors: Vec<Value> = factors.collect::<Result<_, _>>()?;
    let email = caller.user().email.as_str();
    let text = match (may_only_enrol, caller.user().has_factor()) {
        (true, true) => "page.factors.confirm_text",
        (true, false) => "page.enrol.text",
        (false, true) => "page.factors.text",
        (false, false) => "page.factors.none",
    };
    let link = |path: &str, key: &str| -> Result<Value, Problem> {
        Ok(context! { url => pages.url(path), label => pages.text(key)? })
    };
    let codes = if factors.is_empty() { None } else { Some(codes_of(&pages, found.recovery_codes_left)?) };
    let is_new = may_only_enrol && caller.user().has_factor();
    let confirm = if is_new { Some(pages.text("page.factors.confirm")?) } else { None };
    let passkey = has_passkeys.then(|| link(paths::PASSKEY, "page.factors.add_passkey")).transpose()?;
    let values = context! {
        text => pages.filled(text, &[("email", email)])?,
        hidden,
        action => pages.url(paths::FACTORS),
        factors,
        can_change => !may_only_enrol,
        confirm,
        wrong_factor => wrong.as_ref().is_some_and(|wrong| wrong.factor.is_some()),
        created => pages.text("page.factors.created")?,
        used => pages.text("page.factors.used")?,
        name_label => pages.text("page.factors.new_name")?,
        rename => pages.text("page.factors.rename")?,
        remove => pages.text("page.factors.remove")?,
        remove_text => pages.text("page.factors.remove_text")?,
        codes,
        add_title => pages.text("page.factors.add")?,
        add_app => link(paths::APP, "page.factors.add_app")?,
        add_passkey => passkey,
        grants => if may_only_enrol { None } else { Some(link(paths::GRANTS, "page.grants.title")?) },
        logout => link(paths::LOGOUT, "page.logout.submit")?,
    };
    let status = wrong.as_ref().map_or(StatusCode::OK, |wrong| wrong.status);
    let error = wrong.map(|wrong| pages.text(&format!("page.factors.{}", wrong.text))).transpose()?;
    let title = pages.text("page.factors.title")?;
    Ok(pages.page(status, &Sheet::of("factors.html"), &title, error.as_deref(), values)?)
}

/// What the page shows of a factor.
fn values_of(pages: &Pages<'_>, factor: &Factor, wrong: Option<&Wrong>) -> Result<Value, Problem> {
    let kind = match factor.kind {
        FactorKind::Totp(_) => "page.factors.app",
        FactorKind::Passkey(_) => "page.factors.passkey",
    };
    let kind = pages.text(kind)?;
    let given = factor.name.as_ref().map(FactorName::as_str);
    let name = given.unwrap_or(&kind);
    let used = match factor.last_used_at {
        Some(time) => time_text(time),
        None => pages.text("page.factors.never")?,
    };
    Ok(context! {
        id => factor.id.as_uuid().to_string(),
        name,
        given,
        kind => kind.as_str(),
        created => time_text(factor.created_at),
        used,
        is_wrong => wrong.is_some_and(|wrong| wrong.factor == Some(factor.id)),
        rename_label => pages.filled("page.factors.rename_of", &[("name", name)])?,
        remove_label => pages.filled("page.factors.remove_of", &[("name", name)])?,
    })
}

/// What the page shows of the recovery codes.
fn codes_of(pages: &Pages<'_>, left: u64) -> Result<Value, Problem> {
    let text = if left <= FEW_CODES { "page.factors.few_codes" } else { "page.factors.codes_left" };
    let count = left.to_string();
    Ok(context! {
        title => pages.text("page.factors.codes")?,
        text => pages.filled(text, &[("count", count.as_str())])?,
        url => pages.url(paths::CODES),
        label => pages.text("page.codes.title")?,
    })
}

/// A form was submitted.
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = submitted(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn submitted(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let Submitted { form, caller, .. } = Submitted::read(visit, body).await?;
    if form.get("action") == Some("confirm") && caller.user().has_factor() {
        let flow = Flow::to_page(visit, Destination::Factors);
        return step_up_page(visit, flow, &caller, Acr::Aal2).await;
    }
    require_full(visit, &caller)?;
    let id = form.get("id").and_then(|id| Uuid::try_parse(id).ok()).map(FactorId::from_uuid);
    match (form.get("action"), id) {
        (Some("rename"), Some(id)) => rename(visit, &caller, id, form.get("name")).await,
        (Some("remove"), Some(id)) => remove(visit, &caller, id).await,
        _ => Ok(visit.malformed()?),
    }
}

async fn rename(visit: &mut Visit, caller: &Principal, id: FactorId, name: Option<&str>) -> Outcome {
    let Ok(name) = FactorName::parse(name.unwrap_or_default()) else {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let wrong = Wrong { status, text: "invalid_name", factor: Some(id) };
        return page(visit, caller, Some(wrong)).await;
    };
    let renamed = manage::rename(visit.core(), caller, id, &name).await;
    changed(visit, caller, renamed.map(drop)).await
}

async fn remove(visit: &mut Visit, caller: &Principal, id: FactorId) -> Outcome {
    let removed = manage::remove(visit.core(), caller, id, &visit.client).await;
    changed(visit, caller, removed).await
}

async fn changed(
    visit: &mut Visit,
    caller: &Principal,
    result: Result<(), Failure<manage::Refusal>>,
) -> Outcome {
    match result {
        // Another request may have removed the factor.
        Ok(()) | Err(Failure::Refused(manage::Refusal::NotFound)) => visit.see_own(paths::FACTORS),
        Err(Failure::Refused(manage::Refusal::StepUp(required))) => {
            visitor::step_up(visit, None, caller, required, Destination::Factors).await
        }
        Err(Failure::Refused(manage::Refusal::Required)) => {
            let wrong = Wrong { status: StatusCode::CONFLICT, text: "last_factor", factor: None };
            page(visit, caller, Some(wrong)).await
        }
        Err(Failure::Refused(manage::Refusal::ChangedMeanwhile)) => visit.see_own(paths::LOGIN),
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}
