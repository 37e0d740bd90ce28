use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    IsActive,
    IsSuperuser,
    Tier,
    CreatedAt,
    Id,
}

#[derive(DeriveIden)]
enum Sessions {
    Table,
    UserId,
    CreatedAt,
    Id,
}

/// The kind of a user, one of four: active or not, superuser or not. It is one expression and not two columns, so that
/// the planner does not use this index for a listing by tier, which names the columns. Such a scan would skip all users
/// of other tiers, which may be nearly all users.
const KINDS: &str = "CREATE INDEX users_kind_created_at_idx ON users \
    ((CASE WHEN is_active THEN 2 ELSE 0 END + CASE WHEN is_superuser THEN 1 ELSE 0 END), created_at, id)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in BEFORE {
            manager.drop_index(Index::drop().name(name).table(table_of(name)).to_owned()).await?;
        }
        manager.get_connection().execute_unprepared(KINDS).await?;
        for index in after() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in AFTER {
            manager.drop_index(Index::drop().name(name).table(table_of(name)).to_owned()).await?;
        }
        for index in before() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

const BEFORE: [&str; 5] = [
    "users_created_at_idx",
    "users_tier_created_at_idx",
    "users_superusers_idx",
    "users_inactive_idx",
    "sessions_user_id_created_at_idx",
];

const AFTER: [&str; 3] =
    ["users_kind_created_at_idx", "users_tier_kind_created_at_idx", "sessions_user_id_created_at_id_idx"];

fn table_of(index: &str) -> TableRef {
    if index.starts_with("users") { Users::Table.into_table_ref() } else { Sessions::Table.into_table_ref() }
}

/// Every listing reads these in index order, whichever filters it has: a user is of exactly one kind, so a listing
/// reads one kind or merges a few.
fn after() -> [IndexCreateStatement; 2] {
    [
        Index::create()
            .name("users_tier_kind_created_at_idx")
            .table(Users::Table)
            .col(Users::Tier)
            .col(Users::IsActive)
            .col(Users::IsSuperuser)
            .col(Users::CreatedAt)
            .col(Users::Id)
            .take(),
        Index::create()
            .name("sessions_user_id_created_at_id_idx")
            .table(Sessions::Table)
            .col(Sessions::UserId)
            .col(Sessions::CreatedAt)
            .col(Sessions::Id)
            .take(),
    ]
}

fn before() -> [IndexCreateStatement; 5] {
    let newest = |name: &str| {
        Index::create().name(name).table(Users::Table).col(Users::CreatedAt).col(Users::Id).take()
    };
    [
        newest("users_created_at_idx"),
        Index::create()
            .name("users_tier_created_at_idx")
            .table(Users::Table)
            .col(Users::Tier)
            .col(Users::CreatedAt)
            .col(Users::Id)
            .take(),
        newest("users_superusers_idx").and_where(Expr::col(Users::IsSuperuser)).take(),
        newest("users_inactive_idx").and_where(Expr::col(Users::IsActive).not()).take(),
        Index::create()
            .name("sessions_user_id_created_at_idx")
            .table(Sessions::Table)
            .col(Sessions::UserId)
            .col(Sessions::CreatedAt)
            .take(),
    ]
}
