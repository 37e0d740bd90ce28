//! SQL statements for sessions, except rotation.

use std::net::IpAddr;

use async_trait::async_trait;
use inwren_domain::account::User;
use inwren_domain::client::{ClientUid, Scope};
use inwren_domain::kernel::{
    AgeCursor, Email, Page, PageRequest, SessionId, StoreError, TokenDigest, UserId,
};
use inwren_domain::session::{
    REVOKED_AT_ONCE, Rekey, RevocationReason, Session, SessionKind, SessionReader, SessionRepository,
    SessionStart,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, QueryTrait, Set, UpdateMany,
};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::sessions::{ActiveModel, Column, Entity, Model, address_text};
use super::entity::users;
use super::keyset::older_than;
use super::session_eviction;
use super::sweep::sweep;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl SessionReader for SqlView {
    async fn with_user(&mut self, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
        self.session_lookup().session_with_user(id).await
    }

    async fn live_of(
        &mut self,
        user: UserId,
        now: OffsetDateTime,
        page: PageRequest<AgeCursor<SessionId>>,
    ) -> Result<Page<Session, AgeCursor<SessionId>>, StoreError> {
        let after = page
            .after
            .map(|after| older_than([Column::CreatedAt, Column::Id], (after.created_at, after.id.as_uuid())));
        let rows = Entity::find()
            .filter(live_sessions_of(user, now).add_option(after))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(u64::from(page.limit()) + 1)
            .all(self.connection())
            .await
            .map_err(store_error)?;
        let found = rows.into_iter().map(Session::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_one_more(found, page.limit(), AgeCursor::after))
    }

    async fn recent_addresses(&mut self, email: &Email, limit: u16) -> Result<Vec<IpAddr>, StoreError> {
        if let Some(found) =
            self.session_lookup().local_read(|readers| readers.recent_addresses(email, limit))
        {
            return Ok(found);
        }
        // The owner is a single value and the order that of the index, so the query reads no more rows than needed.
        let owner = users::Entity::find()
            .select_only()
            .column(users::Column::Id)
            .filter(users::Column::EmailNormalized.eq(email.normalized()));
        let owner = Expr::SubQuery(None, Box::new(owner.into_query().into()));
        let newest = Entity::find()
            .select_only()
            .column(Column::IpAddress)
            .filter(Expr::col(Column::UserId).eq(owner))
            .filter(Column::IpAddress.is_not_null())
            .order_by_desc(Column::CreatedAt)
            .limit(u64::from(limit));
        // The database removes duplicates, because transferring a row costs more than reading it there.
        let addresses = Query::select()
            .distinct()
            .column(Column::IpAddress)
            .from_subquery(newest.into_query(), "newest")
            .take();
        let rows = self.connection().query_all(&addresses).await.map_err(store_error)?;
        rows.iter().map(address).collect()
    }
}

fn address(row: &QueryResult) -> Result<IpAddr, StoreError> {
    let text: String = row.try_get_by_index(0).map_err(store_error)?;
    let unreadable = |_| StoreError::Inconsistent {
        table: "sessions",
        column: "ip_address",
        id: "one of the newest of a user".to_owned(),
    };
    text.parse().map_err(unreadable)
}

