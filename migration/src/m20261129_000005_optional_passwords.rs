use sea_orm_migration::prelude::*;

use crate::nullable::Column;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const HASHED_PASSWORD: Column = Column { table: "users", name: "hashed_password", sqlite_type: "text" };

/// A hash that no password matches. Earlier releases stored it for a user without a password.
const NO_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(DeriveIden)]
enum Users {
    Table,
    HashedPassword,
}

/// Lets a user have no password: NULL replaces the placeholder hash.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        HASHED_PASSWORD.allow_null(manager).await?;
        let no_password = Expr::col(Users::HashedPassword).eq(NO_PASSWORD);
        rewrite(manager, Expr::cust("NULL"), no_password).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_null = Expr::col(Users::HashedPassword).is_null();
        rewrite(manager, Expr::value(NO_PASSWORD), is_null).await?;
        HASHED_PASSWORD.forbid_null(manager).await
    }
}

async fn rewrite(manager: &SchemaManager<'_>, value: SimpleExpr, rows: SimpleExpr) -> Result<(), DbErr> {
    let update =
        Query::update().table(Users::Table).value(Users::HashedPassword, value).and_where(rows).take();
    manager.execute(update).await
}
