use inwren_domain::Failure;
use inwren_domain::authn::Answer as Shown;
use inwren_domain::authn::{factor_login, reauthenticate};
use inwren_domain::credential::Password;
use inwren_domain::factor::Code;
use inwren_domain::kernel::PlainToken;
use inwren_domain::session::Principal;
use poem::http::StatusCode;
use poem::{Request, RequestBody};

use super::flow::Flow;
use super::visit::{Outcome, Visit};
use super::{Answer, authorize, factor_page, logged_in, login_page};
use crate::config::Operation;
use crate::http::authn::{check_account, log_refusal};
use crate::http::shared::body::FormFields;

/// The longest code that is read.
const MAX_CODE_CHARS: usize = 64;

/// The form was submitted.
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = submitted(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn submitted(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let form = visit.form(body, Operation::FactorLogin).await?;
    match form.get("challenge") {
        Some(challenge) => {
            visit.limit(Operation::FactorLogin).await?;
            let flow = Flow::open(visit, &form).await?;
            log_in(visit, flow, challenge, &form).await
        }
        None => {
            visit.limit(Operation::Authorize).await?;
            let flow = Flow::open(visit, &form).await?;
            match visit.caller().await? {
                Some(caller) => stepped_up(visit, flow, &caller, &form).await,
                None => authorize::proceed(visit, flow, false).await,
            }
        }
    }
}

/// Reads the second factor in a form. `None` if it is malformed.
fn shown(form: &FormFields) -> Option<Shown> {
    if let Some(json) = form.get("credential") {
        return factor_page::assertion(json).map(|assertion| Shown::Passkey(Box::new(assertion)));
    }
    let code = form.get("code").filter(|code| code.chars().count() <= MAX_CODE_CHARS)?;
    Code::parse(code).ok().map(Shown::of)
}

async fn log_in(visit: &mut Visit, flow: Flow, challenge: &str, form: &FormFields) -> Outcome {
    let sought = factor_page::Sought {
        section: "page.factor",
        challenge: Some(challenge),
        ..factor_page::Sought::STEP_UP
    };
    let Some(answer) = shown(form) else {
        return factor_page::page(
            visit,
            &flow,
            &factor_page::Sought { error: Some(factor_page::MALFORMED), ..sought },
        );
    };
    let command = factor_login::Command {
        challenge: PlainToken::new(challenge.to_owned()),
        answer,
        remember_device: false,
        in_browser: true,
        client: visit.client.clone(),
    };
    let result = factor_login::execute(visit.core(), command).await;
    visit.state.metrics.outcomes.logins.count((&result).into());
    let refusal = match result {
        Ok(logged_in) => return logged_in::complete(visit, flow, logged_in.started).await,
        Err(Failure::Port(failure)) => return Err(failure.into()),
        Err(Failure::Refused(refusal)) => refusal,
    };
    log_refusal(&refusal, refusal.user());
    let (text, left) = match refusal {
        factor_login::Refusal::Wrong { attempts_left, .. } => ("wrong", attempts_left),
        factor_login::Refusal::Closed { attempts_left, .. } => ("closed", attempts_left),
        factor_login::Refusal::ChallengeOver => ("over", 0),
    };
    if left <= 0 {
        return login_page::page(visit, &flow, login_page::Shown { email: None, error: Some("over") });
    }
    factor_page::page(
        visit,
        &flow,
        &factor_page::Sought { error: Some((StatusCode::FORBIDDEN, text, left)), ..sought },
    )
}

async fn stepped_up(visit: &mut Visit, flow: Flow, caller: &Principal, form: &FormFields) -> Outcome {
    visit.limit_user(Operation::StepUp, caller).await?;
    let question = flow.interaction.question.as_ref();
    if question.is_some_and(|question| question.takes_password) {
        return stepped_up_by_password(visit, flow, caller, form).await;
    }
    let takes_code = question.is_some_and(|question| question.takes_code);
    let Some(answer) = shown(form) else {
        return factor_page::ask_again(visit, flow, caller, takes_code, Some(factor_page::MALFORMED)).await;
    };
    let command = reauthenticate::Command { password: None, answer: Some(answer) };
    let result = reauthenticate::execute(visit.core(), caller, command, &visit.client).await;
    let error = match result {
        Ok(started) => {
            visit.jar.start_session(started.token);
            return authorize::proceed(visit, flow, false).await;
        }
        Err(Failure::Port(failure)) => return Err(failure.into()),
        Err(Failure::Refused(refusal)) => match refusal {
            reauthenticate::Refusal::LoginNeeded | reauthenticate::Refusal::ChangedMeanwhile => {
                return authorize::proceed(visit, flow, false).await;
            }
            reauthenticate::Refusal::WrongFactor { attempts_left: Some(left) } => ("wrong", left),
            reauthenticate::Refusal::Closed => ("closed", 0),
            reauthenticate::Refusal::WrongFactor { attempts_left: None }
            | reauthenticate::Refusal::WrongPassword
            | reauthenticate::Refusal::Insufficient
            | reauthenticate::Refusal::ChallengeOver => ("wrong_passkey", 0),
        },
    };
    let error = Some((StatusCode::FORBIDDEN, error.0, error.1));
    factor_page::ask_again(visit, flow, caller, takes_code, error).await
}

/// A user without a second factor has sent the password. With a factor, a password would weaken the session.
async fn stepped_up_by_password(
    visit: &mut Visit,
    flow: Flow,
    caller: &Principal,
    form: &FormFields,
) -> Outcome {
    if caller.user().has_factor() {
        return authorize::proceed(visit, flow, false).await;
    }
    let wrong = |status: StatusCode| Some((status, "wrong_password", 0));
    let Some(password) = form.get("password") else {
        return factor_page::password_page(visit, flow, caller, wrong(StatusCode::UNPROCESSABLE_ENTITY));
    };
    check_account(&visit.state, &visit.slot(), &caller.user().email, &visit.client).await?;
    let command = reauthenticate::Command { password: Some(Password::new(password)), answer: None };
    let result = reauthenticate::execute(visit.core(), caller, command, &visit.client).await;
    match result {
        Ok(started) => {
            visit.jar.start_session(started.token);
            authorize::proceed(visit, flow, false).await
        }
        Err(Failure::Refused(reauthenticate::Refusal::WrongPassword)) => {
            // Not 422: a guess is no malformed request, whose allowance is given back.
            factor_page::password_page(visit, flow, caller, wrong(StatusCode::FORBIDDEN))
        }
        Err(Failure::Refused(_)) => authorize::proceed(visit, flow, false).await,
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}
