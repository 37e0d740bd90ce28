use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::authn::{login, passkey_login, second_step};
use inwren_domain::credential::Password;
use inwren_domain::kernel::Email;
use poem::{Request, RequestBody};

use super::flow::Flow;
use super::interaction::Question;
use super::visit::{Outcome, Visit};
use super::{Answer, authorize, factor_page, logged_in, login_page, paths};
use crate::config::Operation;
use crate::http::authn::{LoggedIn, check_account, log_in, log_refusal};
use crate::http::shared::body::FormFields;
use crate::http::shared::problem::Kind;

/// The login that leads to the account pages.
pub(super) async fn show(request: Request) -> Answer {
    let (mut visit, _) = Visit::of(request).await?;
    let outcome = shown(&mut visit).await;
    visit.finish(outcome)
}

async fn shown(visit: &mut Visit) -> Outcome {
    visit.limit(Operation::Authorize).await?;
    if visit.caller().await?.is_some() {
        return visit.see_own(paths::GRANTS);
    }
    let flow = Flow::to_account(visit);
    login_page::page(visit, &flow, login_page::Shown::default())
}

/// Leads from a page that needs a form to the login.
pub(super) async fn redirect(request: Request) -> Answer {
    let (visit, _) = Visit::of(request).await?;
    let outcome = visit.see_own(paths::LOGIN);
    visit.finish(outcome)
}

/// The form was submitted.
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = submitted(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn submitted(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let form = visit.form(body, Operation::Login).await?;
    let action = form.get("action");
    let has_credential = form.get("credential").is_some();
    visit
        .limit(match action {
            Some("choose" | "other" | "continue") => Operation::Authorize,
            Some("passkey") => Operation::PasskeyOptions,
            _ if has_credential => Operation::PasskeyLogin,
            _ => Operation::Login,
        })
        .await?;
    let flow = Flow::open(visit, &form).await?;
    match action {
        Some("choose") => choose(visit, flow).await,
        Some("other") => login_page::page(visit, &flow, login_page::Shown::default()),
        Some("continue") => authorize::proceed(visit, flow, false).await,
        Some("passkey") => ask_passkey(visit, flow).await,
        _ if has_credential => by_passkey(visit, flow, &form).await,
        _ => by_password(visit, flow, &form).await,
    }
}

async fn choose(visit: &mut Visit, mut flow: Flow) -> Outcome {
    let user = visit.caller().await?.as_ref().map(login_page::asked);
    // The browser session may belong to another user by now.
    flow.interaction.has_chosen_account = user.is_some() && user == flow.interaction.asked;
    authorize::proceed(visit, flow, false).await
}

async fn by_password(visit: &mut Visit, flow: Flow, form: &FormFields) -> Outcome {
    let typed = form.get("email");
    let email = typed.and_then(|typed| Email::parse_for_lookup(typed).ok());
    let (Some(email), Some(password)) = (email, form.get("password")) else {
        return login_page::page(visit, &flow, login_page::Shown::refused(typed));
    };
    let state = Arc::clone(&visit.state);
    check_account(&state, &visit.slot(), &email, &visit.client).await?;
    let command = login::Command {
        email,
        password: Password::new(password),
        device_token: None,
        in_browser: true,
        client: visit.client.clone(),
    };
    match log_in(&state, command).await {
        Ok(LoggedIn::Started(started)) => logged_in::complete(visit, flow, *started).await,
        Ok(LoggedIn::NeedsFactor(needed)) => {
            let step = second_step::begin(&state.core, *needed).await?;
            factor_page::second_step_page(visit, flow, step)
        }
        Err(problem) if problem.kind == Kind::INVALID_CREDENTIALS => {
            login_page::page(visit, &flow, login_page::Shown::refused(typed))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Shows the page that asks for a passkey.
async fn ask_passkey(visit: &mut Visit, mut flow: Flow) -> Outcome {
    match passkey_login::options(visit.core()).await {
        Ok(request) => {
            let passkey = factor_page::options(request)?;
            flow.interaction.question = Some(Question { passkey: Some(passkey), ..Question::default() });
            factor_page::passkey_page(visit, &flow)
        }
        Err(Failure::Refused(passkey_login::NotRelyingParty)) => {
            login_page::page(visit, &flow, login_page::Shown::default())
        }
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}

async fn by_passkey(visit: &mut Visit, flow: Flow, form: &FormFields) -> Outcome {
    let Some(assertion) = form.get("credential").and_then(factor_page::assertion) else {
        return Ok(visit.malformed()?);
    };
    let result = passkey_login::execute(visit.core(), assertion, true, visit.client.clone()).await;
    visit.state.metrics.outcomes.logins.count((&result).into());
    match result {
        Ok(started) => logged_in::complete(visit, flow, started).await,
        Err(Failure::Refused(refusal)) => {
            log_refusal(&refusal, refusal.user());
            login_page::page(visit, &flow, login_page::Shown { email: None, error: Some("wrong_passkey") })
        }
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}
