//! Keyset pagination.

use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Expr, ExprTrait};
use time::OffsetDateTime;
use uuid::Uuid;

use super::connection::timestamp::Timestamp;

/// Returns the condition that a row follows the one with this time and id in a list with the newest first.
pub(super) fn older_than<C: ColumnTrait>([time, id]: [C; 2], last: (OffsetDateTime, Uuid)) -> Expr {
    let last = [Expr::val(Timestamp(last.0)), Expr::val(last.1)];
    Expr::tuple([time, id].map(Expr::col)).lt(Expr::tuple(last))
}
