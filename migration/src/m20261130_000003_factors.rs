use sea_orm_migration::prelude::*;

use crate::columns::time;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
    HighestAcr,
}

#[derive(DeriveIden)]
enum Sessions {
    Table,
    IsForEnrolment,
}

#[derive(DeriveIden)]
enum ActionTokens {
    Table,
    Purpose,
    ExpiresAt,
    WrongCodes,
}

#[derive(DeriveIden)]
enum AuditEvents {
    Table,
    Reason,
}

#[derive(DeriveIden)]
enum Factors {
    Table,
    Id,
    UserId,
    Kind,
    Name,
    CreatedAt,
    LastUsedAt,
    IsConfirmed,
    KeyId,
    SealedSecret,
    LastStep,
    CredentialId,
    PublicKey,
    Algorithm,
    SignCount,
    IsBackupEligible,
    IsBackedUp,
    VerifiesUser,
    UserHandle,
    Transports,
}

#[derive(DeriveIden)]
enum RecoveryCodes {
    Table,
    UserId,
    Digest,
}

#[derive(DeriveIden)]
enum FactorBudgets {
    Table,
    UserId,
    Budget,
    Taken,
    Since,
}

#[derive(DeriveIden)]
enum Challenges {
    Table,
    Id,
    Digest,
    Purpose,
    UserId,
    SessionId,
    CredentialVersion,
    UserHandle,
    AttemptsLeft,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum TrustedDevices {
    Table,
    Id,
    UserId,
    Digest,
    CredentialVersion,
    CreatedAt,
    ExpiresAt,
}

const KEEP_FACTORS: &str = "action_tokens_keep_factors_idx";

/// Adds second factors, recovery codes, budgets of wrong codes, challenges and trusted devices. Rows that an instance
/// of the previous release inserts get the defaults. No row is written.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column per statement.
        let highest_acr = ColumnDef::new(Users::HighestAcr).text().not_null().default("aal1").take();
        add(manager, Users::Table, highest_acr).await?;
        let is_for_enrolment =
            ColumnDef::new(Sessions::IsForEnrolment).boolean().not_null().default(false).take();
        add(manager, Sessions::Table, is_for_enrolment).await?;
        let wrong_codes =
            ColumnDef::new(ActionTokens::WrongCodes).small_integer().not_null().default(0).take();
        add(manager, ActionTokens::Table, wrong_codes).await?;
        add(manager, AuditEvents::Table, ColumnDef::new(AuditEvents::Reason).text().null().take()).await?;
        let tables = [
            factors(manager),
            recovery_codes(),
            factor_budgets(manager),
            challenges(manager),
            trusted_devices(manager),
        ];
        for table in tables {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        // Without the column they would become ordinary sessions.
        db.execute_unprepared("DELETE FROM sessions WHERE is_for_enrolment").await?;
        // Names that the previous release cannot read.
        db.execute_unprepared(
            "UPDATE sessions SET revoked_reason = 'revoked_by_admin' WHERE revoked_reason = 'factors_changed'",
        )
        .await?;
        db.execute_unprepared("DELETE FROM action_tokens WHERE purpose = 'keep_factors'").await?;
        manager.drop_table(Table::drop().table(TrustedDevices::Table).take()).await?;
        manager.drop_table(Table::drop().table(Challenges::Table).take()).await?;
        manager.drop_table(Table::drop().table(FactorBudgets::Table).take()).await?;
        manager.drop_table(Table::drop().table(RecoveryCodes::Table).take()).await?;
        manager.drop_table(Table::drop().table(Factors::Table).take()).await?;
        let index = Index::drop().name(KEEP_FACTORS).table(ActionTokens::Table).to_owned();
        manager.drop_index(index).await?;
        remove(manager, AuditEvents::Table, AuditEvents::Reason).await?;
        remove(manager, ActionTokens::Table, ActionTokens::WrongCodes).await?;
        remove(manager, Sessions::Table, Sessions::IsForEnrolment).await?;
        remove(manager, Users::Table, Users::HighestAcr).await
    }
}

async fn add<T: Iden + 'static>(
    manager: &SchemaManager<'_>,
    table: T,
    column: ColumnDef,
) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table.into_iden()).add_column(column).take()).await
}

async fn remove<T: Iden + 'static>(manager: &SchemaManager<'_>, table: T, column: T) -> Result<(), DbErr> {
    let alter = Table::alter().table(table.into_iden()).drop_column(column.into_iden()).take();
    manager.alter_table(alter).await
}

/// Authenticator apps and passkeys. The columns of the other kind are NULL.
fn factors(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(Factors::Table)
        .col(ColumnDef::new(Factors::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Factors::UserId).uuid().not_null())
        .col(ColumnDef::new(Factors::Kind).text().not_null())
        .col(ColumnDef::new(Factors::Name).text().null())
        .col(time(manager, Factors::CreatedAt).not_null())
        .col(time(manager, Factors::LastUsedAt).null())
        .col(ColumnDef::new(Factors::IsConfirmed).boolean().not_null())
        .col(ColumnDef::new(Factors::KeyId).big_integer().null())
        .col(ColumnDef::new(Factors::SealedSecret).blob().null())
        .col(ColumnDef::new(Factors::LastStep).big_integer().null())
        .col(ColumnDef::new(Factors::CredentialId).blob().null())
        .col(ColumnDef::new(Factors::PublicKey).blob().null())
        .col(ColumnDef::new(Factors::Algorithm).integer().null())
        .col(ColumnDef::new(Factors::SignCount).big_integer().null())
        .col(ColumnDef::new(Factors::IsBackupEligible).boolean().null())
        .col(ColumnDef::new(Factors::IsBackedUp).boolean().null())
        .col(ColumnDef::new(Factors::VerifiesUser).boolean().null())
        .col(ColumnDef::new(Factors::UserHandle).binary_len(32).null())
        .col(ColumnDef::new(Factors::Transports).text().null())
        .foreign_key(&mut of_user("factors_user_id_fkey", Factors::Table, Factors::UserId))
        .take()
}

