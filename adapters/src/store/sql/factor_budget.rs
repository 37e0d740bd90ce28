//! SQL statements for the budgets of wrong codes. [`Spent::take`] defines what they do.

use inwren_domain::factor::{Budget, Spent};
use inwren_domain::kernel::{StoreError, UserId};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, InsertStatement, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult as _, IntoActiveModel, QueryFilter, QueryTrait,
};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::factor_budgets::{Column, Entity, Model};

/// Returns the budgets of the user.
pub(super) async fn of_user(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<Spent>, StoreError> {
    let rows = Entity::find().filter(Column::UserId.eq(user.as_uuid())).all(connection).await;
    rows.map_err(store_error)?.into_iter().map(Spent::try_from).collect()
}

/// Takes one code with one statement. The lock of the row orders concurrent callers: each sees the state that the
/// previous one left.
pub(super) async fn take(
    connection: &impl ConnectionTrait,
    user: UserId,
    budget: Budget,
    now: OffsetDateTime,
) -> Result<Option<Spent>, StoreError> {
    let taken = connection.query_one(&taking(user, budget, now)).await.map_err(store_error)?;
    let row = taken.map(|row| Model::from_query_result(&row, "").map_err(store_error)).transpose()?;
    row.map(Spent::try_from).transpose()
}

/// Inserts the first code of a period, or counts another one unless the budget is closed.
fn taking(user: UserId, budget: Budget, now: OffsetDateTime) -> InsertStatement {
    let first = Model {
        user_id: user.as_uuid(),
        budget: budget.as_str().to_owned(),
        taken: 1,
        since: Timestamp(now),
    };
    let (taken, since) = (Expr::col((Entity, Column::Taken)), Expr::col((Entity, Column::Since)));
    let began = Timestamp(now - Budget::PERIOD);
    let is_running = || since.clone().gt(began);
    let is_last = taken.clone().eq(budget.limit() - 1);
    let next_taken = CaseStatement::new().case(is_running(), taken.clone().add(1_i16)).finally(1_i16);
    let next_since =
        CaseStatement::new().case(is_running().and(is_last.not()), since.clone()).finally(Timestamp(now));
    let mut counting = OnConflict::columns([Column::UserId, Column::Budget]);
    counting
        .value(Column::Taken, next_taken)
        .value(Column::Since, next_since)
        .action_and_where(is_running().not().or(taken.lt(budget.limit())));
    let mut insert = Entity::insert(first.into_active_model()).into_query();
    insert.on_conflict(counting).returning_all();
    insert
}

/// Returns one code to the budget.
pub(super) async fn give_back(
    connection: &impl ConnectionTrait,
    user: UserId,
    budget: Budget,
) -> Result<(), StoreError> {
    let returned = Entity::update_many()
        .filter(Column::UserId.eq(user.as_uuid()))
        .filter(Column::Budget.eq(budget.as_str()))
        .filter(Column::Taken.gt(0_i16))
        .col_expr(Column::Taken, Expr::col(Column::Taken).sub(1_i16));
    returned.exec(connection).await.map_err(store_error)?;
    Ok(())
}
