use inwren_domain::Failure;
use inwren_domain::factor::enrol::{self, PasskeyOptions};
use inwren_domain::factor::{Creation, FactorName};
use inwren_domain::session::Principal;
use minijinja::context;
use poem::http::StatusCode;
use poem::{Request, RequestBody};
use poem_openapi::types::ToJSON as _;

use super::codes;
use super::start::{self, Start, Wrong};
use super::visitor::{Submitted, hidden, name_of, targets, user};
use crate::config::Operation;
use crate::http::provider_pages::{Answer, Destination, Flow, Outcome, Sheet, Visit, paths};
use crate::http::shared::body::{FormFields, FromField as _};
use crate::http::shared::passkeys::{AttestationDto, CredentialCreationDto};
use crate::http::shared::problem::Problem;
use crate::pages;

const START: Start =
    Start { section: "page.new_passkey", page: Destination::Passkey, takes_name: true, needs_passkeys: true };

/// The page that begins the enrolment of a passkey.
pub(super) async fn show(request: Request) -> Answer {
    let (mut visit, _) = Visit::of(request).await?;
    let outcome = shown(&mut visit).await;
    visit.finish(outcome)
}

async fn shown(visit: &mut Visit) -> Outcome {
    let caller = user(visit).await?;
    visit.limit_user(Operation::Factors, &caller).await?;
    start::page(visit, None, &START, None)
}

/// A form was submitted.
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = submitted(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn submitted(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let Submitted { form, caller, flow } = Submitted::read(visit, body).await?;
    // The script submits the form without its button.
    if let Some(json) = form.get("credential") {
        return add(visit, flow, &caller, (json, &form)).await;
    }
    match form.get("action") {
        Some("show") => start::page(visit, flow.as_ref(), &START, None),
        Some("begin") => begin(visit, flow, &caller, &form).await,
        _ => Ok(visit.malformed()?),
    }
}

async fn begin(visit: &mut Visit, flow: Option<Flow>, caller: &Principal, form: &FormFields) -> Outcome {
    let Ok(name) = name_of(form) else {
        return start::page(visit, flow.as_ref(), &START, Some(Wrong::NAME));
    };
    match enrol::passkey_options(visit.core(), caller, &visit.client).await {
        Ok(options) => create_page(visit, flow.as_ref(), options, name.as_ref()),
        Err(Failure::Refused(refusal)) => start::refused(visit, flow, caller, &START, refusal).await,
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}

/// The page whose script asks the browser for a new passkey.
fn create_page(
    visit: &mut Visit,
    flow: Option<&Flow>,
    options: PasskeyOptions,
    name: Option<&FactorName>,
) -> Outcome {
    let hidden = hidden(visit, flow)?;
    let options = json(options)?;
    let pages = visit.pages()?;
    let values = context! {
        text => pages.text("page.new_passkey.create_text")?,
        action => pages.url(paths::PASSKEY),
        hidden,
        name => name.map(FactorName::as_str),
        submit => pages.text("page.new_passkey.create")?,
        failed => pages.text("page.new_passkey.failed")?,
        no_script => pages.text("page.factor.no_script")?,
        options => pages::json_data(&options),
    };
    let targets = targets(flow);
    let sheet =
        Sheet { scripts: &[pages::PASSKEY_SCRIPT], targets: &targets, ..Sheet::of("factor_passkey.html") };
    Ok(pages.page(StatusCode::OK, &sheet, &pages.text("page.new_passkey.title")?, None, values)?)
}

/// The options as JSON, in the form that the script reads.
fn json(options: PasskeyOptions) -> Result<String, Problem> {
    let json = CredentialCreationDto::from(options).to_json();
    let options = json.as_ref().and_then(|json| json.get("publicKey")).map(ToString::to_string);
    options.ok_or_else(|| Problem::internal("the passkey options have no JSON"))
}

/// Reads the answer of the browser.
fn creation(json: &str) -> Option<Creation> {
    let value = serde_json::from_str(json).ok()?;
    AttestationDto::read(value).ok()?.decode().ok()
}

async fn add(
    visit: &mut Visit,
    flow: Option<Flow>,
    caller: &Principal,
    (json, form): (&str, &FormFields),
) -> Outcome {
    let (Some(creation), Ok(name)) = (creation(json), name_of(form)) else { return Ok(visit.malformed()?) };
    match enrol::enrol_passkey(visit.core(), caller, creation, name, &visit.client).await {
        Ok(enrolled) => codes::enrolled(visit, flow, enrolled).await,
        Err(Failure::Refused(refusal)) => start::refused(visit, flow, caller, &START, refusal).await,
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use inwren_domain::factor::UserHandle;
    use inwren_domain::kernel::PlainToken;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn options_have_the_form_that_the_script_reads() {
        let options = PasskeyOptions {
            challenge: PlainToken::new("AQID".to_owned()),
            relying_party_id: "auth.example".to_owned(),
            service_name: "Sample".to_owned(),
            user_handle: UserHandle::from_bytes([1; 32]),
            user_name: "ann@example.org".to_owned(),
            excluded: Vec::new(),
        };
        let read: Value = serde_json::from_str(&super::json(options).unwrap()).unwrap();
        assert_eq!(read["challenge"], json!("AQID"));
        assert_eq!(read["user"]["id"], json!("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"));
        assert_eq!(read["excludeCredentials"], json!([]));
    }

    #[test]
    fn unreadable_answers_are_refused() {
        for json in ["", "1", "{}", r#"{"id": "AQI", "rawId": "AQI", "type": "public-key", "response": {}}"#]
        {
            assert!(creation(json).is_none(), "{json}");
        }
    }
}
