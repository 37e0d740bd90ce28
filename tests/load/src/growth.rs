//! Compares the cost of a million users with that of a few, and of ten sessions per user with one.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Connection, get};
use crate::drive::{Client, Plan, drive};
use crate::paths::{Logins, Refreshes, Registrations, Updates, email, people};
use crate::service::{Service, Tokens};
use crate::statistics::median;

/// The filters of the list: all combinations of the four filters, and some with common values, such as the tier that
/// most users have.
const FILTERS: [&str; 20] = [
    "",
    "email=user-1",
    "tier=premium",
    "is_active=false",
    "is_superuser=true",
    "email=user-1&tier=premium",
    "email=user-1&is_active=false",
    "email=user-1&is_superuser=true",
    "tier=premium&is_active=false",
    "tier=premium&is_superuser=true",
    "is_active=false&is_superuser=true",
    "email=user-1&tier=premium&is_active=false",
    "email=user-1&tier=premium&is_superuser=true",
    "email=user-1&is_active=false&is_superuser=true",
    "tier=premium&is_active=false&is_superuser=true",
    "email=user-1&tier=premium&is_active=false&is_superuser=true",
    "tier=free",
    "is_active=true",
    "tier=free&is_active=false",
    "email=user-1&tier=free&is_active=true&is_superuser=false",
];
const SAMPLES: usize = 200;
const LIMIT: usize = 50;

/// The median times of two pages under a filter.
pub struct Pages {
    /// The filter.
    pub filter: &'static str,
    /// The first page.
    pub first: Duration,
    /// The deepest page that is as full as the first.
    pub deep: Duration,
}

/// Measures the first page and a deep page under each filter.
pub fn pages(service: &Service) -> Vec<Pages> {
    let mut reader = Reader {
        connection: Connection::open(service.address).expect("a connection"),
        token: service.superuser().access,
    };
    let places = reader.places();
    FILTERS.into_iter().map(|filter| reader.compare(filter, &places)).collect()
}

struct Reader {
    connection: Connection,
    token: String,
}

impl Reader {
    fn request(&self, filter: &str, limit: usize, cursor: Option<&str>) -> Vec<u8> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        get(&format!("/admin/users?limit={limit}&{filter}{cursor}"), &self.token)
    }

    fn page(&mut self, filter: &str, limit: usize, cursor: Option<&str>) -> (usize, Option<String>) {
        let request = self.request(filter, limit, cursor);
        let answer = self.connection.call(&request).expect("an answer");
        assert_eq!(answer.status, 200, "{filter}");
        let page: Value = serde_json::from_slice(answer.body).expect("JSON");
        let items = page["items"].as_array().map_or(0, Vec::len);
        (items, page["next_cursor"].as_str().map(str::to_owned))
    }

    /// Pages through all users and collects the cursors. A cursor is valid under every filter.
    fn places(&mut self) -> Vec<String> {
        let mut places: Vec<String> = Vec::new();
        while let (_, Some(next)) = self.page("", 200, places.last().map(String::as_str)) {
            places.push(next);
        }
        places
    }

    fn compare(&mut self, filter: &'static str, places: &[String]) -> Pages {
        let (on_first, _) = self.page(filter, LIMIT, None);
        // Deeper pages have fewer users left. A binary search finds the deepest full page.
        let (mut full, mut short) = (0, places.len());
        while full + 1 < short {
            let middle = usize::midpoint(full, short);
            let is_full = self.page(filter, LIMIT, Some(&places[middle])).0 == LIMIT;
            if is_full { full = middle } else { short = middle }
        }
        // If not even the first page is full, any deep page is suitable.
        let deep = if on_first < LIMIT { places.len() * 9 / 10 } else { full };
        let requests = [None, places.get(deep).map(String::as_str)].map(|at| self.request(filter, LIMIT, at));
        // The requests alternate, so that other load on the machine affects both.
        let mut took = [Vec::new(), Vec::new()];
        for _ in 0..SAMPLES {
            for (request, took) in requests.iter().zip(&mut took) {
                let begun = Instant::now();
                self.connection.call(request).expect("an answer");
                took.push(begun.elapsed().as_secs_f64());
            }
        }
        let [first, deep] = took.map(|took| Duration::from_secs_f64(median(&took)));
        Pages { filter, first, deep }
    }
}

