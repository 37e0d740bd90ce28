use sea_orm_migration::prelude::*;

use crate::columns::{bytewise_text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
    EmailVerifiedAt,
    EmailUndeliverableAt,
    Locale,
}

#[derive(DeriveIden)]
enum ActionTokens {
    Table,
    Id,
    UserId,
    Purpose,
    Email,
    EmailNormalized,
    HashedToken,
    KeyId,
    CredentialVersion,
    SessionId,
    IpAddress,
    UserAgent,
    CreatedAt,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum PendingRegistrations {
    Table,
    Id,
    Email,
    EmailNormalized,
    HashedPassword,
    Tier,
    Locale,
    HashedToken,
    KeyId,
    CodeRound,
    AttemptsLeft,
    CodeExpiresAt,
    IpAddress,
    UserAgent,
    CreatedAt,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum Outbox {
    Table,
    Id,
    Kind,
    Recipient,
    RecipientNormalized,
    UserId,
    ActionTokenId,
    VerificationId,
    NewEmail,
    Locale,
    IpAddress,
    UserAgent,
    State,
    Attempts,
    NextAttemptAt,
    LastError,
    CreatedAt,
    ExpiresAt,
    Claim,
}

/// Adds letters: what is known of an address, tokens in links, registrations whose mailbox is not proven, and the outbox.
/// No row is written.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column per statement.
        let columns = [
            time(manager, Users::EmailVerifiedAt),
            time(manager, Users::EmailUndeliverableAt),
            ColumnDef::new(Users::Locale).text().take(),
        ];
        for mut column in columns {
            let alter = Table::alter().table(Users::Table).add_column(column.null()).take();
            manager.alter_table(alter).await?;
        }
        for table in [action_tokens(manager), pending_registrations(manager), outbox(manager)] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Outbox::Table).take()).await?;
        manager.drop_table(Table::drop().table(PendingRegistrations::Table).take()).await?;
        manager.drop_table(Table::drop().table(ActionTokens::Table).take()).await?;
        for column in [Users::Locale, Users::EmailUndeliverableAt, Users::EmailVerifiedAt] {
            manager.alter_table(Table::alter().table(Users::Table).drop_column(column).take()).await?;
        }
        Ok(())
    }
}

