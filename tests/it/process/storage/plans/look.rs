use inwren_tests::process::Program;
use inwren_tests::stores::TempFolder;

use super::{seed, story};
use crate::process::support::client::PASSWORD;
use crate::process::support::database::Storage;

/// The log of a service that executed all operations on many users.
pub(super) struct Look {
    /// The complete log.
    pub(super) log: String,
}

impl Look {
    /// Fills the storage, and runs a service through all operations. `prepare` changes the storage before the service
    /// starts.
    pub(super) fn into(storage: &Storage, prepare: fn(&Storage)) -> Self {
        let folder = TempFolder::new();
        let program = Program::new(folder.path())
            .env("DATABASE_URL", storage.url())
            .env("SELF_SERVICE_TIERS", "free,premium")
            .env("SWEEP_INTERVAL_SECONDS", "5")
            .env("REFRESH_REUSE_GRACE_SECONDS", "300")
            .env("TOTP_SKEW_STEPS", "2")
            .env("TRUSTED_DEVICE_DAYS", "30")
            .env("LOST_FACTOR_DELAY_HOURS", "72")
            .env("LOG_FORMAT", "json")
            .env(
                "RUST_LOG",
                "warn,inwren=info,inwren_app=info,sqlx::query=debug,sqlx::postgres::notice=info",
            );
        program.clone().args(["migrate", "up"]).run().with_code(0);
        let users = seed::fill(storage);
        // As in an upgraded database: the newest indexes are created when many users exist already.
        program.clone().args(["migrate", "down", "--yes"]).run().with_code(0);
        program.clone().args(["migrate", "up"]).run().with_code(0);
        seed::add_letters(storage);
        seed::add_factors(storage);
        seed::add_grants(storage);
        prepare(storage);
        let create = ["users", "create", story::ROOT, "--superuser", "--password-stdin"];
        program.clone().args(create).input(PASSWORD).run().with_code(0);
        let service = program.start();
        story::tell(&service, &program, storage, users);
        service.wait_for("deleted expired data");
        let log = service.stop();
        let verifying = program.clone().env("EMAIL_VERIFICATION", "required");
        let service = verifying.start();
        story::letters(&service, &program);
        Self { log: log + &service.stop() }
    }
}