#[async_trait]
impl SessionRepository for SqlUnit {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        let insert = Entity::insert(Model::from(session).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn is_live(
        &mut self,
        id: SessionId,
        user: UserId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let live = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(live_sessions_of(user, now));
        let found = self.connection().query_one(&live.into_query()).await.map_err(store_error)?;
        Ok(found.is_some())
    }

    async fn rekey(&mut self, rekey: &Rekey) -> Result<bool, StoreError> {
        let rekeyed = ActiveModel {
            generation: Set(rekey.generation),
            rekeyed_generation: Set(rekey.generation),
            refresh_jti: Set(rekey.refresh_jti.as_str().to_owned()),
            hashed_refresh_token: Set(rekey.hashed_refresh_token.as_bytes().to_vec()),
            previous_hashed_refresh_token: Set(None),
            rotated_at: Set(Timestamp(rekey.at)),
            authenticated_at: Set(Timestamp(rekey.authenticated_at)),
            acr: Set(rekey.assurance.acr.as_str().to_owned()),
            amr: Set(rekey.assurance.amr.as_str().to_owned()),
            last_used_at: Set(Timestamp(rekey.at)),
            expires_at: Set(Timestamp(rekey.expires_at)),
            last_ip_address: Set(Some(address_text(&rekey.client))),
            last_user_agent: Set(Some(rekey.client.user_agent.clone().unwrap_or_default())),
            ..ActiveModel::default()
        };
        let update = Entity::update_many()
            .set(rekeyed)
            .filter(Column::Id.eq(rekey.session_id.as_uuid()))
            .filter(live_sessions_of(rekey.user_id, rekey.at));
        Ok(changed(self.connection(), update).await? == 1)
    }

    async fn touch(
        &mut self,
        id: SessionId,
        user: UserId,
        digest: &TokenDigest,
        at: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::val(Timestamp(at)))
            .col_expr(Column::ExpiresAt, Expr::val(Timestamp(expires_at)))
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::IsBrowser.eq(true))
            .filter(Column::HashedRefreshToken.eq(digest.as_bytes().to_vec()))
            .filter(live_sessions_of(user, at));
        Ok(changed(self.connection(), update).await? == 1)
    }

    async fn revoke(
        &mut self,
        id: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<Option<SessionKind>, StoreError> {
        let update =
            revocation(reason, at).filter(live_sessions_of(user, at)).filter(Column::Id.eq(id.as_uuid()));
        let revoked = update.exec_with_returning(self.connection()).await.map_err(store_error)?;
        revoked.first().map(Model::kind).transpose()
    }

    async fn revoke_of_browser(
        &mut self,
        browser: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let update = revocation(reason, at)
            .filter(unrevoked_sessions_of(user))
            .filter(Column::BrowserSessionId.eq(browser.as_uuid()))
            .filter(ends_with_browser());
        changed(self.connection(), update).await
    }

    async fn move_to_browser(
        &mut self,
        from: SessionId,
        to: SessionId,
        user: UserId,
    ) -> Result<u64, StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::BrowserSessionId, Expr::val(to.as_uuid()))
            .filter(Column::BrowserSessionId.eq(from.as_uuid()))
            .filter(Column::UserId.eq(user.as_uuid()));
        changed(self.connection(), update).await
    }

    async fn revoke_of_client(
        &mut self,
        client: ClientUid,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let update = revocation(reason, at)
            .filter(unrevoked_sessions_of(user))
            .filter(Column::ClientUid.eq(client.as_uuid()));
        changed(self.connection(), update).await
    }

    async fn revoke_all(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let newest = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(unrevoked_sessions_of(user))
            .filter(Condition::all().add_option(except.map(|kept| Column::Id.ne(kept.as_uuid()))))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(u64::from(REVOKED_AT_ONCE));
        let update = revocation(reason, at).filter(Column::Id.in_subquery(newest.into_query()));
        let revoked = changed(self.connection(), update).await?;
        if let Some(kept) = except {
            let moved = Entity::update_many()
                .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1))
                .filter(Column::Id.eq(kept.as_uuid()))
                .filter(unrevoked_sessions_of(user));
            changed(self.connection(), moved).await?;
        }
        // Ends all remaining sessions, however many there are.
        let ended = users::Entity::update_many()
            .col_expr(users::Column::SessionsEpoch, Expr::col(users::Column::SessionsEpoch).add(1))
            .filter(users::Column::Id.eq(user.as_uuid()));
        ended.exec(self.connection()).await.map_err(store_error)?;
        Ok(revoked)
    }

    async fn make_room(&mut self, start: &SessionStart, user: &User) -> Result<i64, StoreError> {
        session_eviction::make_room(self.connection(), start, user).await.map_err(store_error)
    }

    async fn sweep_ended(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        // `expires_at` is never after `max_expires_at`, so its index covers the end of both. The oldest rows are at the
        // start of an index.
        let ended = |end: Column, limit: u64| {
            Entity::find().filter(end.lt(Timestamp(before))).order_by_asc(end).limit(limit)
        };
        let limit = u64::from(limit);
        let expired = sweep(self.connection(), ended(Column::ExpiresAt, limit), Column::Id).await?;
        let left = limit.saturating_sub(expired);
        Ok(expired + sweep(self.connection(), ended(Column::RevokedAt, left), Column::Id).await?)
    }
}

/// Returns [`Session::is_live`] as a condition.
fn live_sessions_of(user: UserId, now: OffsetDateTime) -> Condition {
    unrevoked_sessions_of(user)
        .add(Column::ExpiresAt.gt(Timestamp(now)))
        .add(Column::MaxExpiresAt.gt(Timestamp(now)))
}

/// Returns [`Session::is_unrevoked`] as a condition. A partial index covers these sessions.
fn unrevoked_sessions_of(user: UserId) -> Condition {
    let epoch = Expr::SubQuery(None, Box::new(epoch_of(user).into()));
    Condition::all()
        .add(Column::UserId.eq(user.as_uuid()))
        .add(Expr::col(Column::Epoch).eq(epoch))
        .add(Column::RevokedAt.is_null())
}

/// Returns the opposite of [`is_offline`](inwren_domain::session::ClientGrant::is_offline) as a condition. `replace`
/// distinguishes case in both databases, unlike `LIKE`.
fn ends_with_browser() -> Expr {
    let name = Scope::OFFLINE_ACCESS;
    Expr::cust(format!("replace(' ' || scope || ' ', ' {name} ', '') = ' ' || scope || ' '"))
}

fn epoch_of(user: UserId) -> SelectStatement {
    let of_user = users::Entity::find()
        .select_only()
        .column(users::Column::SessionsEpoch)
        .filter(users::Column::Id.eq(user.as_uuid()));
    of_user.into_query()
}

/// Deletes the newest sessions of a user, as many as one call may delete. The user may be deleted already.
pub(super) async fn delete_some(connection: &impl ConnectionTrait, user: UserId) -> Result<(), StoreError> {
    let some = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::UserId.eq(user.as_uuid()))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(u64::from(REVOKED_AT_ONCE));
    let delete = Entity::delete_many().filter(Column::Id.in_subquery(some.into_query()));
    delete.exec(connection).await.map_err(store_error)?;
    Ok(())
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
