use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use inwren_domain::model::User;
use inwren_domain::ports::{Opening, OpeningOutcome, StoreError};
use rusqlite::{Connection, params, params_from_iter};

use super::super::batcher::Batcher;
use super::super::entity::{audit_events, sessions, users};
use super::super::error::file_error;
use super::rows::{self, all, columns, event_values, insertion, session_values, statement};
use super::writer::Writer;

/// Opens sessions for all who ask at the same time in one transaction: what costs is the wait for the disk at every
/// commit.
pub(super) struct Openings(Batcher<Opening, OpeningOutcome>);

static USER: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<String> = columns::<users::Column>("u").collect();
    format!("SELECT {} FROM users AS u WHERE u.id = ?1", columns.join(", "))
});
static NEW_SESSION: LazyLock<String> = LazyLock::new(|| insertion::<sessions::Column>("sessions"));
static NEW_EVENT: LazyLock<String> = LazyLock::new(|| insertion::<audit_events::Column>("audit_events"));
const NEW_HASH: &str = "UPDATE users SET hashed_password = ?2 WHERE id = ?1";

impl Openings {
    /// Whoever asks waits for `max_wait` at most.
    pub(super) fn over(writer: Arc<Writer>, max_wait: Duration) -> io::Result<Self> {
        Batcher::start_thread("openings", max_wait, move |openings| together(Arc::clone(&writer), openings))
            .map(Self)
    }

    pub(super) async fn open(&self, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
        self.0.ask(opening.clone()).await
    }
}

async fn together(writer: Arc<Writer>, openings: Vec<Opening>) -> Result<Vec<OpeningOutcome>, StoreError> {
    let open_all =
        |connection: &Connection| openings.iter().map(|opening| open(connection, opening)).collect();
    writer.transaction(open_all).await
}

/// Nothing changes between the question and the answer: nobody else writes meanwhile.
fn open(connection: &Connection, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
    let id = opening.session.user_id.as_uuid();
    let id = id.as_bytes().as_slice();
    let found = all(connection, &USER, params![id], rows::user).map_err(file_error)?;
    let found = found.into_iter().next().map(User::try_from).transpose()?;
    let Some(mut user) = found.filter(|user| opening.fits(user)) else {
        return Ok(OpeningOutcome::Overtaken);
    };
    let write = || {
        if let Some(hash) = &opening.rehashed {
            statement(connection, NEW_HASH)?.execute(params![id, hash.expose()])?;
        }
        let session = params_from_iter(session_values(&opening.session));
        statement(connection, &NEW_SESSION)?.execute(session)?;
        let event = params_from_iter(event_values(audit_events::Model::from(&opening.event)));
        statement(connection, &NEW_EVENT)?.execute(event)
    };
    write().map_err(file_error)?;
    if let Some(hash) = &opening.rehashed {
        user.hashed_password = hash.clone();
    }
    Ok(OpeningOutcome::Opened(user))
}