fn recovery_codes() -> TableCreateStatement {
    Table::create()
        .table(RecoveryCodes::Table)
        .col(ColumnDef::new(RecoveryCodes::UserId).uuid().not_null())
        .col(ColumnDef::new(RecoveryCodes::Digest).binary_len(32).not_null())
        .primary_key(Index::create().col(RecoveryCodes::UserId).col(RecoveryCodes::Digest))
        .foreign_key(&mut of_user("recovery_codes_user_id_fkey", RecoveryCodes::Table, RecoveryCodes::UserId))
        .take()
}

fn factor_budgets(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(FactorBudgets::Table)
        .col(ColumnDef::new(FactorBudgets::UserId).uuid().not_null())
        .col(ColumnDef::new(FactorBudgets::Budget).text().not_null())
        .col(ColumnDef::new(FactorBudgets::Taken).small_integer().not_null())
        .col(time(manager, FactorBudgets::Since).not_null())
        .primary_key(Index::create().col(FactorBudgets::UserId).col(FactorBudgets::Budget))
        .foreign_key(&mut of_user("factor_budgets_user_id_fkey", FactorBudgets::Table, FactorBudgets::UserId))
        .take()
}

fn challenges(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(Challenges::Table)
        .col(ColumnDef::new(Challenges::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Challenges::Digest).binary_len(32).not_null())
        .col(ColumnDef::new(Challenges::Purpose).text().not_null())
        .col(ColumnDef::new(Challenges::UserId).uuid().null())
        .col(ColumnDef::new(Challenges::SessionId).uuid().null())
        .col(ColumnDef::new(Challenges::CredentialVersion).big_integer().not_null())
        .col(ColumnDef::new(Challenges::UserHandle).binary_len(32).null())
        .col(ColumnDef::new(Challenges::AttemptsLeft).small_integer().not_null())
        .col(time(manager, Challenges::ExpiresAt).not_null())
        .foreign_key(&mut of_user("challenges_user_id_fkey", Challenges::Table, Challenges::UserId))
        .take()
}

fn trusted_devices(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(TrustedDevices::Table)
        .col(ColumnDef::new(TrustedDevices::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(TrustedDevices::UserId).uuid().not_null())
        .col(ColumnDef::new(TrustedDevices::Digest).binary_len(32).not_null())
        .col(ColumnDef::new(TrustedDevices::CredentialVersion).big_integer().not_null())
        .col(time(manager, TrustedDevices::CreatedAt).not_null())
        .col(time(manager, TrustedDevices::ExpiresAt).not_null())
        .foreign_key(&mut of_user(
            "trusted_devices_user_id_fkey",
            TrustedDevices::Table,
            TrustedDevices::UserId,
        ))
        .take()
}

/// A user has few of these rows, so the deletion of the user can delete them.
fn of_user<T: Iden + 'static>(name: &str, table: T, user_id: T) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(name)
        .from(table.into_iden(), user_id.into_iden())
        .to(Users::Table, Users::Id)
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

/// The primary keys of recovery codes and budgets begin with the user, so these need no other index.
fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &str| Index::create().name(name).take();
    vec![
        // Only these tokens are acted upon when they expire.
        index(KEEP_FACTORS)
            .table(ActionTokens::Table)
            .col(ActionTokens::ExpiresAt)
            .and_where(Expr::col(ActionTokens::Purpose).eq("keep_factors"))
            .take(),
        index("factors_user_id_idx")
            .table(Factors::Table)
            .col(Factors::UserId)
            .col(Factors::CreatedAt)
            .col(Factors::Id)
            .take(),
        index("factors_credential_id_key").table(Factors::Table).col(Factors::CredentialId).unique().take(),
        index("factors_key_id_idx")
            .table(Factors::Table)
            .col(Factors::KeyId)
            .and_where(Expr::col(Factors::KeyId).is_not_null())
            .take(),
        index("challenges_digest_key").table(Challenges::Table).col(Challenges::Digest).unique().take(),
        index("challenges_user_id_idx")
            .table(Challenges::Table)
            .col(Challenges::UserId)
            .and_where(Expr::col(Challenges::UserId).is_not_null())
            .take(),
        index("challenges_expires_at_idx").table(Challenges::Table).col(Challenges::ExpiresAt).take(),
        index("trusted_devices_digest_key")
            .table(TrustedDevices::Table)
            .col(TrustedDevices::Digest)
            .unique()
            .take(),
        index("trusted_devices_user_id_idx").table(TrustedDevices::Table).col(TrustedDevices::UserId).take(),
        index("trusted_devices_expires_at_idx")
            .table(TrustedDevices::Table)
            .col(TrustedDevices::ExpiresAt)
            .take(),
    ]
}
