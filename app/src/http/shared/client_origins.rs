//! The origins of the applications of clients, whose scripts may use the endpoints of the provider.

use std::sync::{Arc, Mutex, PoisonError};

use inwren_domain::Core;
use inwren_domain::client::RedirectUri;
use inwren_domain::kernel::StoreError;
use time::{Duration, OffsetDateTime};

/// The origins of the redirect URIs of all active clients. This process keeps them for 5 seconds, so that requests with
/// an `Origin` cost one read of the store now and then.
#[derive(Default)]
pub struct ClientOrigins(Mutex<Option<Read>>);

/// The origins, and when they were read.
struct Read {
    at: OffsetDateTime,
    origins: Arc<[String]>,
}

/// How long the origins are kept.
const KEPT: Duration = Duration::seconds(5);
/// How long a request waits for them.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);

impl ClientOrigins {
    /// Returns whether a client has a redirect URI of this origin. If the store fails or is slow, no origin is known.
    pub(in crate::http) async fn contain(&self, core: &Core, origin: &str) -> bool {
        match tokio::time::timeout(TIMEOUT, self.current(core)).await {
            Ok(Ok(origins)) => origins.iter().any(|known| known == origin),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the origins of clients could not be read");
                false
            }
            Err(_) => {
                tracing::warn!("the origins of clients could not be read in time");
                false
            }
        }
    }

    async fn current(&self, core: &Core) -> Result<Arc<[String]>, StoreError> {
        let now = core.clock.now();
        if let Some(kept) = self.kept(now) {
            return Ok(kept);
        }
        let clients = core.store.read().await?.clients().all().await?;
        let active = clients.iter().filter(|client| client.is_active());
        let uris = active.flat_map(|client| &client.settings.redirect_uris);
        let origins: Arc<[String]> = uris.filter_map(RedirectUri::origin).collect();
        let read = Read { at: now, origins: Arc::clone(&origins) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        Ok(origins)
    }

    /// Returns the origins, unless they are too old. After a backward step of the clock they are, too.
    fn kept(&self, now: OffsetDateTime) -> Option<Arc<[String]>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |read: &&Read| (Duration::ZERO..KEPT).contains(&(now - read.at));
        kept.as_ref().filter(is_recent).map(|read| Arc::clone(&read.origins))
    }
}
