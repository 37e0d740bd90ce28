use inwren_domain::Failure;
use inwren_domain::factor::enrol::Enrolled;
use inwren_domain::factor::manage;
use inwren_domain::kernel::PlainToken;
use minijinja::context;
use poem::http::StatusCode;
use poem::{Request, RequestBody};

use super::start::{self, Start};
use super::visitor::{self, Submitted, hidden, require_full, targets, user};
use crate::config::Operation;
use crate::http::provider_pages::{Answer, Destination, Flow, Outcome, Sheet, Visit, paths, proceed};
use crate::pages;

const START: Start =
    Start { section: "page.codes", page: Destination::Codes, takes_name: false, needs_passkeys: false };

/// The page that offers to replace the recovery codes.
pub(super) async fn show(request: Request) -> Answer {
    let (mut visit, _) = Visit::of(request).await?;
    let outcome = shown(&mut visit).await;
    visit.finish(outcome)
}

async fn shown(visit: &mut Visit) -> Outcome {
    let caller = user(visit).await?;
    visit.limit_user(Operation::Factors, &caller).await?;
    require_full(visit, &caller)?;
    // Without a factor, there are no codes.
    if caller.user().has_factor() {
        start::page(visit, None, &START, None)
    } else {
        visit.see_own(paths::FACTORS)
    }
}

/// The user replaces the codes.
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = submitted(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn submitted(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let Submitted { form, caller, .. } = Submitted::read(visit, body).await?;
    require_full(visit, &caller)?;
    if form.get("action") != Some("begin") {
        return Ok(visit.malformed()?);
    }
    match manage::replace_recovery_codes(visit.core(), &caller, &visit.client).await {
        Ok(codes) => page(visit, None, &codes, "page.codes.new_text"),
        Err(Failure::Refused(manage::Refusal::StepUp(required))) => {
            visitor::step_up(visit, None, &caller, required, Destination::Codes).await
        }
        Err(Failure::Refused(manage::Refusal::NotFound | manage::Refusal::Required)) => {
            visit.see_own(paths::FACTORS)
        }
        Err(Failure::Refused(manage::Refusal::ChangedMeanwhile)) => visit.see_own(paths::LOGIN),
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}

/// Goes on after an enrolment. With the first factor, the page shows the recovery codes.
pub(super) async fn enrolled(visit: &mut Visit, flow: Option<Flow>, enrolled: Enrolled) -> Outcome {
    match (enrolled.recovery_codes, flow) {
        (Some(codes), flow) => page(visit, flow.as_ref(), &codes, "page.codes.first_text"),
        (None, Some(flow)) => proceed(visit, flow, false).await,
        (None, None) => visit.see_own(paths::FACTORS),
    }
}

/// The page that shows new codes. They are shown only here.
fn page(visit: &mut Visit, flow: Option<&Flow>, codes: &[PlainToken], text: &str) -> Outcome {
    let hidden = hidden(visit, flow)?;
    let pages = visit.pages()?;
    let codes: Vec<&str> = codes.iter().map(PlainToken::expose).collect();
    let client = flow.and_then(Flow::client_name).unwrap_or_default();
    let values = context! {
        text => pages.text(text)?,
        codes => codes.join("\n"),
        copy => pages.text("page.codes.copy")?,
        copied => pages.text("page.codes.copied")?,
        hidden,
        action => pages.url(paths::LOGIN),
        submit => pages.filled("page.codes.continue", &[("client", client)])?,
        back => context! { url => pages.url(paths::FACTORS), label => pages.text("page.factors.back")? },
    };
    let targets = targets(flow);
    let sheet = Sheet { scripts: &[pages::COPY_SCRIPT], targets: &targets, ..Sheet::of("factor_codes.html") };
    Ok(pages.page(StatusCode::OK, &sheet, &pages.text("page.codes.shown_title")?, None, values)?)
}
