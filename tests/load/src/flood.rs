//! Many strangers log in at once, and others go on with their work.

use std::thread;
use std::time::Duration;

use crate::client::get;
use crate::drive::{Plan, Seen, drive};
use crate::paths::{Logins, email, people};
use crate::service::Service;

/// How many connections log in.
pub const ATTACKERS: usize = 256;
/// How many read their profile meanwhile.
pub const READERS: usize = 8;
/// How often each of these reads: like a page that somebody has open, and not like another flood.
const PACE: Duration = Duration::from_millis(25);

/// What came of it.
pub struct Flood {
    /// What those who log in saw.
    pub logins: Seen,
    /// What the readers saw.
    pub readers: Seen,
    /// What somebody saw who has logged in from this address before.
    pub known: Seen,
    /// What the readers had seen before the flood.
    pub calm: Seen,
    /// The memory before anybody logged in, and the most of it, in bytes.
    pub resident: (u64, u64),
}

/// Floods the service for so long.
pub fn flood(service: &Service, measured: Duration) -> Flood {
    let idle = service.resident();
    let readers = people(service, "reader", READERS);
    people(service, "known", 1);
    let reading = || readers.iter().map(|tokens| get("/users/me", &tokens.access)).collect::<Vec<_>>();
    let warm_up = Duration::from_secs(2);
    let paced = Plan { warm_up, measured, pace: PACE };
    let address = service.address;
    let calm = drive(address, paced, reading());
    // Nobody has these addresses, so that none of the logins is that of somebody known.
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
