use inwren_domain::Failure;
use inwren_domain::authn::Acr;
use inwren_domain::provider::authorize::{self, Next, Progress};
use inwren_domain::provider::{AuthorizationRequest, ErrorCode};
use inwren_domain::session::Principal;
use poem::{Request, RequestBody};

use super::flow::Flow;
use super::visit::{Outcome, Stop, Visit, see_other};
use super::{Answer, consent_page, enrol, factor_page, login_page, parameters, paths, response};
use crate::config::Operation;
use crate::http::shared::problem::Problem;

/// The most bytes of parameters that travel from page to page.
const MAX_BYTES: usize = 16 * 1_024;
/// The longest query to which a form is turned.
const MAX_QUERY: usize = 6 * 1_024;

/// An authorization request in the query.
pub(super) async fn show(request: Request) -> Answer {
    let (mut visit, _) = Visit::of(request).await?;
    let outcome = by_query(&mut visit).await;
    visit.finish(outcome)
}

async fn by_query(visit: &mut Visit) -> Outcome {
    visit.limit(Operation::Authorize).await?;
    match parameters::of_query(visit.query()) {
        Some(pairs) => start(visit, &pairs).await,
        None => Ok(visit.malformed()?),
    }
}

/// An authorization request in a form (OpenID Connect Core section 3.1.2.1).
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = by_form(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn by_form(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let form = visit.any_form(body, Operation::Authorize).await?;
    visit.limit(Operation::Authorize).await?;
    start(visit, form.pairs()).await
}

async fn start(visit: &mut Visit, pairs: &[(String, String)]) -> Outcome {
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_BYTES {
        return Ok(visit.malformed()?);
    }
    let flow = Flow::start(visit, pairs).await?;
    if visit.lacks_cookies() && visit.query().is_empty() {
        let known = parameters::known(pairs);
        let query = serde_urlencoded::to_string(known).map_err(Problem::internal)?;
        // A request by GET of this site brings the cookies, which browsers keep back from forms of other sites.
        if query.len() <= MAX_QUERY {
            return see_other(&format!("{}?{query}", visit.state.issuer.at(paths::AUTHORIZE)));
        }
    }
    proceed(visit, flow, false).await
}

/// Does what the request needs next: shows a page or responds to the application. An interaction without a request
/// leads to its account page.
pub(in crate::http) async fn proceed(visit: &mut Visit, flow: Flow, has_consented: bool) -> Outcome {
    let Flow { interaction, request } = flow;
    let Some(request) = request else { return visit.see_own(interaction.destination.path()) };
    let to = request.return_address.clone();
    let is_silent = request.prompt.none;
    let flow = Flow { interaction, request: None };
    match step(visit, flow, request, has_consented).await {
        Err(Stop::Problem(problem)) if is_silent => {
            let cause = problem.cause.as_deref().unwrap_or("unknown");
            tracing::error!(code = problem.kind.code, cause, "request failed");
            let text = "The service is not available at the moment.";
            response::refused(visit, &to, ErrorCode::TemporarilyUnavailable, text)
        }
        outcome => outcome,
    }
}

async fn step(visit: &mut Visit, flow: Flow, request: AuthorizationRequest, has_consented: bool) -> Outcome {
    let interaction = &flow.interaction;
    let (started_at, has_chosen_account) = (interaction.started_at(), interaction.has_chosen_account);
    let progress = Progress { started_at, has_chosen_account, has_consented };
    let mut caller = visit.caller().await?;
    let mut next = authorize::next(visit.core(), &request, caller.as_ref(), progress).await?;
    if let (Next::Grant, Some(user)) = (&next, &caller) {
        let granted = authorize::grant(visit.core(), &request, user, progress, &visit.client).await;
        match granted {
            Ok(code) => {
                visit.jar.forget_request();
                return response::granted(visit, &request.return_address, &code);
            }
            Err(Failure::Refused(authorize::ChangedMeanwhile)) => {
                caller = None;
                next = authorize::next(visit.core(), &request, None, progress).await?;
            }
            Err(Failure::Port(failure)) => return Err(failure.into()),
        }
    }
    let flow = Flow { request: Some(request), ..flow };
    show_next(visit, flow, caller.as_ref(), next).await
}

async fn show_next(visit: &mut Visit, flow: Flow, caller: Option<&Principal>, next: Next) -> Outcome {
    match (next, caller) {
        (Next::LogIn, _) => login_page::page(visit, &flow, login_page::Shown::default()),
        // The session began before the factor was enrolled, and shows it now.
        (Next::Enrol, Some(caller)) if caller.user().has_factor() => {
            factor_page::step_up_page(visit, flow, caller, Acr::Aal2).await
        }
        (Next::Enrol, _) => enrol::page(visit, &flow),
        (Next::Refuse(code, text), _) => match &flow.request {
            Some(request) => response::refused(visit, &request.return_address, code, text),
            None => Ok(visit.malformed()?),
        },
        (Next::ChooseAccount, Some(caller)) => login_page::chooser(visit, flow, caller),
        (Next::StepUp(acr), Some(caller)) => factor_page::step_up_page(visit, flow, caller, acr).await,
        (Next::Consent(scope), Some(caller)) => consent_page::page(visit, flow, caller, &scope),
        (Next::ChooseAccount | Next::StepUp(_) | Next::Consent(_) | Next::Grant, _) => {
            Err(Problem::internal("a step of an authorization request has no user").into())
        }
    }
}
