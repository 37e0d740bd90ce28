//! Rotations on SQLite, where what costs is the wait for the disk at every commit.

use std::time::Duration;

use inwren_domain::ports::{Rotation, RotationOutcome, StoreError, UnitOfWork};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::batcher::Batcher;
use super::entity::sessions;
use super::error::store_error;
use super::pool::Pool;
use super::sessions::with_user;
use super::unit::SqlUnit;

/// Rotates for all who ask at the same time in one transaction. There is one writer, so there is one lane.
pub(super) struct Rotations(Batcher<Rotation, RotationOutcome>);

impl Rotations {
    /// Whoever asks waits for `max_wait` at most.
    pub(super) fn over(writer: Pool, max_wait: Duration) -> Self {
        Self(Batcher::start(1, max_wait, move |rotations| together(writer.clone(), rotations)))
    }

    pub(super) async fn rotate(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        self.0.ask(rotation.clone()).await
    }
}

async fn together(writer: Pool, rotations: Vec<Rotation>) -> Result<Vec<RotationOutcome>, StoreError> {
    let unit = Box::new(SqlUnit::begin(&writer).await?);
    let mut outcomes = Vec::with_capacity(rotations.len());
    for rotation in &rotations {
        outcomes.push(in_unit(&unit, rotation).await?);
    }
    unit.commit().await?;
    Ok(outcomes)
}

/// Nothing changes between the question and the answer: the unit is the only writer.
async fn in_unit(unit: &SqlUnit, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
    let Some((session, user)) = with_user(unit.connection(), rotation.session_id).await? else {
        return Ok(RotationOutcome::Unknown);
    };
    if let Some(refusal) = rotation.refusal(&session, &user) {
        return Ok(refusal);
    }
    let rotated = rotation.applied_to(&session);
    sessions::Entity::update_many()
        .set(sessions::Model::from(&rotated).into_active_model().reset_all())
        .filter(sessions::Column::Id.eq(rotated.id.as_uuid()))
        .exec(unit.connection())
        .await
        .map_err(store_error)?;
    Ok(RotationOutcome::Rotated(rotated, user))
}
