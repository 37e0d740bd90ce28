use std::collections::BTreeMap;

use inwren_domain::audit::AuditFilter;
use inwren_domain::kernel::{PageRequest, StoreError};
use inwren_domain::session::Session;
use inwren_domain::session::introspect::{self, Introspection};
use time::OffsetDateTime;

use super::account::{Event, View};
use super::call::{SessionNo, TokenNo};
use super::world::World;
use crate::fixtures::audit_events;

impl World {
    /// Reads the account from the store, and introspects all its tokens.
    pub(super) async fn look(&mut self) -> Result<View, String> {
        let seen = async {
            let (live, events) = (self.live().await?, self.events().await?);
            Ok(View { live, good: self.good().await?, events })
        };
        seen.await.map_err(|error: StoreError| self.told(&error.to_string()))
    }

    async fn live(&mut self) -> Result<BTreeMap<SessionNo, TokenNo>, StoreError> {
        let (core, now) = (&self.fakes.core, self.now());
        let all = PageRequest::new(PageRequest::MAX_LIMIT, None);
        let live = core.store.read().await?.sessions().live_of(self.user.id, now, all).await?;
        let number = |session: &Session| {
            let token = self.known.digested(core.verifier.as_ref(), session.hashed_refresh_token);
            // No client received this live token, so the model cannot know it.
            (session.id, token.unwrap_or(TokenNo::MAX))
        };
        let live: Vec<_> = live.items.iter().map(number).collect();
        Ok(live.into_iter().map(|(id, token)| (self.known.session(id), token)).collect())
    }

    async fn events(&mut self) -> Result<Vec<Event>, StoreError> {
        let own = AuditFilter { subject: Some(self.user.id.into()), ..AuditFilter::default() };
        let mut events: Vec<Event> = audit_events(&*self.fakes.core.store, &own)
            .await?
            .into_iter()
            .map(|event| {
                let session = event.session_id.map(|id| self.known.session(id));
                (event.kind.as_str(), session, event.occurred_at)
            })
            .collect();
        events.sort_unstable();
        Ok(events)
    }

    async fn good(&self) -> Result<BTreeMap<TokenNo, OffsetDateTime>, StoreError> {
        let mut good = BTreeMap::new();
        for token in 0..self.known.tokens() {
            match introspect::execute(&self.fakes.core, &self.known.text_of(token)).await? {
                Introspection::Access(claims, _) => good.insert(token, claims.expires_at),
                Introspection::Refresh(claims, _) => good.insert(token, claims.expires_at),
                Introspection::Inactive | Introspection::Client(_) => None,
            };
        }
        Ok(good)
    }
}
