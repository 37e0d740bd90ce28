//! Sessions that are opened on PostgreSQL, where what costs are the round trips.

use std::sync::LazyLock;

use inwren_domain::ports::{Opening, OpeningOutcome, StoreError, UnitOfWork};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, IntoActiveModel, Statement};

use super::connection::Connection;
use super::entity::{audit_events, sessions, users};
use super::error::store_error;
use super::pool::Pool;
use super::rows_postgres::{insertion, values_of};
use super::unit::SqlUnit;

/// Opens each session by one statement. That a hash is renewed is rare enough for a unit of several.
pub(super) async fn open(pool: &Pool, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
    if opening.rehashed.is_some() {
        let mut unit = Box::new(SqlUnit::begin(pool).await?);
        let outcome = in_unit(&mut unit, opening).await?;
        unit.commit().await?;
        return Ok(outcome);
    }
    let session = sessions::Model::from(&opening.session).into_active_model();
    let event = audit_events::Model::from(&opening.event).into_active_model();
    let mut values = vec![opening.session.user_id.as_uuid().into(), opening.credential_version.into()];
    values.extend(values_of::<sessions::Entity>(&session));
    values.extend(values_of::<audit_events::Entity>(&event));
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, OPENING.as_str(), values);
    let row = Connection::on(pool.clone()).query_one_raw(statement).await.map_err(store_error)?;
    let Some(row) = row else { return Ok(OpeningOutcome::Overtaken) };
    let user = users::Model::from_query_result(&row, "").map_err(store_error)?;
    Ok(OpeningOutcome::Opened(user.into()))
}

/// Opens a session step by step.
async fn in_unit(unit: &mut SqlUnit, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
    let found = unit.users().lock(opening.session.user_id).await?;
    let Some(mut user) = found.filter(|user| opening.fits(user)) else {
        return Ok(OpeningOutcome::Overtaken);
    };
    if let Some(hash) = &opening.rehashed {
        unit.users().rehash(user.id, user.credential_version, hash).await?;
        user.hashed_password = hash.clone();
    }
    unit.sessions().insert(&opening.session).await?;
    unit.audit().record(&opening.event).await?;
    Ok(OpeningOutcome::Opened(user))
}

/// The user is locked as by a unit, and found again as the lock found it: [`Opening::fits`] is what stands in its condition.
/// The rows that depend on it are written only if it is there.
static OPENING: LazyLock<String> = LazyLock::new(|| {
    let mut next = 3;
    let session = insertion::<sessions::Entity>("sessions", "fitting", &mut next);
    let event = insertion::<audit_events::Entity>("audit_events", "fitting", &mut next);
    format!(
        "WITH fitting AS (SELECT * FROM users WHERE id = $1 AND is_active AND credential_version = $2 \
         FOR NO KEY UPDATE), session AS ({session}), event AS ({event}) SELECT * FROM fitting"
    )
});
