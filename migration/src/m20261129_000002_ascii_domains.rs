use std::collections::HashMap;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::QueryResult;
use sea_orm_migration::sea_orm::prelude::Uuid;
use unicode_normalization::UnicodeNormalization;

use crate::backend::Backend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(Clone, Copy, DeriveIden)]
enum Users {
    Table,
    Id,
    Email,
    EmailNormalized,
}

/// Number of rows that are read and changed together.
const BATCH: u64 = 1_000;

/// Converts the domains of normalised addresses to their ASCII form (UTS 46). Only addresses with a non-ASCII domain
/// change. If another row has the new form, a row keeps its own, so no account is lost, and [`former_addresses`]
/// reports it.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rewrite(manager, ascii_form).await
    }

    /// Restores the former form, which the previous release compares.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rewrite(manager, |address| Some(former_form(address))).await
    }
}

/// A user whose normalised address still has its former form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormerAddress {
    /// The user.
    pub user: Uuid,
    /// The other user, who has the ASCII form of the address. `None` if the domain has no ASCII form, or if an instance
    /// of the previous release has just written the row.
    pub holder: Option<Uuid>,
}

/// Returns the users whose normalised address has a non-ASCII domain, by id. It writes nothing.
pub async fn former_addresses(db: &impl ConnectionTrait) -> Result<Vec<FormerAddress>, DbErr> {
    let mut found = Vec::new();
    let mut page = rows(db, Users::EmailNormalized, None).await?;
    while let Some(last) = page.last().map(|row| row.id) {
        let forms: HashMap<Uuid, String> =
            page.iter().filter_map(|row| Some((row.id, ascii_form(&row.email)?))).collect();
        let holders = holders(db, forms.values()).await?;
        found.extend(page.iter().map(|row| FormerAddress {
            user: row.id,
            holder: forms.get(&row.id).and_then(|form| holders.get(form)).copied(),
        }));
        page = rows(db, Users::EmailNormalized, Some(last)).await?;
    }
    Ok(found)
}

async fn rewrite(manager: &SchemaManager<'_>, form: fn(&str) -> Option<String>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let mut page = rows(db, Users::Email, None).await?;
    if !page.is_empty() && Backend::of(db) == Backend::Postgres {
        // Running instances must not change an address between the read and the write of a row.
        db.execute_unprepared("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").await?;
        page = rows(db, Users::Email, None).await?;
    }
    while let Some(last) = page.last().map(|row| row.id) {
        for row in page {
            let form = form(&row.email).filter(|form| *form != row.email_normalized);
            if let Some(form) = form {
                change_if_free(db, row.id, form).await?;
            }
        }
        page = rows(db, Users::Email, Some(last)).await?;
    }
    Ok(())
}

struct Row {
    id: Uuid,
    email: String,
    email_normalized: String,
}

/// Returns the next rows with a non-ASCII domain in this column, by id.
async fn rows(db: &impl ConnectionTrait, column: Users, after: Option<Uuid>) -> Result<Vec<Row>, DbErr> {
    let name = column.unquoted();
    let beyond_ascii = match Backend::of(db) {
        Backend::Postgres => format!(r#""{name}" ~ '@.*[^\x01-\x7f]'"#),
        Backend::Sqlite => format!(r#""{name}" GLOB '*@*[^' || char(1) || '-' || char(127) || ']*'"#),
    };
    let select = Query::select()
        .columns([Users::Id, Users::Email, Users::EmailNormalized])
        .from(Users::Table)
        .cond_where(Condition::all().add(Expr::cust(beyond_ascii)))
        .and_where_option(after.map(|after| Expr::col(Users::Id).gt(after)))
        .order_by(Users::Id, Order::Asc)
        .limit(BATCH)
        .take();
    let read = |row: &QueryResult| {
        Ok(Row {
            id: row.try_get("", "id")?,
            email: row.try_get("", "email")?,
            email_normalized: row.try_get("", "email_normalized")?,
        })
    };
    db.query_all(&select).await?.iter().map(read).collect()
}

async fn holders(
    db: &impl ConnectionTrait,
    forms: impl Iterator<Item = &String>,
) -> Result<HashMap<String, Uuid>, DbErr> {
    let select = Query::select()
        .columns([Users::EmailNormalized, Users::Id])
        .from(Users::Table)
        .and_where(Expr::col(Users::EmailNormalized).is_in(forms.map(String::as_str)))
        .take();
    let read = |row: &QueryResult| Ok((row.try_get("", "email_normalized")?, row.try_get::<Uuid>("", "id")?));
    db.query_all(&select).await?.iter().map(read).collect()
}

async fn change_if_free(db: &impl ConnectionTrait, id: Uuid, form: String) -> Result<(), DbErr> {
    let taken = Query::select()
        .expr(Expr::val(1))
        .from(Users::Table)
        .and_where(Expr::col(Users::EmailNormalized).eq(form.as_str()))
        .take();
    let update = Query::update()
        .table(Users::Table)
        .value(Users::EmailNormalized, form)
        .and_where(Expr::col(Users::Id).eq(id))
        .and_where(Expr::not_exists(taken))
        .take();
    db.execute(&update).await.map(|_| ())
}

/// The normalised form from this migration on. It is a frozen copy of the domain's rule, which may change again, with a
/// migration of its own.
fn ascii_form(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    let (_, top) = ascii.rsplit_once('.')?;
    if top.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(format!("{}@{ascii}", former_form(local)))
}

/// The normalised form before this migration, also frozen: lower case in NFC, with one small sigma.
fn former_form(text: &str) -> String {
    let lower = text.nfc().flat_map(char::to_lowercase);
    lower.map(|c| if c == 'ς' { 'σ' } else { c }).nfc().collect()
}
