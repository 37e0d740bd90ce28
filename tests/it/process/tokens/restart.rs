//! A new process keeps the state of the previous one.

use inwren_tests::process::{Program, Service};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{Tokens, join, me, refresh};
use crate::process::support::database::Storage;

/// The service after a stop or a kill, and a restart.
fn restarted(program: &Program, mut service: Service, kill: bool) -> Service {
    if kill {
        service.kill();
        drop(service);
    } else {
        service.stop();
    }
    program.start()
}

/// A refresh token that was used before the restart stays used, and using it again ends the session.
#[test]
fn a_restart_forgets_no_rotation() {
    for storage in Storage::each() {
        for kill in [false, true] {
            let folder = TempFolder::new();
            let program = Program::new(folder.path())
                .env("DATABASE_URL", storage.url())
                .env("REFRESH_REUSE_GRACE_SECONDS", "0");
            let service = program.start();
            let mut connection = service.connect();
            let how = if kill { "killed" } else { "stopped" };
            let first = join(&mut connection, &format!("ann-{how}@example.org")).expect("tokens");
            let other = join(&mut connection, &format!("bob-{how}@example.org")).expect("tokens");
            let second = Tokens::of(&service.call(&refresh(&first.refresh)));
            drop(connection);
            let service = restarted(&program, service, kill);
            let what = format!("{how} on {}", storage.name());
            assert_eq!(service.call(&refresh(&first.refresh)).status, 401, "{what}");
            assert_eq!(service.call(&refresh(&second.refresh)).status, 401, "{what}");
            assert_eq!(service.call(&me(&second.access)).status, 401, "{what}");
            let service = restarted(&program, service, kill);
            assert_eq!(service.call(&refresh(&second.refresh)).status, 401, "{what}");
            Tokens::of(&service.call(&refresh(&other.refresh)));
        }
    }
}
