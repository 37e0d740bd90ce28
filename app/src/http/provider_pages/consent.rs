use inwren_domain::provider::ErrorCode;
use poem::{Request, RequestBody};

use super::flow::Flow;
use super::visit::{Outcome, Visit};
use super::{Answer, authorize, consent_page, response};
use crate::config::Operation;

/// The form was submitted.
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = submitted(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn submitted(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let form = visit.form(body, Operation::Authorize).await?;
    visit.limit(Operation::Authorize).await?;
    let flow = Flow::open(visit, &form).await?;
    match (form.get("action"), &flow.request) {
        (Some("deny"), Some(request)) => {
            visit.jar.forget_request();
            let text = "The user did not consent.";
            response::refused(visit, &request.return_address, ErrorCode::AccessDenied, text)
        }
        (Some("allow"), Some(_)) => {
            // The consent of another user does not count: the page is shown again.
            let user = visit.caller().await?.as_ref().map(consent_page::asked);
            let has_consented = user.is_some() && user == flow.interaction.asked;
            authorize::proceed(visit, flow, has_consented).await
        }
        _ => Ok(visit.malformed()?),
    }
}
