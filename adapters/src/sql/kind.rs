//! The four kinds of users.

use sea_orm::sea_query::{Condition, Expr, ExprTrait};

use super::entity::users::Column;

/// What a user is in two respects. Everybody is of exactly one kind.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) is_active: bool,
    pub(super) is_superuser: bool,
}

/// As the index `users_kind_created_at_idx` has it, to the letter.
const EXPRESSION: &str = "(CASE WHEN is_active THEN 2 ELSE 0 END + CASE WHEN is_superuser THEN 1 ELSE 0 END)";

impl Kind {
    pub(super) const ACTIVE_SUPERUSER: Self = Self { is_active: true, is_superuser: true };

    /// The kinds that are so; `None` is both.
    pub(super) fn all_of(is_active: Option<bool>, is_superuser: Option<bool>) -> impl Iterator<Item = Self> {
        let either = |wanted: Option<bool>| {
            [true, false].into_iter().filter(move |is| wanted.is_none_or(|wanted| wanted == *is))
        };
        either(is_active).flat_map(move |is_active| {
            either(is_superuser).map(move |is_superuser| Self { is_active, is_superuser })
        })
    }

    /// The condition that the indexes answer which have something else before the kind. The index of kinds does not answer it:
    /// a planner would take that one wherever it may, and pass over whoever has the kind but not the rest.
    pub(super) fn flags(self) -> Condition {
        Condition::all()
            .add(Expr::col(Column::IsActive).eq(self.is_active))
            .add(Expr::col(Column::IsSuperuser).eq(self.is_superuser))
    }

    /// The condition that the index of kinds answers.
    pub(super) fn is_kind(self) -> Expr {
        Expr::cust(EXPRESSION).eq(i32::from(self.is_active) * 2 + i32::from(self.is_superuser))
    }
}
