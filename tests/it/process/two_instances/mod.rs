//! Two processes on one PostgreSQL and one key folder: a change by one instance takes effect on the other at once, and
//! a change requested from both at the same time happens once.

mod accounts;
mod limits;
mod provider;
mod sessions;
mod start;

use std::sync::Barrier;
use std::thread;

use inwren_tests::process::{Answer, Call, Connection, Program, Service};
use inwren_tests::stores::TempFolder;

use crate::process::support::database::Storage;

struct Instances {
    services: [Service; 2],
    lines: [Connection; 2],
    storage: Storage,
    program: Program,
    _folder: TempFolder,
}

impl Instances {
    /// Starts two instances at the same time, with an empty database only.
    fn start() -> Self {
        Self::with(|program| program)
    }

    /// Starts two instances with more settings.
    fn with(settings: impl Fn(Program) -> Program) -> Self {
        let (folder, storage) = (TempFolder::new(), Storage::postgres());
        let program = settings(Program::new(folder.path()).env("DATABASE_URL", storage.url()));
        let start = Barrier::new(2);
        let starting = || {
            start.wait();
            program.start()
        };
        let services = thread::scope(|scope| {
            let started = [scope.spawn(starting), scope.spawn(starting)];
            started.map(|service| service.join().expect("a service"))
        });
        let lines = services.each_ref().map(Service::connect);
        Self { services, lines, storage, program, _folder: folder }
    }

    /// Sends a request to the first instance.
    #[track_caller]
    fn a(&mut self, call: &Call) -> Answer {
        self.lines[0].call(call).expect("an answer of the first")
    }

    /// Sends a request to the second instance.
    #[track_caller]
    fn b(&mut self, call: &Call) -> Answer {
        self.lines[1].call(call).expect("an answer of the second")
    }

    /// Sends one request to each instance at the same time.
    fn at_once(&mut self, calls: [&Call; 2]) -> [Answer; 2] {
        let start = Barrier::new(2);
        let ask = |line: &mut Connection, call: &Call| {
            start.wait();
            line.call(call).expect("an answer")
        };
        let [a, b] = &mut self.lines;
        thread::scope(|scope| {
            let asked = [scope.spawn(|| ask(a, calls[0])), scope.spawn(|| ask(b, calls[1]))];
            asked.map(|answer| answer.join().expect("an answer"))
        })
    }

    /// Counts rows in the database.
    #[track_caller]
    fn count(&self, what: &str) -> i64 {
        let rows = self.storage.ask(&format!("SELECT count(*) AS answer FROM {what}"));
        rows[0].try_get("", "answer").expect("a number")
    }

    /// Stops both instances, and returns their logs.
    fn stop(self) -> [String; 2] {
        self.services.map(Service::stop)
    }
}

/// The two statuses, the lower one first.
fn statuses(answers: &[Answer; 2]) -> [u16; 2] {
    let mut statuses = answers.each_ref().map(|answer| answer.status);
    statuses.sort_unstable();
    statuses
}
