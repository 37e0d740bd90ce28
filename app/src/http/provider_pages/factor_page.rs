//! The page that asks for a second factor, a passkey or the password.

use inwren_domain::Failure;
use inwren_domain::authn::reauthenticate;
use inwren_domain::authn::step_up::StepUpRequired;
use inwren_domain::authn::{Acr, Method, PasskeyRequest, SecondStep};
use inwren_domain::factor::Assertion;
use inwren_domain::session::Principal;
use minijinja::context;
use poem::http::StatusCode;
use poem_openapi::types::ToJSON as _;

use super::flow::Flow;
use super::interaction::Question;
use super::paths;
use super::render::Sheet;
use super::visit::{Outcome, Visit};
use crate::http::shared::body::FromField as _;
use crate::http::shared::passkeys::{AssertionDto, RequestOptionsDto};
use crate::http::shared::problem::Problem;
use crate::pages;

/// What the page asks for, and where its forms go.
pub(super) struct Sought<'a> {
    /// The section of its texts.
    pub(super) section: &'static str,
    pub(super) path: &'static str,
    /// The challenge of the second step of a login.
    pub(super) challenge: Option<&'a str>,
    /// The address of the user whose password is asked for.
    pub(super) email: &'a str,
    /// Whether the script asks for the passkey at once.
    pub(super) starts: bool,
    /// The name of the text of the error, and how many wrong codes may follow.
    pub(super) error: Option<(StatusCode, &'static str, i16)>,
}

impl Sought<'_> {
    pub(super) const STEP_UP: Self = Self {
        section: "page.step_up",
        path: paths::FACTOR,
        challenge: None,
        email: "",
        starts: false,
        error: None,
    };
}

/// Returns the options for a passkey as JSON.
pub(super) fn options(request: PasskeyRequest) -> Result<String, Problem> {
    let options = RequestOptionsDto::from(request).to_json();
    options.map(|json| json.to_string()).ok_or_else(|| Problem::internal("the passkey options have no JSON"))
}

/// Reads the answer of a passkey.
pub(super) fn assertion(json: &str) -> Option<Assertion> {
    let value = serde_json::from_str(json).ok()?;
    AssertionDto::read(value).ok()?.decode().ok()
}

/// The page of the second step of a login.
pub(super) fn second_step_page(visit: &mut Visit, mut flow: Flow, step: SecondStep) -> Outcome {
    let takes_code = step.methods.iter().any(|method| *method != Method::Passkey);
    let passkey = step.passkey.map(options).transpose()?;
    let is_closed = !takes_code && passkey.is_none();
    let error = is_closed.then_some((StatusCode::FORBIDDEN, "closed", 0));
    flow.interaction.question = Some(Question { takes_code, passkey, takes_password: false });
    let challenge = Some(step.challenge.expose());
    page(visit, &flow, &Sought { section: "page.factor", challenge, error, ..Sought::STEP_UP })
}

/// The page of a login with a passkey alone.
pub(super) fn passkey_page(visit: &mut Visit, flow: &Flow) -> Outcome {
    let section = "page.passkey";
    page(visit, flow, &Sought { section, path: paths::LOGIN, starts: true, ..Sought::STEP_UP })
}

/// The page that asks the user of the browser session to log in again, as a change requires: with a second factor, or
/// with the password if the user has none.
pub(in crate::http) async fn step_up(
    visit: &mut Visit,
    flow: Flow,
    caller: &Principal,
    required: StepUpRequired,
) -> Outcome {
    match required.acr {
        Some(acr) => step_up_page(visit, flow, caller, acr).await,
        None => password_page(visit, flow, caller, None),
    }
}

/// The page that asks the user of the browser session for a second factor.
pub(in crate::http) async fn step_up_page(
    visit: &mut Visit,
    flow: Flow,
    caller: &Principal,
    acr: Acr,
) -> Outcome {
    ask_again(visit, flow, caller, acr < Acr::Phr, None).await
}

/// The page that asks the user of the browser session for the password.
pub(super) fn password_page(
    visit: &mut Visit,
    mut flow: Flow,
    caller: &Principal,
    error: Option<(StatusCode, &'static str, i16)>,
) -> Outcome {
    flow.interaction.question = Some(Question { takes_password: true, ..Question::default() });
    let email = caller.user().email.as_str();
    page(visit, &flow, &Sought { section: "page.confirm_password", email, error, ..Sought::STEP_UP })
}

/// Shows the page of a step-up, with new options for a passkey.
pub(super) async fn ask_again(
    visit: &mut Visit,
    mut flow: Flow,
    caller: &Principal,
    takes_code: bool,
    error: Option<(StatusCode, &'static str, i16)>,
) -> Outcome {
    let passkey = match reauthenticate::options(visit.core(), caller).await {
        Ok(request) => Some(options(request)?),
        Err(Failure::Refused(_)) => None,
        Err(Failure::Port(failure)) => return Err(failure.into()),
    };
    flow.interaction.question = Some(Question { takes_code, passkey, takes_password: false });
    let section = if flow.request.is_some() { "page.step_up" } else { "page.confirm" };
    page(visit, &flow, &Sought { section, error, ..Sought::STEP_UP })
}

/// The page.
pub(super) fn page(visit: &mut Visit, flow: &Flow, sought: &Sought<'_>) -> Outcome {
    let interaction = flow.seal(visit)?;
    let pages = visit.pages()?;
    let question = flow.interaction.question.as_ref();
    let options = question.and_then(|question| question.passkey.as_deref()).map(pages::json_data);
    let takes_code = question.is_some_and(|question| question.takes_code);
    let title = pages.text(&format!("{}.title", sought.section))?;
    let error = match sought.error {
        Some((_, name, left)) => {
            let left = left.max(0).to_string();
            Some(pages.filled(&format!("page.factor.{name}"), &[("attempts_left", left.as_str())])?)
        }
        None => None,
    };
    let has_passkey = options.is_some();
    let values = context! {
        text => pages.text(&format!("{}.text", sought.section))?,
        action => pages.url(sought.path),
        interaction,
        challenge => sought.challenge,
        takes_code,
        takes_password => question.is_some_and(|question| question.takes_password),
        email => sought.email,
        email_label => pages.text("page.email")?,
        password_label => pages.text("page.login.password")?,
        code_label => pages.text("page.code")?,
        code_hint => pages.text("page.code_hint")?,
        submit => pages.text("page.factor.submit")?,
        passkey => pages.text("page.factor.passkey")?,
        passkey_failed => pages.text("page.factor.passkey_failed")?,
        no_script => pages.text("page.factor.no_script")?,
        options,
        starts => sought.starts,
        login => pages.url(paths::LOGIN),
        other => pages.text("page.choose.other")?,
    };
    let status = sought.error.map_or(StatusCode::OK, |(status, ..)| status);
    let scripts: &[&str] = if has_passkey { &[pages::PASSKEY_SCRIPT] } else { &[] };
    let targets = flow.targets();
    let sheet = Sheet { scripts, targets: &targets, ..Sheet::of("factor.html") };
    Ok(pages.page(status, &sheet, &title, error.as_deref(), values)?)
}

/// The error of a form with a malformed factor.
/// The error of an answer that cannot be read.
pub(super) const MALFORMED: (StatusCode, &str, i16) = (StatusCode::UNPROCESSABLE_ENTITY, "invalid_code", 0);
