//! Whether a million users cost more than a few.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Connection, get};
use crate::paths::{Refreshes, Registrations, Updates, people, rate};
use crate::service::Service;

/// The filters of the listing, each alone and together.
const FILTERS: [&str; 6] =
    ["", "tier=free", "tier=premium&is_active=true", "is_superuser=true", "is_active=false", "email=user-1"];
const SAMPLES: usize = 200;

/// How long the first page takes, and one that lies as deep as there are users, under each filter: medians.
pub fn pages(service: &Service) -> Vec<(&'static str, Duration, Duration)> {
    let token = service.superuser().access;
    FILTERS.iter().map(|filter| compare(service, filter, &token)).collect()
}

fn compare<'a>(service: &Service, filter: &'a str, token: &str) -> (&'a str, Duration, Duration) {
    let mut connection = Connection::open(service.address).expect("a connection");
    let path = |limit: u32, cursor: Option<&str>| {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        get(&format!("/admin/users?limit={limit}&{filter}{cursor}"), token)
    };
    // Walks to the end, and remembers the last page that was full.
    let (mut deep, mut next) = (None, None);
    loop {
        let answer = connection.call(&path(100, next.as_deref())).expect("an answer");
        assert_eq!(answer.status, 200, "{filter}");
        let page: Value = serde_json::from_slice(answer.body).expect("JSON");
        let full = page["items"].as_array().is_some_and(|items| items.len() == 100);
        if full {
            deep = next;
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => next = Some(cursor.to_owned()),
            None => break,
        }
    }
    let requests = [path(50, None), path(50, deep.as_deref())];
    // In turn, so that whatever else the machine does meets both.
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..SAMPLES {
        for (request, took) in requests.iter().zip(&mut took) {
            let begun = Instant::now();
            connection.call(request).expect("an answer");
            took.push(begun.elapsed());
        }
    }
    let [first, deep] = took.map(|mut took| {
        took.sort_unstable();
        took[took.len() / 2]
    });
    (filter, first, deep)
}

/// How many writes of each kind are done a second.
pub fn writes(service: &Service, name: &str, measured: Duration) -> [(&'static str, f64); 3] {
    const CLIENTS: usize = 16;
    let people = people(service, name, CLIENTS);
    let address = service.address;
    let registrations = Registrations::clients(CLIENTS, &format!("{name}-new"));
    [
        ("register", rate("register", address, measured, registrations, 201)),
        (
            "refresh",
            rate("refresh", address, measured, people.iter().cloned().map(Refreshes::from).collect(), 200),
        ),
        (
            "update",
            rate("update", address, measured, people.iter().cloned().map(Updates::from).collect(), 200),
        ),
    ]
}
