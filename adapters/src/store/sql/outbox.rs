//! SQL statements for the outbox.

use async_trait::async_trait;
use inwren_domain::kernel::{AgeCursor, Email, Page, PageRequest, StoreError, UserId};
use inwren_domain::outbox::{
    ClaimId, Delivery, Letter, LetterCursor, LetterId, LetterKind, LetterState, LogoutsOf, OutboxFigures,
    OutboxReader, OutboxRepository,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Statement, UpdateMany, Value,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::account::only;
use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::outbox::{Column, Entity, Model};
use super::entity::users;
use super::keyset::older_than;
use super::sweep::sweep;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl OutboxReader for SqlView {
    async fn page(
        &mut self,
        state: Option<LetterState>,
        page: PageRequest<LetterCursor>,
    ) -> Result<Page<Letter, LetterCursor>, StoreError> {
        let mut query = Entity::find();
        if let Some(state) = state {
            query = query.filter(Column::State.eq(state.as_str()));
        }
        if let Some(after) = page.after {
            let last = (after.created_at, after.id.as_uuid());
            query = query.filter(older_than([Column::CreatedAt, Column::Id], last));
        }
        let rows = query
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(u64::from(page.limit()) + 1)
            .all(self.connection())
            .await
            .map_err(store_error)?;
        let rows = Page::from_one_more(rows, page.limit(), |row: &Model| AgeCursor {
            created_at: row.created_at.0,
            id: LetterId::from_uuid(row.id),
        });
        Ok(Page { items: rows.items.into_iter().filter_map(letter).collect(), next: rows.next })
    }

    async fn was_delivered(
        &mut self,
        kind: LetterKind,
        recipient: &Email,
        since: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let found = Entity::find()
            .filter(Column::RecipientNormalized.eq(recipient.normalized()))
            .filter(Column::Kind.eq(kind.as_str()))
            .filter(Column::State.eq(LetterState::Delivered.as_str()))
            .filter(Column::CreatedAt.gt(Timestamp(since)))
            .one(self.connection());
        Ok(found.await.map_err(store_error)?.is_some())
    }

    async fn figures(&mut self) -> Result<OutboxFigures, StoreError> {
        let mut figures = OutboxFigures::default();
        // One statement for each state, so that an index serves it.
        for state in [LetterState::Pending, LetterState::Sending, LetterState::Dead] {
            for (kind, count, oldest) in self.counts(state).await? {
                let kind = LetterKind::from_name(&kind);
                let is_older = figures.oldest_waiting.is_none_or(|before| oldest.0 < before);
                if state.is_waiting() && kind.is_none_or(LetterKind::is_letter) && is_older {
                    figures.oldest_waiting = Some(oldest.0);
                }
                if let (Some(kind), Ok(count)) = (kind, u64::try_from(count)) {
                    figures.letters.push((kind, state, count));
                }
            }
        }
        Ok(figures)
    }
}

impl SqlView {
    /// The numbers of the letters in this state, by kind, with the time of the oldest one.
    async fn counts(&self, state: LetterState) -> Result<Vec<(String, i64, Timestamp)>, StoreError> {
        let query = Entity::find()
            .select_only()
            .column(Column::Kind)
            .column_as(Column::Id.count(), "letters")
            .column_as(Column::CreatedAt.min(), "oldest")
            .filter(Column::State.eq(state.as_str()))
            .group_by(Column::Kind);
        query.into_tuple().all(self.connection()).await.map_err(store_error)
    }
}

#[async_trait]
impl OutboxRepository for SqlUnit {
    async fn insert(&mut self, letter: &Letter) -> Result<(), StoreError> {
        let insert = Entity::insert(Model::from(letter).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn insert_once_since(
        &mut self,
        letter: &Letter,
        since: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let another = Entity::find()
            .filter(Column::UserId.eq(letter.user_id.map(UserId::as_uuid)))
            .filter(Column::Kind.eq(letter.kind.as_str()))
            .filter(Column::CreatedAt.gt(Timestamp(since)))
            .one(self.connection());
        if another.await.map_err(store_error)?.is_some() {
            return Ok(false);
        }
        OutboxRepository::insert(self, letter).await?;
        Ok(true)
    }

    async fn queue_logouts(
        &mut self,
        of: LogoutsOf,
        user: UserId,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let (condition, argument) = ended_sessions(of);
        let mut values: Vec<Value> =
            vec![Timestamp(at).into(), Timestamp(at + Letter::LOGOUT_LIFETIME).into(), user.as_uuid().into()];
        values.extend(argument.map(Value::from));
        let backend = self.connection().get_database_backend();
        let insert = Statement::from_sql_and_values(backend, logouts(&condition), values);
        Ok(self.connection().execute_raw(insert).await.map_err(store_error)?.rows_affected())
    }

    async fn claim(
        &mut self,
        claim: ClaimId,
        now: OffsetDateTime,
        until: OffsetDateTime,
        limit: u16,
        delivery: Delivery,
    ) -> Result<Vec<Letter>, StoreError> {
        // During an upgrade, a newer instance may write kinds that this one does not know.
        let kinds = LetterKind::ALL.iter().filter(|kind| delivery.includes(**kind));
        let kinds: Vec<&str> = kinds.map(|kind| kind.as_str()).collect();
        // The unit holds the rows that this query locks; on SQLite it holds the whole database.
        let mut due: Vec<(Timestamp, Uuid)> = Vec::new();
        // One statement for each state, so that an index has the order.
        for state in [LetterState::Pending, LetterState::Sending] {
            let of_state = Entity::find()
                .select_only()
                .column(Column::NextAttemptAt)
                .column(Column::Id)
                .filter(Column::State.eq(state.as_str()))
                .filter(Column::NextAttemptAt.lte(Timestamp(now)))
                .filter(Column::Kind.is_in(kinds.iter().copied()))
                .filter(Column::Attempts.lt(i16::MAX))
                .order_by_asc(Column::NextAttemptAt)
                .order_by_asc(Column::Id)
                .limit(u64::from(limit))
                .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
                .into_tuple::<(Timestamp, Uuid)>();
            due.extend(of_state.all(self.connection()).await.map_err(store_error)?);
        }
        due.sort_unstable_by_key(|(at, id)| (at.0, *id));
        due.truncate(limit.into());
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Entity::update_many()
            .filter(Column::Id.is_in(due.into_iter().map(|(_, id)| id)))
            .col_expr(Column::State, Expr::val(LetterState::Sending.as_str()))
            .col_expr(Column::Claim, Expr::val(claim.as_uuid()))
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i16))
            .col_expr(Column::NextAttemptAt, Expr::val(Timestamp(until)))
            .exec_with_returning(self.connection())
            .await
            .map_err(store_error)?;
        Ok(rows.into_iter().filter_map(letter).collect())
    }

    async fn prolong(
        &mut self,
        id: LetterId,
        claim: ClaimId,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let update = claimed(id, claim).col_expr(Column::NextAttemptAt, Expr::val(Timestamp(until)));
        self.updates_letter(update).await
    }

    async fn update(&mut self, letter: &Letter, claim: ClaimId) -> Result<bool, StoreError> {
        let row = Model::from(letter);
        let kept_claim = row.claim.filter(|_| letter.state == LetterState::Sending);
        let update = claimed(letter.id, claim)
            .col_expr(Column::Kind, Expr::val(row.kind))
            .col_expr(Column::Recipient, Expr::val(row.recipient))
            .col_expr(Column::RecipientNormalized, Expr::val(row.recipient_normalized))
            .col_expr(Column::UserId, Expr::val(row.user_id))
            .col_expr(Column::ActionTokenId, Expr::val(row.action_token_id))
            .col_expr(Column::VerificationId, Expr::val(row.verification_id))
            .col_expr(Column::Locale, Expr::val(row.locale))
            .col_expr(Column::State, Expr::val(row.state))
            .col_expr(Column::NextAttemptAt, Expr::val(row.next_attempt_at))
            .col_expr(Column::LastError, Expr::val(row.last_error))
            .col_expr(Column::ExpiresAt, Expr::val(row.expires_at))
            .col_expr(Column::Claim, Expr::val(kept_claim));
        self.updates_letter(update).await
    }

    async fn delete(&mut self, id: LetterId, claim: ClaimId) -> Result<bool, StoreError> {
        let delete = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::State.eq(LetterState::Sending.as_str()))
            .filter(Column::Claim.eq(claim.as_uuid()));
        Ok(delete.exec(self.connection()).await.map_err(store_error)?.rows_affected == 1)
    }

    async fn revive(
        &mut self,
        id: LetterId,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let update = Entity::update_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::State.eq(LetterState::Dead.as_str()))
            .col_expr(Column::State, Expr::val(LetterState::Pending.as_str()))
            .col_expr(Column::Attempts, Expr::val(0_i16))
            .col_expr(Column::NextAttemptAt, Expr::val(Timestamp(now)))
            .col_expr(Column::ExpiresAt, Expr::val(Timestamp(expires_at)));
        self.updates_letter(update).await
    }

    async fn mark_address(
        &mut self,
        user: UserId,
        address: &Email,
        undeliverable_at: Option<OffsetDateTime>,
    ) -> Result<(), StoreError> {
        use users::Column as User;
        let mut update = only(user)
            .filter(User::EmailNormalized.eq(address.normalized()))
            .col_expr(User::EmailUndeliverableAt, Expr::val(undeliverable_at.map(Timestamp)));
        if undeliverable_at.is_none() {
            // Most addresses are not marked: their rows are not written.
            update = update.filter(User::EmailUndeliverableAt.is_not_null());
        }
        update.exec(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let mut swept = 0;
        // One state after the other, so that an index has the order.
        for state in [LetterState::Delivered, LetterState::Dead] {
            let old = Entity::find()
                .filter(Column::State.eq(state.as_str()))
                .filter(Column::CreatedAt.lt(Timestamp(before)))
                .order_by_asc(Column::CreatedAt)
                .order_by_asc(Column::Id)
                .limit(u64::from(limit).saturating_sub(swept));
            swept += sweep(self.connection(), old, Column::Id).await?;
        }
        Ok(swept)
    }
}

