use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::provider::AuthorizationRequest;
use inwren_domain::provider::request::{self, Invalid};
use poem::http::StatusCode;

use super::interaction::{Destination, Interaction, SealFor};
use super::visit::{Outcome, Visit};
use super::{parameters, paths, response};
use crate::http::shared::body::FormFields;
use crate::http::shared::problem::Problem;

/// An interaction and its valid request.
pub(in crate::http) struct Flow {
    pub(in crate::http) interaction: Interaction,
    /// `None` for a login that leads to the account pages.
    pub(in crate::http) request: Option<AuthorizationRequest>,
}

impl Flow {
    /// Starts a login that leads to the account pages.
    pub(in crate::http) fn to_account(visit: &Visit) -> Self {
        Self::to_page(visit, Destination::default())
    }

    /// Starts an interaction that leads to an account page.
    pub(in crate::http) fn to_page(visit: &Visit, destination: Destination) -> Self {
        let mut interaction = Interaction::start(None, visit.now());
        interaction.destination = destination;
        Self { interaction, request: None }
    }

    /// Starts the interaction of an authorization request, if the request is valid.
    pub(in crate::http) async fn start(visit: &mut Visit, pairs: &[(String, String)]) -> Outcome<Self> {
        visit.prefer_language(parameters::value(pairs, "ui_locales"));
        let request = Some(validate(visit, pairs).await?);
        let interaction = Interaction::start(Some(parameters::known(pairs)), visit.now());
        Ok(Self { interaction, request })
    }

    /// Goes on with the interaction of a form. The request is validated again: its client may have changed.
    pub(in crate::http) async fn open(visit: &mut Visit, form: &FormFields) -> Outcome<Self> {
        let (field, cookie) = (form.get("interaction"), visit.jar.interaction());
        let keys = visit.core().keys.as_ref();
        let opened = field
            .zip(cookie)
            .and_then(|presented| Interaction::open(keys, SealFor::Interaction, presented, visit.now()));
        let Some(interaction) = opened else {
            let pages = visit.pages()?;
            let link = Some((pages.url(paths::LOGIN), "page.login.title"));
            return Err(pages.message(StatusCode::BAD_REQUEST, "expired", link)?.into());
        };
        let request = match &interaction.parameters {
            Some(pairs) => {
                visit.prefer_language(parameters::value(pairs, "ui_locales"));
                Some(validate(visit, pairs).await?)
            }
            None => None,
        };
        Ok(Self { interaction, request })
    }

    /// The signed field of the next form.
    pub(in crate::http) fn seal(&self, visit: &mut Visit) -> Result<String, Problem> {
        let entropy = Arc::clone(&visit.state.core.entropy);
        let cookie = visit.jar.interaction_or_new(entropy.as_ref())?;
        self.interaction.seal(visit.core().keys.as_ref(), SealFor::Interaction, &cookie)
    }

    /// Where forms of the page may lead: Chromium checks the redirects after a form, too.
    pub(in crate::http) fn targets(&self) -> Vec<String> {
        self.request.iter().map(|request| response::target(&request.return_address.redirect_uri)).collect()
    }

    /// The name of the application.
    pub(in crate::http) fn client_name(&self) -> Option<&str> {
        self.request.as_ref().map(|request| request.client.settings.name.as_str())
    }
}

async fn validate(visit: &Visit, pairs: &[(String, String)]) -> Outcome<AuthorizationRequest> {
    match request::validate(visit.core(), parameters::read(pairs), visit.now()).await {
        Ok(request) => Ok(request),
        Err(Failure::Refused(Invalid::Unreturnable(reason))) => {
            Err(response::unreturnable(visit, reason)?.into())
        }
        Err(Failure::Refused(Invalid::Returned(address, code, text))) => {
            Err(response::refused(visit, &address, code, text)?.into())
        }
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}
