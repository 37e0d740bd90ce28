//! A login flood from unrecognised clients while other clients work.

use std::thread;
use std::time::Duration;

use crate::client::get;
use crate::drive::{Plan, Seen, drive};
use crate::paths::{Logins, email, people};
use crate::service::Service;

/// Number of connections that log in.
pub const ATTACKERS: usize = 256;
/// Number of clients that read their profile meanwhile.
pub const READERS: usize = 8;
/// The time between two reads of a reader: like an open page, not like a second flood.
const PACE: Duration = Duration::from_millis(25);

/// The results of a flood.
pub struct Flood {
    /// The results of the flooding logins.
    pub logins: Seen,
    /// The results of the readers.
    pub readers: Seen,
    /// The results of a recognised client, which has logged in from this address before.
    pub known: Seen,
    /// The results of the readers before the flood.
    pub calm: Seen,
    /// The resident memory before the first login and its peak, in bytes.
    pub resident: (u64, u64),
}

/// Floods the service for this duration.
pub fn flood(service: &Service, measured: Duration) -> Flood {
    let idle = service.resident();
    let readers = people(service, "reader", READERS);
    people(service, "known", 1);
    let reading = || readers.iter().map(|tokens| get("/users/me", &tokens.access)).collect::<Vec<_>>();
    let warm_up = Duration::from_secs(2);
    let paced = Plan { warm_up, measured, pace: PACE };
    let address = service.address;
    let calm = drive(address, paced, reading());
    // No account has these addresses, so none of the logins comes from a recognised client.
    let strangers: Vec<String> = (0..1_000).map(|number| email("stranger", number)).collect();
    let full_speed = Plan { warm_up, measured, pace: Duration::ZERO };
    let (logins, readers, known) = thread::scope(|scope| {
        let logins = scope.spawn(|| drive(address, full_speed, Logins::clients(ATTACKERS, &strangers)));
        let readers = scope.spawn(|| drive(address, paced, reading()));
        let known = scope.spawn(|| drive(address, full_speed, Logins::clients(1, &[email("known", 0)])));
        [logins, readers, known].map(|seen| seen.join().expect("clients")).into()
    });
    Flood { logins, readers, known, calm, resident: (idle, service.most_resident()) }
}