/// One side of a comparison of writes.
pub struct Side<'a> {
    /// The service with the database of this side.
    pub service: &'a Service,
    /// The name prefix of its users.
    pub name: &'static str,
    /// The number of sessions of each writing user.
    pub sessions: usize,
}

/// Writes per second of one kind, on each side.
pub struct Rates {
    /// The kind of write.
    pub what: &'static str,
    /// The medians of the first and of the second side.
    pub rates: [f64; 2],
}

/// The number of alternating measurements per side. Alternation makes other load on the machine and periodic database
/// work affect both sides.
const ROUNDS: u32 = 7;
const CLIENTS: usize = 16;

/// Compares the writes of two sides.
pub fn writes(sides: [Side<'_>; 2], measured: Duration) -> Vec<Rates> {
    let prepared = sides.each_ref().map(|side| with_sessions(side));
    let addresses = sides.each_ref().map(|side| side.service.address);
    let of_people = |make: fn(Tokens) -> Box<dyn Client>| {
        prepared.each_ref().map(|people| people.iter().cloned().map(make).collect::<Vec<_>>())
    };
    let registrations = sides.each_ref().map(|side| {
        let clients = Registrations::clients(CLIENTS, &format!("{}-{}-new", side.name, side.sessions));
        clients.into_iter().map(|client| Box::new(client) as Box<dyn Client>).collect()
    });
    let logins = sides.each_ref().map(|side| {
        let emails: Vec<String> = (0..CLIENTS).map(|number| email(&name_of(side), number)).collect();
        let clients = Logins::clients(CLIENTS, &emails);
        clients.into_iter().map(|client| Box::new(client) as Box<dyn Client>).collect()
    });
    let kinds: [(&'static str, u16, OfBoth); 4] = [
        ("refresh", 200, of_people(|tokens| Box::new(Refreshes::from(tokens)))),
        ("update", 200, of_people(|tokens| Box::new(Updates::from(tokens)))),
        // These two add rows and therefore come last.
        ("login", 200, logins),
        ("register", 201, registrations),
    ];
    let compare = |(what, status, mut clients): (&'static str, u16, OfBoth)| {
        let rates = in_turn(what, addresses, status, &mut clients, measured / ROUNDS);
        Rates { what, rates }
    };
    kinds.into_iter().map(compare).collect()
}

/// The clients of each side.
type OfBoth = [Vec<Box<dyn Client>>; 2];

fn in_turn(
    what: &str,
    addresses: [std::net::SocketAddr; 2],
    status: u16,
    clients: &mut OfBoth,
    measured: Duration,
) -> [f64; 2] {
    let plan = Plan { warm_up: Duration::from_millis(150), measured, pace: Duration::ZERO };
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        // The order of the sides alternates too.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for side in order {
            let seen = drive(addresses[side], plan, clients[side].iter_mut().collect());
            if seen.others(status) > 0 {
                println!("  {what}: {:?}", seen.statuses);
            }
            rates[side].push(seen.rate(status));
        }
    }
    rates.map(|rates| median(&rates))
}

fn name_of(side: &Side<'_>) -> String {
    format!("{}-{}", side.name, side.sessions)
}

fn with_sessions(side: &Side<'_>) -> Vec<Tokens> {
    let people = people(side.service, &name_of(side), CLIENTS);
    for number in 0..CLIENTS {
        for _ in 1..side.sessions {
            side.service.login(&email(&name_of(side), number));
        }
    }
    people
}
