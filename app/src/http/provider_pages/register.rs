use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::account::{NotCreated, register};
use inwren_domain::authn::login::Command as Login;
use inwren_domain::credential::Password;
use inwren_domain::kernel::Email;
use minijinja::context;
use poem::http::StatusCode;
use poem::{Request, RequestBody};

use super::flow::Flow;
use super::render::Sheet;
use super::visit::{Outcome, Visit};
use super::{Answer, logged_in, login_page, paths};
use crate::config::Operation;
use crate::http::account::RegistrationApi;
use crate::http::account_pages::weak_password_text;
use crate::http::authn::{LoggedIn, log_in};
use crate::http::shared::body::FormFields;
use crate::http::shared::problem::Problem;

/// What is wrong with the form.
#[derive(Clone, Copy)]
struct Wrong {
    status: StatusCode,
    field: &'static str,
    /// The name of its text in the section `page.field`.
    text: &'static str,
}

impl Wrong {
    const EMAIL: Self = Self::invalid("email", "email");
    const TAKEN: Self = Self { status: StatusCode::CONFLICT, field: "email", text: "email_taken" };
    const NO_PASSWORD: Self = Self::invalid("password", "required");

    const fn invalid(field: &'static str, text: &'static str) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, field, text }
    }
}

/// A registration that leads to the account pages.
pub(super) async fn show(request: Request) -> Answer {
    let (mut visit, _) = Visit::of(request).await?;
    let outcome = shown(&mut visit).await;
    visit.finish(outcome)
}

async fn shown(visit: &mut Visit) -> Outcome {
    visit.limit(Operation::Authorize).await?;
    let flow = Flow::to_account(visit);
    page(visit, &flow, "", None)
}

/// The form. While registration is closed, the login takes its place.
fn page(visit: &mut Visit, flow: &Flow, email: &str, wrong: Option<Wrong>) -> Outcome {
    if !login_page::is_open(visit) {
        return visit.see_own(paths::LOGIN);
    }
    let interaction = flow.seal(visit)?;
    let pages = visit.pages()?;
    let values = context! {
        text => pages.text("page.register.text")?,
        action => pages.url(paths::REGISTER),
        interaction,
        email,
        email_label => pages.text("page.email")?,
        password_label => pages.text("page.login.password")?,
        password_hint => pages.text("page.new_password_hint")?,
        wrong_field => wrong.map(|wrong| wrong.field),
        submit => pages.text("page.register.submit")?,
        login => pages.url(paths::LOGIN),
        login_label => pages.text("page.register.login")?,
    };
    let error = wrong.map(|wrong| pages.text(&format!("page.field.{}", wrong.text))).transpose()?;
    let status = wrong.map_or(StatusCode::OK, |wrong| wrong.status);
    let targets = flow.targets();
    let sheet = Sheet { targets: &targets, ..Sheet::of("register.html") };
    Ok(pages.page(status, &sheet, &pages.text("page.register.title")?, error.as_deref(), values)?)
}

/// The form was submitted, or the login page leads here.
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = submitted(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn submitted(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let form = visit.form(body, Operation::Register).await?;
    let is_shown = form.get("action") == Some("show");
    visit.limit(if is_shown { Operation::Authorize } else { Operation::Register }).await?;
    let flow = Flow::open(visit, &form).await?;
    if is_shown { page(visit, &flow, "", None) } else { create(visit, flow, &form).await }
}

async fn create(visit: &mut Visit, flow: Flow, form: &FormFields) -> Outcome {
    let typed = form.get("email").unwrap_or_default();
    let Ok(email) = Email::parse(typed) else { return page(visit, &flow, typed, Some(Wrong::EMAIL)) };
    let Some(password) = form.get("password") else {
        return page(visit, &flow, typed, Some(Wrong::NO_PASSWORD));
    };
    let state = Arc::clone(&visit.state);
    let command = register::Command {
        email: email.clone(),
        password: Password::new(password),
        tier: None,
        locale: visit.language().cloned(),
        client: visit.client.clone(),
    };
    let api = RegistrationApi(Arc::clone(&state));
    let registered = api.register_within_limits(&visit.slot(), command).await;
    state.metrics.outcomes.registrations.count((&registered).into());
    match registered {
        Ok(register::Registered::User(_)) => {}
        Ok(register::Registered::Pending { .. }) => return pending(visit, &flow),
        Err(Failure::Refused(refusal)) => return refused(visit, &flow, typed, refusal),
        Err(Failure::Port(failure)) => return Err(failure.into()),
    }
    let command = Login {
        email,
        password: Password::new(password),
        device_token: None,
        in_browser: true,
        client: visit.client.clone(),
    };
    match log_in(&state, command).await? {
        LoggedIn::Started(started) => logged_in::complete(visit, flow, *started).await,
        LoggedIn::NeedsFactor(_) => login_page::page(visit, &flow, login_page::Shown::default()),
    }
}

fn refused(visit: &mut Visit, flow: &Flow, typed: &str, refusal: register::Refusal) -> Outcome {
    let wrong = match refusal {
        register::Refusal::NotCreated(NotCreated::EmailTaken) => Wrong::TAKEN,
        register::Refusal::NotCreated(NotCreated::WeakPassword(weak)) => {
            Wrong::invalid("password", weak_password_text(weak))
        }
        register::Refusal::MailNotConfigured => {
            return Err(Problem::internal("registration needs mail, which is not configured").into());
        }
        register::Refusal::Closed | register::Refusal::Tier(_) => return visit.see_own(paths::LOGIN),
    };
    page(visit, flow, typed, Some(wrong))
}

/// The page of a registration whose mailbox must be proven. The user then goes on with the login.
fn pending(visit: &mut Visit, flow: &Flow) -> Outcome {
    let interaction = flow.seal(visit)?;
    let pages = visit.pages()?;
    let values = context! {
        text => pages.text("page.register.pending_text")?,
        action => pages.url(paths::LOGIN),
        interaction,
        submit => pages.text("page.login.submit")?,
    };
    let targets = flow.targets();
    let sheet = Sheet { targets: &targets, ..Sheet::of("registered.html") };
    Ok(pages.page(StatusCode::OK, &sheet, &pages.text("page.register.pending_title")?, None, values)?)
}
