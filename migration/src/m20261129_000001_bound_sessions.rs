use sea_orm_migration::prelude::*;

use crate::backend::Backend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    SessionsEpoch,
}

#[derive(DeriveIden)]
enum Sessions {
    Table,
    Epoch,
}

/// A user's unrevoked sessions, newest first. A list or a count reads no revoked rows, however many remain.
const UNREVOKED: &str = "CREATE INDEX sessions_unrevoked_idx ON sessions (user_id, epoch, created_at, id) \
    WHERE revoked_at IS NULL";

/// The foreign key that this migration drops: deleting a user must not have to delete any number of sessions at once.
/// Sessions without a user authenticate no one, and are swept.
const FOREIGN_KEY: &str = "FOREIGN KEY (\"user_id\") REFERENCES \"users\" (\"id\") ON DELETE CASCADE";
const WITHOUT_USER: &str =
    "DELETE FROM sessions WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id)";

/// Adds two columns with constant defaults, which rewrites neither table. Drops the foreign key from sessions to users.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let users = ColumnDef::new(Users::SessionsEpoch).big_integer().not_null().default(0).take();
        let sessions = ColumnDef::new(Sessions::Epoch).big_integer().not_null().default(0).take();
        manager.alter_table(Table::alter().table(Users::Table).add_column(users).take()).await?;
        manager.alter_table(Table::alter().table(Sessions::Table).add_column(sessions).take()).await?;
        let db = manager.get_connection();
        match Backend::of(db) {
            Backend::Sqlite => edit_table(db, &format!("replace(sql, ', {FOREIGN_KEY}', '')")).await?,
            Backend::Postgres => {
                db.execute_unprepared("ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey").await?;
            }
        }
        db.execute_unprepared(UNREVOKED).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP INDEX sessions_unrevoked_idx").await?;
        db.execute_unprepared(WITHOUT_USER).await?;
        // Sessions that ended by their epoch alone must not become live again.
        db.execute_unprepared(
            "DELETE FROM sessions WHERE epoch <> (SELECT sessions_epoch FROM users WHERE users.id = sessions.user_id)",
        )
        .await?;
        manager
            .alter_table(Table::alter().table(Sessions::Table).drop_column(Sessions::Epoch).take())
            .await?;
        manager
            .alter_table(Table::alter().table(Users::Table).drop_column(Users::SessionsEpoch).take())
            .await?;
        match Backend::of(db) {
            Backend::Sqlite => {
                edit_table(db, &format!("rtrim(rtrim(sql), ')') || ', {FOREIGN_KEY} )'")).await
            }
            Backend::Postgres => {
                let add = format!("ALTER TABLE sessions ADD CONSTRAINT sessions_user_id_fkey {FOREIGN_KEY}");
                db.execute_unprepared(&add).await.map(drop)
            }
        }
    }
}

/// Changes the definition of the table `sessions`, in a constraint only. SQLite has no statement for that, and
/// documents this edit (<https://sqlite.org/lang_altertable.html>, section 7): it touches no row, whereas a copy of the
/// table would write each.
async fn edit_table(db: &SchemaManagerConnection<'_>, definition: &str) -> Result<(), DbErr> {
    db.execute_unprepared("PRAGMA writable_schema = ON").await?;
    let edit =
        format!("UPDATE sqlite_schema SET sql = {definition} WHERE type = 'table' AND name = 'sessions'");
    db.execute_unprepared(&edit).await?;
    // Discards the schema that this connection has cached; the schema version makes other connections do the same.
    db.execute_unprepared("PRAGMA writable_schema = RESET").await?;
    Ok(())
}
