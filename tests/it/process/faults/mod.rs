//! Failures of the environment while the service works. Each test prints its figures.

mod database_frozen;
mod database_refuses;
mod database_silent;
mod database_start;
mod database_stops;
mod kill;
mod kill_codes;
mod log;
mod mail;
pub(super) mod redis;
mod sqlite;
mod stored_hash;

use std::time::{Duration, Instant};

use inwren_tests::process::{Call, Program, Service, pause};
use inwren_tests::stores::{PrivatePostgres, TempFolder};

use crate::process::support::load::{Ended, Load};

const CLIENTS: usize = 6;
/// Within this time after the database is back, everything works again.
const RECOVERY: Duration = Duration::from_secs(5);

/// The service on a PostgreSQL server of its own, with clients that use it.
struct UnderLoad {
    server: PrivatePostgres,
    service: Service,
    load: Load,
    _folder: TempFolder,
}

/// Uses the longest grace period, because a check may come late on a busy machine.
fn program(folder: &TempFolder, url: &str) -> Program {
    Program::new(folder.path()).env("DATABASE_URL", url).env("REFRESH_REUSE_GRACE_SECONDS", "300")
}

impl UnderLoad {
    fn start() -> Self {
        let (server, folder) = (PrivatePostgres::start(), TempFolder::new());
        Self::at(server, folder, |server| server.url())
    }

    fn at(server: PrivatePostgres, folder: TempFolder, url: impl Fn(&PrivatePostgres) -> String) -> Self {
        let service = program(&folder, &url(&server)).start();
        let load = Load::start(service.address(), CLIENTS, "user");
        load.wait_for(150);
        Self { server, service, load, _folder: folder }
    }

    /// Lets the clients continue for a while after the database is back, and checks all invariants.
    fn recover(self, what: &str, back: Instant) -> (Ended, Service) {
        let Self { server, service, load, _folder } = self;
        load.wait_for(1);
        let first = back.elapsed();
        pause(RECOVERY.saturating_sub(back.elapsed()));
        load.is_well(what);
        let ended = load.finish();
        println!(
            "{what}: {}; first success {first:.0?} and last failure {:.0?} after its return",
            ended.figures(),
            ended.failed_until(back)
        );
        ended.check_answers();
        let users = ended.check_all(&service);
        println!("{what}: all that was answered to {users} users holds");
        let log = service.log();
        assert!(!log.contains("panicked"), "{log}");
        service.call(&Call::get("/health")).expect(200);
        drop(server);
        (ended, service)
    }
}
