//! The list of users under every filter, from four positions. Each page is compared with the expected users.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_tests::process::{Call, Service};
use uuid::Uuid;

use crate::process::support::client::Tokens;
use crate::process::support::database::Storage;

const LIMIT: usize = 20;
/// Prefixes that match all users, many, a few, all but some, and users of the other group.
const PREFIXES: [&str; 6] = ["", "user-1", "user-9876", "user", "customer-1", "customer-1000"];
const TIERS: [&str; 3] = ["", "free", "premium"];
const FLAGS: [Option<bool>; 3] = [None, Some(true), Some(false)];

struct Row {
    email: String,
    tier: String,
    is_active: bool,
    is_superuser: bool,
    micros: i64,
    id: Uuid,
}

impl Row {
    fn cursor(&self) -> String {
        let (micros, length) =
            (self.micros.to_be_bytes(), u16::try_from(self.email.len()).expect("an address"));
        let parts = [&[2][..], &micros, self.id.as_bytes(), &length.to_be_bytes(), self.email.as_bytes()];
        URL_SAFE_NO_PAD.encode(parts.concat())
    }
}

pub(super) fn every_filter(service: &Service, storage: &Storage, root: &Tokens, users: u32) {
    let by_age = rows(storage);
    let mut by_address = rows(storage);
    by_address.sort_by(|a, b| a.email.cmp(&b.email));
    let users = users as usize;
    let mut connection = service.connect();
    let (mut pages, mut slowest) = (0, (Duration::ZERO, String::new()));
    // Positions: the start, after some users, after a quarter, and near the end.
    for place in [0, users / 100 * 15, users / 4, users / 10 * 9] {
        for (prefix, tier, is_active, is_superuser) in combinations() {
            let rows = if prefix.is_empty() { &by_age } else { &by_address };
            let mut path = format!("/admin/users?limit={LIMIT}");
            let from = if place == 0 { 0 } else { place + 1 };
            if place > 0 {
                path += &format!("&cursor={}", rows[place].cursor());
            }
            for (name, value) in [("email", prefix), ("tier", tier)] {
                if !value.is_empty() {
                    path += &format!("&{name}={value}");
                }
            }
            for (name, flag) in [("is_active", is_active), ("is_superuser", is_superuser)] {
                path += &flag.map(|flag| format!("&{name}={flag}")).unwrap_or_default();
            }
            let fits = |row: &&Row| {
                row.email.starts_with(prefix)
                    && (tier.is_empty() || row.tier == tier)
                    && is_active.is_none_or(|active| row.is_active == active)
                    && is_superuser.is_none_or(|superuser| row.is_superuser == superuser)
            };
            let mut expected = rows[from..].iter().filter(fits).map(|row| row.email.as_str());
            let wanted: Vec<&str> = expected.by_ref().take(LIMIT).collect();
            let begun = Instant::now();
            let answer = connection.call(&Call::get(&path).bearer(&root.access)).expect("an answer");
            let took = begun.elapsed();
            let page = answer.expect(200).json();
            let items = page["items"].as_array().expect("users").iter();
            let found: Vec<&str> = items.map(|user| user["email"].as_str().expect("an address")).collect();
            assert_eq!(found, wanted, "{path}");
            assert_eq!(page["next_cursor"].is_string(), expected.next().is_some(), "{path}");
            pages += 1;
            if took > slowest.0 {
                slowest = (took, path);
            }
        }
    }
    println!("{}: {pages} pages are as they should be; the slowest took {slowest:.1?}", storage.name());
}

fn combinations() -> impl Iterator<Item = (&'static str, &'static str, Option<bool>, Option<bool>)> {
    PREFIXES.into_iter().flat_map(|prefix| {
        TIERS.into_iter().flat_map(move |tier| {
            FLAGS.into_iter().flat_map(move |active| FLAGS.map(|superuser| (prefix, tier, active, superuser)))
        })
    })
}

/// All users, newest first.
fn rows(storage: &Storage) -> Vec<Row> {
    let micros = match storage {
        Storage::Postgres(_) => "(extract(epoch FROM created_at) * 1000000)::bigint",
        Storage::Sqlite(_) => "created_at",
    };
    let question = format!(
        "SELECT email, tier, is_active, is_superuser, {micros} AS micros, id FROM users ORDER BY created_at DESC, id DESC"
    );
    let row = |row: &sea_orm_migration::sea_orm::QueryResult| Row {
        email: row.try_get("", "email").expect("an address"),
        tier: row.try_get("", "tier").expect("a tier"),
        is_active: row.try_get("", "is_active").expect("a flag"),
        is_superuser: row.try_get("", "is_superuser").expect("a flag"),
        micros: row.try_get("", "micros").expect("a time"),
        id: row.try_get("", "id").expect("an id"),
    };
    storage.ask(&question).iter().map(row).collect()
}
