use sea_orm_migration::prelude::*;

use crate::backend::Backend;
use crate::columns::{bytewise_text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
}

#[derive(DeriveIden)]
enum Sessions {
    Table,
    UserId,
    IsBrowser,
    ClientUid,
    Scope,
    Resource,
    BrowserSessionId,
}

#[derive(DeriveIden)]
enum Outbox {
    Table,
    ClientUid,
    SessionId,
}

#[derive(DeriveIden)]
enum ServiceClients {
    Table,
    Id,
    Name,
    HashedSecret,
    CreatedAt,
    RevokedAt,
}

#[derive(DeriveIden)]
enum Clients {
    Table,
    Uid,
    ClientId,
    Name,
    Kind,
    RedirectUris,
    PostLogoutRedirectUris,
    Scopes,
    GrantTypes,
    AuthMethod,
    FirstParty,
    MinAcr,
    AllowedTiers,
    AccessMinutes,
    RefreshDays,
    BackchannelLogoutUri,
    Jwks,
    Resources,
    State,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum ClientSecrets {
    Table,
    Id,
    ClientUid,
    Digest,
    CreatedAt,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum ClientAssertions {
    Table,
    ClientUid,
    Digest,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum AuthorizationCodes {
    Table,
    Id,
    Digest,
    ClientUid,
    UserId,
    SessionId,
    BrowserSessionId,
    RedirectUri,
    CodeChallenge,
    Nonce,
    Scope,
    Resource,
    IdTokenClaims,
    AuthenticatedAt,
    Acr,
    Amr,
    CredentialVersion,
    AttemptsLeft,
    ExpiresAt,
    SpentAt,
}

#[derive(DeriveIden)]
enum Consents {
    Table,
    UserId,
    ClientUid,
    Scope,
    CreatedAt,
    UpdatedAt,
}

const BY_BROWSER: &str = "sessions_browser_session_id_idx";
const BY_CLIENT: &str = "sessions_user_id_client_uid_idx";

/// Adds applications, their authorization codes and consents, and the sessions of browsers and applications. Service
/// clients become clients: they keep their ids and secrets.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column per statement.
        let is_browser = ColumnDef::new(Sessions::IsBrowser).boolean().not_null().default(false).take();
        add(manager, Sessions::Table, is_browser).await?;
        add(manager, Sessions::Table, ColumnDef::new(Sessions::ClientUid).uuid().null().take()).await?;
        add(manager, Sessions::Table, ColumnDef::new(Sessions::Scope).text().null().take()).await?;
        add(manager, Sessions::Table, ColumnDef::new(Sessions::Resource).text().null().take()).await?;
        let browser = ColumnDef::new(Sessions::BrowserSessionId).uuid().null().take();
        add(manager, Sessions::Table, browser).await?;
        add(manager, Outbox::Table, ColumnDef::new(Outbox::ClientUid).uuid().null().take()).await?;
        add(manager, Outbox::Table, ColumnDef::new(Outbox::SessionId).uuid().null().take()).await?;
        let tables = [
            clients(manager),
            client_secrets(manager),
            client_assertions(manager),
            authorization_codes(manager),
            consents(manager),
        ];
        for table in tables {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        move_services(manager).await?;
        manager.drop_table(Table::drop().table(ServiceClients::Table).take()).await
    }

    /// Services that the previous release can authenticate become service clients again, whose `client_id` is the
    /// permanent id. The other clients are lost.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        // Without the columns they would become ordinary sessions.
        db.execute_unprepared("DELETE FROM sessions WHERE is_browser OR client_uid IS NOT NULL").await?;
        // Not known to the previous release.
        db.execute_unprepared("DELETE FROM outbox WHERE kind = 'backchannel_logout'").await?;
        manager.create_table(service_clients(manager)).await?;
        db.execute_unprepared(SERVICES_BACK).await?;
        manager.drop_table(Table::drop().table(Consents::Table).take()).await?;
        manager.drop_table(Table::drop().table(AuthorizationCodes::Table).take()).await?;
        manager.drop_table(Table::drop().table(ClientAssertions::Table).take()).await?;
        manager.drop_table(Table::drop().table(ClientSecrets::Table).take()).await?;
        manager.drop_table(Table::drop().table(Clients::Table).take()).await?;
        for index in [BY_BROWSER, BY_CLIENT] {
            manager.drop_index(Index::drop().name(index).table(Sessions::Table).to_owned()).await?;
        }
        remove(manager, Outbox::Table, Outbox::SessionId).await?;
        remove(manager, Outbox::Table, Outbox::ClientUid).await?;
        remove(manager, Sessions::Table, Sessions::BrowserSessionId).await?;
        remove(manager, Sessions::Table, Sessions::Resource).await?;
        remove(manager, Sessions::Table, Sessions::Scope).await?;
        remove(manager, Sessions::Table, Sessions::ClientUid).await?;
        remove(manager, Sessions::Table, Sessions::IsBrowser).await
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

/// Moves service clients and their secrets. The `client_id` becomes the text of the id, which it was before.
async fn move_services(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let client_id = match Backend::of(db) {
        Backend::Postgres => "id::text",
        // SQLite has the 16 bytes.
        Backend::Sqlite => {
            "lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) \
             || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21))"
        }
    };
    let services = format!(
        "INSERT INTO clients (uid, client_id, name, kind, redirect_uris, post_logout_redirect_uris, scopes, \
         grant_types, auth_method, first_party, min_acr, allowed_tiers, access_minutes, refresh_days, resources, \
         state, created_at, updated_at) \
         SELECT id, {client_id}, name, 'service', '', '', '', 'client_credentials', 'client_secret_basic', FALSE, \
         'aal1', '', 30, 7, '', CASE WHEN revoked_at IS NULL THEN 'active' ELSE 'disabled' END, created_at, \
         COALESCE(revoked_at, created_at) FROM service_clients"
    );
    db.execute_unprepared(&services).await?;
    // The first secret of a client gets the id of the client.
    db.execute_unprepared(
        "INSERT INTO client_secrets (id, client_uid, digest, created_at) \
         SELECT id, id, hashed_secret, created_at FROM service_clients",
    )
    .await?;
    Ok(())
}

/// Each service with its newest secret. The previous release knows no secrets that expire, and no keys.
const SERVICES_BACK: &str = "INSERT INTO service_clients (id, name, hashed_secret, created_at, revoked_at) \
    SELECT c.uid, c.name, s.digest, c.created_at, CASE WHEN c.state <> 'active' THEN c.updated_at END \
    FROM clients AS c JOIN client_secrets AS s ON s.client_uid = c.uid \
    WHERE c.kind = 'service' AND c.auth_method IN ('client_secret_basic', 'client_secret_post') \
    AND s.expires_at IS NULL AND NOT EXISTS (SELECT 1 FROM client_secrets AS newer \
    WHERE newer.client_uid = s.client_uid AND newer.expires_at IS NULL \
    AND (newer.created_at, newer.id) > (s.created_at, s.id))";

/// The table of the previous release.
fn service_clients(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(ServiceClients::Table)
        .col(ColumnDef::new(ServiceClients::Id).uuid().not_null().primary_key())
        .col(bytewise_text(manager, ServiceClients::Name).not_null().unique_key())
        .col(ColumnDef::new(ServiceClients::HashedSecret).blob().not_null())
        .col(time(manager, ServiceClients::CreatedAt).not_null())
        .col(time(manager, ServiceClients::RevokedAt).null())
        .take()
}

/// Lists are words separated by spaces.
fn clients(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(Clients::Table)
        .col(ColumnDef::new(Clients::Uid).uuid().not_null().primary_key())
        .col(bytewise_text(manager, Clients::ClientId).not_null())
        .col(bytewise_text(manager, Clients::Name).not_null())
        .col(ColumnDef::new(Clients::Kind).text().not_null())
        .col(ColumnDef::new(Clients::RedirectUris).text().not_null())
        .col(ColumnDef::new(Clients::PostLogoutRedirectUris).text().not_null())
        .col(ColumnDef::new(Clients::Scopes).text().not_null())
        .col(ColumnDef::new(Clients::GrantTypes).text().not_null())
        .col(ColumnDef::new(Clients::AuthMethod).text().not_null())
        .col(ColumnDef::new(Clients::FirstParty).boolean().not_null())
        .col(ColumnDef::new(Clients::MinAcr).text().not_null())
        .col(ColumnDef::new(Clients::AllowedTiers).text().not_null())
        .col(ColumnDef::new(Clients::AccessMinutes).small_integer().not_null())
        .col(ColumnDef::new(Clients::RefreshDays).small_integer().not_null())
        .col(ColumnDef::new(Clients::BackchannelLogoutUri).text().null())
        .col(ColumnDef::new(Clients::Jwks).text().null())
        .col(ColumnDef::new(Clients::Resources).text().not_null())
        .col(ColumnDef::new(Clients::State).text().not_null())
        .col(time(manager, Clients::CreatedAt).not_null())
        .col(time(manager, Clients::UpdatedAt).not_null())
        .take()
}

fn client_secrets(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(ClientSecrets::Table)
        .col(ColumnDef::new(ClientSecrets::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(ClientSecrets::ClientUid).uuid().not_null())
        .col(ColumnDef::new(ClientSecrets::Digest).binary_len(32).not_null())
        .col(time(manager, ClientSecrets::CreatedAt).not_null())
        .col(time(manager, ClientSecrets::ExpiresAt).null())
        .foreign_key(&mut of_client(
            "client_secrets_client_uid_fkey",
            ClientSecrets::Table,
            ClientSecrets::ClientUid,
        ))
        .take()
}

fn client_assertions(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(ClientAssertions::Table)
        .col(ColumnDef::new(ClientAssertions::ClientUid).uuid().not_null())
        .col(ColumnDef::new(ClientAssertions::Digest).binary_len(32).not_null())
        .col(time(manager, ClientAssertions::ExpiresAt).not_null())
        .primary_key(Index::create().col(ClientAssertions::ClientUid).col(ClientAssertions::Digest))
        .foreign_key(&mut of_client(
            "client_assertions_client_uid_fkey",
            ClientAssertions::Table,
            ClientAssertions::ClientUid,
        ))
        .take()
}

fn authorization_codes(manager: &SchemaManager<'_>) -> TableCreateStatement {
    use AuthorizationCodes as Code;
    Table::create()
        .table(Code::Table)
        .col(ColumnDef::new(Code::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Code::Digest).binary_len(32).not_null())
        .col(ColumnDef::new(Code::ClientUid).uuid().not_null())
        .col(ColumnDef::new(Code::UserId).uuid().not_null())
        .col(ColumnDef::new(Code::SessionId).uuid().not_null())
        .col(ColumnDef::new(Code::BrowserSessionId).uuid().not_null())
        .col(ColumnDef::new(Code::RedirectUri).text().not_null())
        .col(ColumnDef::new(Code::CodeChallenge).text().not_null())
        .col(ColumnDef::new(Code::Nonce).text().null())
        .col(ColumnDef::new(Code::Scope).text().not_null())
        .col(ColumnDef::new(Code::Resource).text().null())
        .col(ColumnDef::new(Code::IdTokenClaims).text().not_null())
        .col(time(manager, Code::AuthenticatedAt).not_null())
        .col(ColumnDef::new(Code::Acr).text().not_null())
        .col(ColumnDef::new(Code::Amr).text().not_null())
        .col(ColumnDef::new(Code::CredentialVersion).big_integer().not_null())
        .col(ColumnDef::new(Code::AttemptsLeft).small_integer().not_null())
        .col(time(manager, Code::ExpiresAt).not_null())
        .col(time(manager, Code::SpentAt).null())
        .foreign_key(&mut of_client("authorization_codes_client_uid_fkey", Code::Table, Code::ClientUid))
        .foreign_key(&mut of_user("authorization_codes_user_id_fkey", Code::Table, Code::UserId))
        .take()
}

fn consents(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table(Consents::Table)
        .col(ColumnDef::new(Consents::UserId).uuid().not_null())
        .col(ColumnDef::new(Consents::ClientUid).uuid().not_null())
        .col(ColumnDef::new(Consents::Scope).text().not_null())
        .col(time(manager, Consents::CreatedAt).not_null())
        .col(time(manager, Consents::UpdatedAt).not_null())
        .primary_key(Index::create().col(Consents::UserId).col(Consents::ClientUid))
        .foreign_key(&mut of_user("consents_user_id_fkey", Consents::Table, Consents::UserId))
        .foreign_key(&mut of_client("consents_client_uid_fkey", Consents::Table, Consents::ClientUid))
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

fn of_client<T: Iden + 'static>(name: &str, table: T, client_uid: T) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(name)
        .from(table.into_iden(), client_uid.into_iden())
        .to(Clients::Table, Clients::Uid)
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

/// The primary keys of consents and assertions begin with the user and the client, so these need no other index.
fn indexes() -> Vec<IndexCreateStatement> {
    use AuthorizationCodes as Code;
    let index = |name: &str| Index::create().name(name).take();
    vec![
        index("clients_client_id_key").table(Clients::Table).col(Clients::ClientId).unique().take(),
        index("clients_name_key").table(Clients::Table).col(Clients::Name).unique().take(),
        index("client_secrets_client_uid_idx")
            .table(ClientSecrets::Table)
            .col(ClientSecrets::ClientUid)
            .take(),
        index("client_assertions_expires_at_idx")
            .table(ClientAssertions::Table)
            .col(ClientAssertions::ExpiresAt)
            .take(),
        index("authorization_codes_digest_key").table(Code::Table).col(Code::Digest).unique().take(),
        index("authorization_codes_user_id_idx").table(Code::Table).col(Code::UserId).take(),
        index("authorization_codes_client_uid_idx").table(Code::Table).col(Code::ClientUid).take(),
        index("authorization_codes_expires_at_idx").table(Code::Table).col(Code::ExpiresAt).take(),
        index("consents_client_uid_idx").table(Consents::Table).col(Consents::ClientUid).take(),
        // Only sessions of applications have these columns.
        index(BY_BROWSER)
            .table(Sessions::Table)
            .col(Sessions::BrowserSessionId)
            .and_where(Expr::col(Sessions::BrowserSessionId).is_not_null())
            .take(),
        index(BY_CLIENT)
            .table(Sessions::Table)
            .col(Sessions::UserId)
            .col(Sessions::ClientUid)
            .and_where(Expr::col(Sessions::ClientUid).is_not_null())
            .take(),
    ]
}
