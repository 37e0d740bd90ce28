use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Sessions {
    Table,
    LastIpAddress,
    LastUserAgent,
}

/// Adds the client that last used a session. Both columns are nullable and have no default, so no row is written: NULL
/// means the value at login.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column per statement.
        for column in [Sessions::LastIpAddress, Sessions::LastUserAgent] {
            let column = ColumnDef::new(column).text().null().take();
            manager.alter_table(Table::alter().table(Sessions::Table).add_column(column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [Sessions::LastUserAgent, Sessions::LastIpAddress] {
            manager.alter_table(Table::alter().table(Sessions::Table).drop_column(column).take()).await?;
        }
        Ok(())
    }
}