impl SqlUnit {
    async fn updates_letter(&self, update: UpdateMany<Entity>) -> Result<bool, StoreError> {
        Ok(update.exec(self.connection()).await.map_err(store_error)?.rows_affected == 1)
    }
}

/// Returns the letter of a row. One that cannot be read is logged and left out, so that it does not hide the others or
/// keep them from being sent.
fn letter(row: Model) -> Option<Letter> {
    let id = row.id;
    Letter::try_from(row).inspect_err(|error| tracing::error!(%id, %error, "a letter cannot be read")).ok()
}

/// Adds a logout token for each session `s` of the user `$3` that meets the condition, at `$1`; it expires at `$2`. For
/// both databases: each parameter first appears in the order of its number.
fn logouts(condition: &str) -> String {
    let (kind, state) = (LetterKind::BackchannelLogout.as_str(), LetterState::Pending.as_str());
    format!(
        "INSERT INTO outbox (id, kind, recipient, recipient_normalized, user_id, state, attempts, next_attempt_at, \
         created_at, expires_at, client_uid, session_id) \
         SELECT s.id, '{kind}', u.email, u.email_normalized, u.id, '{state}', 0, $1, $1, $2, s.client_uid, s.id \
         FROM sessions AS s JOIN users AS u ON u.id = s.user_id JOIN clients AS c ON c.uid = s.client_uid \
         WHERE s.user_id = $3 AND c.backchannel_logout_uri IS NOT NULL AND {condition} \
         ON CONFLICT (id) DO NOTHING"
    )
}

/// The condition on the session `s` of the user `u`, and its argument `$4` if it has one.
fn ended_sessions(of: LogoutsOf) -> (String, Option<Uuid>) {
    const UNREVOKED: &str = "s.epoch = u.sessions_epoch AND s.revoked_at IS NULL";
    match of {
        LogoutsOf::Session(id) => ("s.id = $4".to_owned(), Some(id.as_uuid())),
        LogoutsOf::Browser(id) => (format!("s.browser_session_id = $4 AND {UNREVOKED}"), Some(id.as_uuid())),
        LogoutsOf::Client(uid) => (format!("s.client_uid = $4 AND {UNREVOKED}"), Some(uid.as_uuid())),
        LogoutsOf::User { except: Some(kept) } => {
            (format!("s.id <> $4 AND {UNREVOKED}"), Some(kept.as_uuid()))
        }
        LogoutsOf::User { except: None } => (UNREVOKED.to_owned(), None),
    }
}

/// The letter, if the claim still holds it.
fn claimed(id: LetterId, claim: ClaimId) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Id.eq(id.as_uuid()))
        .filter(Column::State.eq(LetterState::Sending.as_str()))
        .filter(Column::Claim.eq(claim.as_uuid()))
}
