//! The statements that list users. How they are put together is said in `listing`.

use inwren_domain::model::{PageRequest, UserFilter};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Order, Query, SelectStatement, UnionType};
use sea_orm::{DbBackend, Iterable};

use super::entity::users::{Column, Entity};
use super::kind::Kind;
use super::prefix::Beginning;
use super::timestamp::Timestamp;

/// The users of the kinds that the filter takes in, newest first, from where the page begins.
///
/// A user is of exactly one [`Kind`], and each kind is read off an index in its order, with nobody to be skipped; what
/// several kinds have is merged, as far as anybody asks for it.
pub(super) struct ByAge<'a> {
    filter: &'a UserFilter,
    page: PageRequest,
    backend: DbBackend,
    beginning: Option<Beginning<'a>>,
}

impl<'a> ByAge<'a> {
    /// Those whose address begins so, of any tier; without a beginning those of the filter's tier, with any address.
    pub(super) fn new(
        filter: &'a UserFilter,
        page: PageRequest,
        backend: DbBackend,
        beginning: Option<Beginning<'a>>,
    ) -> Self {
        Self { filter, page, backend, beginning }
    }

    /// The first so many, all their columns.
    pub(super) fn first(&self, count: u64) -> SelectStatement {
        self.merged(&Column::iter().collect::<Vec<_>>(), count)
    }

    /// One row, if there are more than so many.
    pub(super) fn more_than(&self, count: u64) -> SelectStatement {
        let first = self.merged(&PLACE, count + 1);
        Query::select().expr(Expr::cust("1")).from_subquery(first, "listed").limit(1).offset(count).take()
    }

    /// Those among the first `walked` who have such an address and the tier, at most `count`. The walk ends with the last
    /// one.
    pub(super) fn walk(&self, with_address: Condition, walked: u64, count: u64) -> SelectStatement {
        let mut walk = all_columns();
        walk.from_subquery(self.first(walked), "walked").cond_where(with_address).limit(count);
        walk.and_where_option(self.tier());
        // SQLite would walk to the end before it sorted what is in order already. It has nothing that could disturb the
        // order: the walk is read as it comes.
        if self.backend != DbBackend::Sqlite {
            newest_first(&mut walk);
        }
        walk
    }

    /// All who have such an address, sorted; at most `count`.
    ///
    /// Only what they are found and sorted by is read of all of them; the other columns are read of those on the page. The
    /// limit that limits nothing keeps PostgreSQL from choosing to walk by age: that has been thought better of.
    pub(super) fn sorted(&self, with_address: Condition, count: u64) -> SelectStatement {
        let found = Query::select()
            .columns([Column::Id, Column::CreatedAt, Column::Tier, Column::IsActive, Column::IsSuperuser])
            .from(Entity)
            .cond_where(with_address)
            .limit(i64::MAX.cast_unsigned())
            .take();
        let mut page = Query::select();
        page.column(Column::Id).from_subquery(found, "found").cond_where(self.wanted()).limit(count);
        newest_first(&mut page);
        let mut sorted = all_columns();
        sorted.from(Entity).and_where(Expr::col(Column::Id).in_subquery(page));
        newest_first(&mut sorted);
        sorted
    }

    fn merged(&self, columns: &[Column], count: u64) -> SelectStatement {
        let kinds = Kind::all_of(self.filter.is_active, self.filter.is_superuser);
        let mut arms = kinds.map(|kind| self.of_kind(kind, columns, count));
        let mut merged = arms.next().unwrap_or_default();
        merged.unions(arms.map(|arm| (UnionType::All, arm)));
        newest_first(&mut merged);
        merged.limit(count);
        merged
    }

    /// SQLite merges what it can read in order by itself. PostgreSQL does so only where each part is a query of its own,
    /// with an order and a limit of its own.
    fn of_kind(&self, kind: Kind, columns: &[Column], count: u64) -> SelectStatement {
        let mut select = Query::select();
        select.columns(columns.iter().copied()).from(Entity);
        match self.beginning.map(Beginning::is_begun_with).or_else(|| self.tier()) {
            Some(in_common) => select.and_where(in_common).cond_where(kind.flags()),
            None => select.and_where(kind.is_kind()),
        };
        select.and_where_option(self.after());
        if self.backend == DbBackend::Sqlite {
            return select;
        }
        newest_first(&mut select);
        select.limit(count);
        Query::select().columns(columns.iter().copied()).from_subquery(select, "of_kind").take()
    }

    /// What the filter says of everything but the address, and where the page begins.
    fn wanted(&self) -> Condition {
        let UserFilter { is_active, is_superuser, .. } = self.filter;
        Condition::all()
            .add_option(self.tier())
            .add_option(is_active.map(|active| Expr::col(Column::IsActive).eq(active)))
            .add_option(is_superuser.map(|superuser| Expr::col(Column::IsSuperuser).eq(superuser)))
            .add_option(self.after())
    }

    fn tier(&self) -> Option<Expr> {
        self.filter.tier.as_ref().map(|tier| Expr::col(Column::Tier).eq(tier.as_str()))
    }

    fn after(&self) -> Option<Expr> {
        let after = self.page.after?;
        let place = [Expr::val(Timestamp(after.created_at)), Expr::val(after.id.as_uuid())];
        Some(Expr::tuple(PLACE.map(Expr::col)).lt(Expr::tuple(place)))
    }
}

/// One row, if more than so many have such an address. It looks at the index alone.
pub(super) fn more_with_address(with_address: Condition, count: u64) -> SelectStatement {
    Query::select()
        .expr(Expr::cust("1"))
        .from(Entity)
        .cond_where(with_address)
        // Or PostgreSQL would look for them in the table, where many are soon met with.
        .order_by(Column::EmailNormalized, Order::Asc)
        .limit(1)
        .offset(count)
        .take()
}

/// What a listing is ordered by.
const PLACE: [Column; 2] = [Column::CreatedAt, Column::Id];

fn all_columns() -> SelectStatement {
    Query::select().columns(Column::iter()).take()
}

fn newest_first(select: &mut SelectStatement) {
    for column in PLACE {
        select.order_by(column, Order::Desc);
    }
}
