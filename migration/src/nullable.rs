use sea_orm_migration::prelude::{ConnectionTrait, DbErr, SchemaManager};
use sea_orm_migration::sea_orm::{DbBackend, Statement};

/// A column, with the type in its SQLite declaration.
pub(crate) struct Column {
    pub(crate) table: &'static str,
    pub(crate) name: &'static str,
    pub(crate) sqlite_type: &'static str,
}

impl Column {
    /// Allows NULL. No row is written.
    pub(crate) async fn allow_null(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let (with, without) = self.declarations();
        self.redeclare(manager, "DROP", &with, &without).await
    }

    /// Forbids NULL, which the column must not contain. No row is written.
    pub(crate) async fn forbid_null(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let (with, without) = self.declarations();
        self.redeclare(manager, "SET", &without, &with).await
    }

    fn declarations(&self) -> (String, String) {
        let without = format!("\"{}\" {}", self.name, self.sqlite_type);
        (format!("{without} NOT NULL"), without)
    }

    async fn redeclare(
        &self,
        manager: &SchemaManager<'_>,
        verb: &str,
        old: &str,
        new: &str,
    ) -> Result<(), DbErr> {
        let db = manager.get_connection();
        match db.get_database_backend() {
            DbBackend::Postgres => {
                let Self { table, name, .. } = self;
                let statement = format!("ALTER TABLE {table} ALTER COLUMN {name} {verb} NOT NULL");
                db.execute_unprepared(&statement).await?;
                Ok(())
            }
            DbBackend::Sqlite => self.redeclare_on_sqlite(db, old, new).await,
            other => Err(DbErr::Migration(format!("{other:?} is not supported"))),
        }
    }

    /// Edits the stored schema, because SQLite has no statement for it. SQLite documents this edit for changes that
    /// leave the rows as they are: <https://www.sqlite.org/lang_altertable.html#otheralter>.
    async fn redeclare_on_sqlite(
        &self,
        db: &(impl ConnectionTrait + ?Sized),
        old: &str,
        new: &str,
    ) -> Result<(), DbErr> {
        let version = Statement::from_string(DbBackend::Sqlite, "PRAGMA schema_version");
        let version = db.query_one_raw(version).await?;
        let version: i64 = version.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        db.execute_unprepared("PRAGMA writable_schema = ON").await?;
        let edit = Statement::from_sql_and_values(
            DbBackend::Sqlite,
            "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) \
             WHERE type = 'table' AND name = ? AND instr(sql, ?) > 0",
            [old.into(), new.into(), self.table.into(), old.into()],
        );
        let edited = db.execute_raw(edit).await?.rows_affected();
        if edited != 1 {
            return Err(DbErr::Migration(format!(
                "the column {}.{} is not as expected",
                self.table, self.name
            )));
        }
        db.execute_unprepared(&format!("PRAGMA schema_version = {}", version + 1)).await?;
        // Also makes this connection read the schema again.
        db.execute_unprepared("PRAGMA writable_schema = RESET").await?;
        Ok(())
    }
}
