//! The statements on sessions, but for their rotation.

use std::net::IpAddr;

use async_trait::async_trait;
use inwren_domain::model::{Email, RevocationReason, Session, SessionId, User, UserId};
use inwren_domain::ports::{Rekey, SessionReader, SessionRepository, StoreError};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Set, UpdateMany,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::entity::Row;
use super::entity::sessions::{ActiveModel, Column, Entity, Model};
use super::entity::users;
use super::error::store_error;
use super::sweep::sweep;
use super::timestamp::Timestamp;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl SessionReader for SqlView {
    async fn with_user(&mut self, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
        self.lookups().session_with_user(id).await
    }

    async fn live_of(&mut self, user: UserId, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
        let rows = Entity::find()
            .filter(live_sessions_of(user, now))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .all(self.connection())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(Session::try_from).collect()
    }

    async fn recent_addresses(&mut self, email: &Email, limit: u16) -> Result<Vec<IpAddr>, StoreError> {
        let owner = users::Entity::find()
            .select_only()
            .column(users::Column::Id)
            .filter(users::Column::EmailNormalized.eq(email.normalized()));
        let rows: Vec<(Uuid, String)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::IpAddress])
            .filter(Column::UserId.in_subquery(owner.into_query()))
            .filter(Column::IpAddress.is_not_null())
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(u64::from(limit))
            .into_tuple()
            .all(self.connection())
            .await
            .map_err(store_error)?;
        let address = |(id, text): (Uuid, String)| Row { table: "sessions", id }.address(&text);
        rows.into_iter().map(address).collect()
    }
}

/// The session and its user, in one query.
pub(super) async fn with_user(
    connection: &impl ConnectionTrait,
    id: SessionId,
) -> Result<Option<(Session, User)>, StoreError> {
    let rows = Entity::find_by_id(id.as_uuid()).find_both_related(users::Entity).one(connection).await;
    rows.map_err(store_error)?.map(|(session, user)| Ok((session.try_into()?, user.try_into()?))).transpose()
}

#[async_trait]
impl SessionRepository for SqlUnit {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        let insert = Entity::insert(Model::from(session).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn rekey(&mut self, rekey: &Rekey) -> Result<bool, StoreError> {
        let rekeyed = ActiveModel {
            generation: Set(rekey.generation),
            rekeyed_generation: Set(rekey.generation),
            refresh_jti: Set(rekey.refresh_jti.as_str().to_owned()),
            hashed_refresh_token: Set(rekey.hashed_refresh_token.as_bytes().to_vec()),
            previous_hashed_refresh_token: Set(None),
            rotated_at: Set(Timestamp(rekey.at)),
            authenticated_at: Set(Timestamp(rekey.at)),
            last_used_at: Set(Timestamp(rekey.at)),
            expires_at: Set(Timestamp(rekey.expires_at)),
            ..ActiveModel::default()
        };
        let update = Entity::update_many()
            .set(rekeyed)
            .filter(Column::Id.eq(rekey.session_id.as_uuid()))
            .filter(live_sessions_of(rekey.user_id, rekey.at));
        Ok(changed(self.connection(), update).await? == 1)
    }

    async fn revoke(
        &mut self,
        id: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let update =
            revocation(reason, at).filter(live_sessions_of(user, at)).filter(Column::Id.eq(id.as_uuid()));
        Ok(changed(self.connection(), update).await? == 1)
    }

    async fn revoke_all(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let other = except.map(|kept| Column::Id.ne(kept.as_uuid()));
        let unrevoked = Condition::all()
            .add(Column::UserId.eq(user.as_uuid()))
            .add(Column::RevokedAt.is_null())
            .add_option(other);
        let update = revocation(reason, at).filter(unrevoked);
        changed(self.connection(), update).await
    }

    async fn sweep_ended(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        // `expires_at` is never after `max_expires_at`, so it tells the end of both.
        let ended = Entity::find()
            .filter(
                Condition::any()
                    .add(Column::ExpiresAt.lt(Timestamp(before)))
                    .add(Column::RevokedAt.lt(Timestamp(before))),
            )
            .limit(u64::from(limit));
        sweep(self.connection(), ended, Column::Id).await
    }
}

/// What [`Session::is_live`] says, as a condition.
fn live_sessions_of(user: UserId, now: OffsetDateTime) -> Condition {
    Condition::all()
        .add(Column::UserId.eq(user.as_uuid()))
        .add(Column::RevokedAt.is_null())
        .add(Column::ExpiresAt.gt(Timestamp(now)))
        .add(Column::MaxExpiresAt.gt(Timestamp(now)))
}

fn revocation(reason: RevocationReason, at: OffsetDateTime) -> UpdateMany<Entity> {
    let revoked = ActiveModel {
        revoked_at: Set(Some(Timestamp(at))),
        revoked_reason: Set(Some(reason.as_str().to_owned())),
        ..ActiveModel::default()
    };
    Entity::update_many().set(revoked)
}

async fn changed(connection: &impl ConnectionTrait, update: UpdateMany<Entity>) -> Result<u64, StoreError> {
    Ok(update.exec(connection).await.map_err(store_error)?.rows_affected)
}
