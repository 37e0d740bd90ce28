use inwren_domain::session::{Started, replace_browser};

use super::authorize;
use super::flow::Flow;
use super::visit::{Outcome, Visit};
use crate::http::shared::problem::Problem;

/// Goes on after a login. The new session replaces the one that the browser had.
pub(super) async fn complete(visit: &mut Visit, mut flow: Flow, started: Started) -> Outcome {
    let former = visit.caller().await?;
    visit.jar.start_session(started.token.clone());
    if let Some(former) = &former {
        let replaced = replace_browser(visit.core(), former, &started.session, &visit.client).await;
        replaced.map_err(Problem::from)?;
    }
    flow.interaction.question = None;
    authorize::proceed(visit, flow, false).await
}
