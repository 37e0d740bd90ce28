use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Sessions {
    Table,
    Acr,
    Amr,
}

/// Adds how a session's user authenticated. All earlier sessions started with a password. So do those that an instance
/// of the previous release starts, which get the defaults. No row is written.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column per statement.
        for (column, password) in [(Sessions::Acr, "aal1"), (Sessions::Amr, "pwd")] {
            let column = ColumnDef::new(column).text().not_null().default(password).take();
            manager.alter_table(Table::alter().table(Sessions::Table).add_column(column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [Sessions::Amr, Sessions::Acr] {
            manager.alter_table(Table::alter().table(Sessions::Table).drop_column(column).take()).await?;
        }
        Ok(())
    }
}
