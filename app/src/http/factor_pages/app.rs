use inwren_domain::Failure;
use inwren_domain::factor::enrol::{self, NewTotp};
use inwren_domain::factor::{Code, FactorId};
use inwren_domain::session::Principal;
use minijinja::context;
use poem::http::StatusCode;
use poem::{Request, RequestBody};
use uuid::Uuid;

use super::codes;
use super::start::{self, Start, Wrong};
use super::visitor::{Submitted, hidden, name_of, targets, user};
use crate::config::Operation;
use crate::http::factor::qr_svg;
use crate::http::provider_pages::{Answer, Destination, Flow, Outcome, Sheet, Visit, paths};
use crate::http::shared::body::FormFields;
use crate::http::shared::problem::Problem;
use crate::pages;

const START: Start =
    Start { section: "page.app", page: Destination::App, takes_name: true, needs_passkeys: false };

/// The longest code that is read.
const MAX_CODE_CHARS: usize = 64;

/// The page that begins the enrolment of an authenticator app.
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
    match form.get("action") {
        Some("show") => start::page(visit, flow.as_ref(), &START, None),
        Some("begin") => begin(visit, flow, &caller, &form).await,
        Some("confirm") => confirm(visit, flow, &caller, &form).await,
        _ => Ok(visit.malformed()?),
    }
}

async fn begin(visit: &mut Visit, flow: Option<Flow>, caller: &Principal, form: &FormFields) -> Outcome {
    let Ok(name) = name_of(form) else {
        return start::page(visit, flow.as_ref(), &START, Some(Wrong::NAME));
    };
    match enrol::begin_totp(visit.core(), caller, name, &visit.client).await {
        Ok(new) => {
            let asked = Asked { id: new.id, new: Some(&new), error: None };
            confirm_page(visit, flow.as_ref(), &asked)
        }
        Err(Failure::Refused(refusal)) => start::refused(visit, flow, caller, &START, refusal).await,
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}

/// The app that a code has to confirm.
struct Asked<'a> {
    id: FactorId,
    /// Its secret, which is shown once.
    new: Option<&'a NewTotp>,
    /// What is wrong with the code: the name of its text in the section `page.app`.
    error: Option<(StatusCode, &'static str)>,
}

fn confirm_page(visit: &mut Visit, flow: Option<&Flow>, asked: &Asked<'_>) -> Outcome {
    let hidden = hidden(visit, flow)?;
    let pages = visit.pages()?;
    let new = match asked.new {
        Some(new) => {
            let qr = qr_svg(new.uri.expose());
            let qr = qr.ok_or_else(|| Problem::internal("the key URI is too long for a QR code"))?;
            Some(context! {
                qr => pages::trusted(&qr),
                qr_label => pages.text("page.app.qr")?,
                uri => new.uri.expose(),
                uri_label => pages.text("page.app.open")?,
                secret => grouped(new.secret.expose()),
                secret_label => pages.text("page.app.secret")?,
                copy => pages.text("page.codes.copy")?,
                copied => pages.text("page.codes.copied")?,
            })
        }
        None => None,
    };
    let text = if asked.new.is_some() { "page.app.confirm_text" } else { "page.app.again_text" };
    let error = asked.error.map(|(_, name)| pages.text(&format!("page.app.{name}"))).transpose()?;
    let again = if asked.new.is_some() { None } else { Some(pages.text("page.app.again")?) };
    let values = context! {
        text => pages.text(text)?,
        new,
        action => pages.url(paths::APP),
        hidden,
        id => asked.id.as_uuid().to_string(),
        code_label => pages.text("page.app.code")?,
        code_hint => pages.text("page.app.code_hint")?,
        submit => pages.text("page.factor.submit")?,
        again,
    };
    let status = asked.error.map_or(StatusCode::OK, |(status, _)| status);
    let scripts: &[&str] = if asked.new.is_some() { &[pages::COPY_SCRIPT] } else { &[] };
    let targets = targets(flow);
    let sheet = Sheet { scripts, targets: &targets, ..Sheet::of("factor_app.html") };
    Ok(pages.page(status, &sheet, &pages.text("page.app.title")?, error.as_deref(), values)?)
}

/// Separates groups of four characters, for a person who types them.
fn grouped(secret: &str) -> String {
    let mut text = String::with_capacity(secret.len() + secret.len() / 4);
    for (place, digit) in secret.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

async fn confirm(visit: &mut Visit, flow: Option<Flow>, caller: &Principal, form: &FormFields) -> Outcome {
    let id = form.get("id").and_then(|id| Uuid::try_parse(id).ok()).map(FactorId::from_uuid);
    let Some(id) = id else { return Ok(visit.malformed()?) };
    let asked = |status, text| Asked { id, new: None, error: Some((status, text)) };
    let typed = form.get("code").filter(|code| code.chars().count() <= MAX_CODE_CHARS);
    let Some(code) = typed.and_then(|code| Code::parse(code).ok()) else {
        let asked = asked(StatusCode::UNPROCESSABLE_ENTITY, "invalid_code");
        return confirm_page(visit, flow.as_ref(), &asked);
    };
    match enrol::confirm_totp(visit.core(), caller, id, &code, &visit.client).await {
        Ok(enrolled) => codes::enrolled(visit, flow, enrolled).await,
        Err(Failure::Refused(enrol::Refusal::WrongCode)) => {
            confirm_page(visit, flow.as_ref(), &asked(StatusCode::FORBIDDEN, "wrong_code"))
        }
        Err(Failure::Refused(refusal)) => start::refused(visit, flow, caller, &START, refusal).await,
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_shown_in_groups() {
        assert_eq!(grouped("GEZDGNBVGY3TQOJQ"), "GEZD GNBV GY3T QOJQ");
        assert_eq!(grouped("ABCDE"), "ABCD E");
        assert_eq!(grouped(""), "");
    }
}