fn action_tokens(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(ActionTokens::Table)
        .col(ColumnDef::new(ActionTokens::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(ActionTokens::UserId).uuid().not_null())
        .col(ColumnDef::new(ActionTokens::Purpose).text().not_null())
        .col(ColumnDef::new(ActionTokens::Email).text().not_null())
        .col(bytewise_text(manager, ActionTokens::EmailNormalized).not_null())
        .col(ColumnDef::new(ActionTokens::HashedToken).binary_len(32).not_null())
        .col(ColumnDef::new(ActionTokens::KeyId).big_integer().not_null())
        .col(ColumnDef::new(ActionTokens::CredentialVersion).big_integer().not_null())
        .col(ColumnDef::new(ActionTokens::SessionId).uuid().null())
        .col(ColumnDef::new(ActionTokens::IpAddress).text().null())
        .col(ColumnDef::new(ActionTokens::UserAgent).text().null())
        .col(time(manager, ActionTokens::CreatedAt).not_null())
        .col(time(manager, ActionTokens::ExpiresAt).not_null())
        // A user has few tokens, so the deletion of the user can delete them.
        .foreign_key(
            ForeignKey::create()
                .name("action_tokens_user_id_fkey")
                .from(ActionTokens::Table, ActionTokens::UserId)
                .to(Users::Table, Users::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}

fn pending_registrations(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(PendingRegistrations::Table)
        .col(ColumnDef::new(PendingRegistrations::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(PendingRegistrations::Email).text().not_null())
        .col(bytewise_text(manager, PendingRegistrations::EmailNormalized).not_null())
        .col(ColumnDef::new(PendingRegistrations::HashedPassword).text().not_null())
        .col(ColumnDef::new(PendingRegistrations::Tier).text().not_null())
        .col(ColumnDef::new(PendingRegistrations::Locale).text().null())
        .col(ColumnDef::new(PendingRegistrations::HashedToken).binary_len(32).not_null())
        .col(ColumnDef::new(PendingRegistrations::KeyId).big_integer().not_null())
        .col(ColumnDef::new(PendingRegistrations::CodeRound).big_integer().not_null())
        .col(ColumnDef::new(PendingRegistrations::AttemptsLeft).small_integer().not_null())
        .col(time(manager, PendingRegistrations::CodeExpiresAt).not_null())
        .col(ColumnDef::new(PendingRegistrations::IpAddress).text().null())
        .col(ColumnDef::new(PendingRegistrations::UserAgent).text().null())
        .col(time(manager, PendingRegistrations::CreatedAt).not_null())
        .col(time(manager, PendingRegistrations::ExpiresAt).not_null())
        .take()
}

/// No foreign keys: a letter about a user who was deleted is dropped by the worker.
fn outbox(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(Outbox::Table)
        .col(ColumnDef::new(Outbox::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Outbox::Kind).text().not_null())
        .col(ColumnDef::new(Outbox::Recipient).text().not_null())
        .col(bytewise_text(manager, Outbox::RecipientNormalized).not_null())
        .col(ColumnDef::new(Outbox::UserId).uuid().null())
        .col(ColumnDef::new(Outbox::ActionTokenId).uuid().null())
        .col(ColumnDef::new(Outbox::VerificationId).uuid().null())
        .col(ColumnDef::new(Outbox::NewEmail).text().null())
        .col(ColumnDef::new(Outbox::Locale).text().null())
        .col(ColumnDef::new(Outbox::IpAddress).text().null())
        .col(ColumnDef::new(Outbox::UserAgent).text().null())
        .col(ColumnDef::new(Outbox::State).text().not_null())
        .col(ColumnDef::new(Outbox::Attempts).small_integer().not_null())
        .col(time(manager, Outbox::NextAttemptAt).not_null())
        .col(ColumnDef::new(Outbox::LastError).text().null())
        .col(time(manager, Outbox::CreatedAt).not_null())
        .col(time(manager, Outbox::ExpiresAt).not_null())
        .col(ColumnDef::new(Outbox::Claim).uuid().null())
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &str| Index::create().name(name).take();
    vec![
        index("action_tokens_user_id_idx").table(ActionTokens::Table).col(ActionTokens::UserId).take(),
        index("action_tokens_expires_at_idx").table(ActionTokens::Table).col(ActionTokens::ExpiresAt).take(),
        // Only undo tokens reserve an address.
        index("action_tokens_reserved_idx")
            .table(ActionTokens::Table)
            .col(ActionTokens::EmailNormalized)
            .and_where(Expr::col(ActionTokens::Purpose).eq("undo_email"))
            .take(),
        index("pending_registrations_email_idx")
            .table(PendingRegistrations::Table)
            .col(PendingRegistrations::EmailNormalized)
            .col(PendingRegistrations::CreatedAt)
            .col(PendingRegistrations::Id)
            .take(),
        index("pending_registrations_expires_at_idx")
            .table(PendingRegistrations::Table)
            .col(PendingRegistrations::ExpiresAt)
            .take(),
        index("outbox_state_next_attempt_at_idx")
            .table(Outbox::Table)
            .col(Outbox::State)
            .col(Outbox::NextAttemptAt)
            .col(Outbox::Id)
            .take(),
        index("outbox_created_at_idx").table(Outbox::Table).col(Outbox::CreatedAt).col(Outbox::Id).take(),
        index("outbox_state_created_at_idx")
            .table(Outbox::Table)
            .col(Outbox::State)
            .col(Outbox::CreatedAt)
            .col(Outbox::Id)
            .take(),
        index("outbox_user_id_idx")
            .table(Outbox::Table)
            .col(Outbox::UserId)
            .col(Outbox::Kind)
            .col(Outbox::CreatedAt)
            .and_where(Expr::col(Outbox::UserId).is_not_null())
            .take(),
        index("outbox_recipient_idx")
            .table(Outbox::Table)
            .col(Outbox::RecipientNormalized)
            .col(Outbox::Kind)
            .col(Outbox::CreatedAt)
            .take(),
    ]
}
