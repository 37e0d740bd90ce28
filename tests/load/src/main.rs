//! Measures the service against the limits of the machine in one run and prints the comparison.
//!
//! The run measures limits and paths one after the other on the same machine, with the same clients. The ratios are
//! therefore meaningful where the figures alone are not.

mod client;
mod drive;
mod equal_work;
mod flood;
mod growth;
mod letters;
mod limits;
mod paths;
mod provider;
mod report;
mod seed;
mod service;
#[path = "../../src/smtp.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod smtp;
mod soak;
mod statistics;
mod wrk;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use growth::Side;
use paths::{Logins, Refreshes, Registrations, email, people, rate};
use report::{Line, Target};
use service::{Service, Settings};

const CONNECTIONS: usize = 32;
/// The number of alternating measurements of a path and its limit, where one measurement is not enough.
const ROUNDS: usize = 3;
const PARTS: [&str; 10] = [
    "hashing",
    "reading",
    "refreshing",
    "flood",
    "equal",
    "letters",
    "provider",
    "growth",
    "footprint",
    "soak",
];

/// The unit of memory figures: one million bytes, the stricter reading of a bound.
const MEGABYTE: f64 = 1e6;

/// The parameters of the run.
struct Wanted {
    /// The duration of each measurement.
    measured: Duration,
    /// The duration of the soak.
    soak: Duration,
    /// The number of users in a large database.
    many: u32,
    /// The URL of a PostgreSQL server on which the run may create databases.
    postgres: String,
    /// The folder for the results.
    results: PathBuf,
    /// The parts to run; all if empty.
    parts: Vec<String>,
}

impl Wanted {
    fn of_environment() -> Self {
        let text = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
        let number = |name: &str, default: &str| text(name, default).parse().expect("a number");
        Self {
            measured: Duration::from_secs(number("LOAD_SECONDS", "5")),
            soak: Duration::from_secs(number("LOAD_SOAK_SECONDS", "600")),
            many: u32::try_from(number("LOAD_USERS", "1000000")).expect("a number of users"),
            postgres: std::env::var("INWREN_TEST_POSTGRES_URL").expect("run tests/load/run"),
            results: text("LOAD_RESULTS", "target/load").into(),
            parts: std::env::args().skip(1).collect(),
        }
    }

    fn part(&self, name: &str) -> bool {
        let wanted = self.parts.is_empty() || self.parts.iter().any(|part| part == name);
        if wanted {
            println!("{name} …");
        }
        wanted
    }
}

fn main() {
    let wanted = Wanted::of_environment();
    let unknown = wanted.parts.iter().find(|part| !PARTS.contains(&part.as_str()));
    assert!(unknown.is_none(), "{unknown:?} is none of {PARTS:?}");
    let work = wanted.results.join("work");
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work).expect("a folder");
    let bench = Bench { work: work.canonicalize().expect("a folder"), wanted, lines: Vec::new() };
    let (wanted, lines) = bench.run();
    let table = report::table(&lines);
    println!("\n{table}");
    for (name, text) in [
        ("results.md", table.clone()),
        ("results.json", format!("{:#}\n", report::to_json(&lines))),
        ("results.svg", report::to_svg(&lines)),
    ] {
        std::fs::write(wanted.results.join(name), text).expect("a file");
    }
    println!("written to {}", wanted.results.display());
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

struct Bench {
    wanted: Wanted,
    work: PathBuf,
    lines: Vec<Line>,
}

impl Bench {
    fn run(mut self) -> (Wanted, Vec<Line>) {
        for part in PARTS {
            if !self.wanted.part(part) {
                continue;
            }
            match part {
                "hashing" => self.hashing(),
                "reading" => self.reading(),
                "refreshing" => self.refreshing(),
                "flood" => self.flood(),
                "equal" => self.equal(),
                "letters" => self.letters(),
                "provider" => self.provider(),
                "growth" => self.growth(),
                "soak" => self.soak(),
                _ => self.footprint(),
            }
        }
        (self.wanted, self.lines)
    }

    fn add(
        &mut self,
        name: impl Into<String>,
        measured: f64,
        limit: f64,
        unit: &'static str,
        target: Target,
    ) {
        let line = Line { name: name.into(), measured, limit, unit, target };
        print!("{}", report::table(std::slice::from_ref(&line)).lines().last().unwrap_or_default());
        println!();
        self.lines.push(line);
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.work.join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    fn sqlite(&self, name: &str) -> (PathBuf, String) {
        let folder = self.folder(name);
        let url = format!("sqlite://{}", folder.join("load.db").display());
        (folder, url)
    }

    fn database(&self, name: &str) -> (PathBuf, String) {
        let url = &self.wanted.postgres;
        let made = Command::new("psql")
            .args([url.as_str(), "-q", "-c", &format!("DROP DATABASE IF EXISTS {name}"), "-c"])
            .arg(format!("CREATE DATABASE {name}"))
            .output()
            .expect("psql");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (server, _) = url.rsplit_once('/').expect("a database in the URL");
        (self.folder(name), format!("{server}/{name}"))
    }

    fn hashing(&mut self) {
        let measured = self.wanted.measured;
        let (folder, url) = self.sqlite("hashing");
        let service = Service::start(&Settings { folder: &folder, database: &url, real_hashes: true });
        people(&service, "hashing", CONNECTIONS);
        let emails: Vec<String> = (0..CONNECTIONS).map(|number| email("hashing", number)).collect();
        // The measurements alternate, because the speed of a memory-hard function depends on other memory traffic,
        // including that of other tenants of the machine.
        let mut rounds = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            let logins = Logins::clients(CONNECTIONS, &emails);
            let registrations = Registrations::clients(CONNECTIONS, &format!("new-{round}"));
            let seen = [
                limits::hashes(measured),
                rate("login", service.address, measured, logins, 200),
                rate("register", service.address, measured, registrations, 201),
            ];
            for (rounds, seen) in rounds.iter_mut().zip(seen) {
                rounds.push(seen);
            }
        }
        let [raw, logins, registrations] = rounds.map(median);
        self.add("login", logins, raw, "/s", Target::AtLeast(0.95));
        self.add("register", registrations, raw, "/s", Target::AtLeast(0.95));
    }

    fn reading(&mut self) {
        let measured = self.wanted.measured;
        let bare = limits::bare_route(measured, CONNECTIONS);
        let (_, verifications) = limits::signatures(measured);
        let points = limits::point_reads(measured, &self.wanted.postgres, CONNECTIONS);
        println!("  bare route {bare:.0}/s, verifications {verifications:.0}/s, point reads {points:.0}/s");
        let without_database = 1.0 / (1.0 / bare + 1.0 / verifications);
        let with_database = 1.0 / (1.0 / bare + 1.0 / verifications + 1.0 / points);
        let (postgres, postgres_url) = self.database("reading");
        let (sqlite, sqlite_url) = self.sqlite("reading");
        for (name, folder, url, limit, target) in [
            ("PostgreSQL", &postgres, postgres_url.as_str(), with_database, 0.5),
            ("SQLite", &sqlite, sqlite_url.as_str(), without_database, 0.5),
            ("memory", &sqlite, "memory:", without_database, 0.7),
        ] {
            let service = Service::start(&Settings { folder, database: url, real_hashes: false });
            let people = people(&service, "reading", CONNECTIONS);
            let (rate, each) = paths::profile(&service, &people, measured);
            let name = format!("GET /users/me, {name}");
            self.add(&name, rate, limit, "/s", Target::AtLeast(target));
            if url == postgres_url {
                let each = each.as_secs_f64() * 1e6;
                self.add(format!("{name}: processor"), each, 90.0, "µs", Target::AtMost(1.0));
            }
        }
    }

    fn refreshing(&mut self) {
        let measured = self.wanted.measured;
        let (signatures, _) = limits::signatures(measured);
        let (folder, url) = self.database("refreshing");
        let service = Service::start(&Settings { folder: &folder, database: &url, real_hashes: false });
        let people = people(&service, "refreshing", CONNECTIONS);
        let refreshes = people.into_iter().map(Refreshes::from).collect();
        let refreshes = rate("refresh", service.address, measured, refreshes, 200);
        self.add("refresh, PostgreSQL", refreshes, signatures / 2.0, "/s", Target::AtLeast(0.6));
    }

    fn flood(&mut self) {
        let measured = self.wanted.measured * 2;
        let before = limits::hashes(self.wanted.measured);
        let (folder, url) = self.sqlite("flood");
        let service = Service::start(&Settings { folder: &folder, database: &url, real_hashes: true });
        let seen = flood::flood(&service, measured);
        let raw = f64::midpoint(before, limits::hashes(self.wanted.measured));
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        println!("  logins {:?}, known {:?}", seen.logins.statuses, seen.known.statuses);
        let checked = seen.logins.rate(401) + seen.known.rate(200);
        self.add("flood: passwords checked", checked, raw, "/s", Target::AtLeast(0.95));
        let p99 = millis(seen.readers.quantile(200, 0.99));
        self.add("flood: readers' p99", p99, 25.0, "ms", Target::AtMost(1.0));
        let (rate, calm) = (seen.readers.rate(200), seen.calm.rate(200));
        self.add("flood: readers served", rate, calm, "/s", Target::AtLeast(0.95));
        let refused = millis(seen.logins.quantile(503, 0.99));
        self.add("flood: time to a 503, p99", refused, 1_000.0, "ms", Target::AtMost(1.0));
        let known = millis(seen.known.quantile(200, 1.0));
        self.add("flood: a recognised client, slowest", known, 3_000.0, "ms", Target::AtMost(1.0));
        let lost = (seen.logins.statuses.get(&0).copied().unwrap_or(0) + seen.known.others(200)) as f64;
        self.add("flood: unanswered, or recognised and refused", lost, 1.0, "", Target::AtMost(0.0));
        let (idle, most) = seen.resident;
        let budget = (idle + limits::hashing_memory()) as f64 / MEGABYTE + 32.0;
        self.add("flood: memory", most as f64 / MEGABYTE, budget, "MB", Target::AtMost(1.0));
    }

    fn equal(&mut self) {
        let (folder, url) = self.sqlite("equal");
        let service = Service::start(&Settings { folder: &folder, database: &url, real_hashes: true });
        for line in equal_work::lines(&service, &url, self.wanted.measured) {
            self.add(line.name, line.measured, line.limit, line.unit, line.target);
        }
    }

    fn letters(&mut self) {
        let storages = [("PostgreSQL", self.database("letters")), ("SQLite", self.sqlite("letters"))];
        for (name, (folder, url)) in &storages {
            let settings = Settings { folder, database: url, real_hashes: false };
            let rate = letters::rate(&settings);
            self.add(format!("letters sent, {name}"), rate, 200.0, "/s", Target::AtLeast(1.0));
        }
        let (folder, url) = self.sqlite("letters-equal");
        let settings = Settings { folder: &folder, database: &url, real_hashes: false };
        for line in letters::equal_work(&settings) {
            self.add(line.name, line.measured, line.limit, line.unit, line.target);
        }
        let folders = [self.sqlite("letters-accepted"), self.sqlite("letters-silent")];
        let [accepted, silent] = letters::with_silent_server(&folders, self.wanted.measured);
        let name = "register, with a silent mail server: p99";
        self.add(name, silent, accepted, "ms", Target::AtMost(1.05));
    }

    fn provider(&mut self) {
        let measured = self.wanted.measured;
        // An exchange signs an access token, a refresh token and an ID token.
        let exchanges = limits::signatures(measured).0 / 3.0;
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let storages = [("PostgreSQL", self.database("provider")), ("SQLite", self.sqlite("provider"))];
        for (name, (folder, url)) in &storages {
            let service = provider::start(&Settings { folder, database: url, real_hashes: false });
            let rate = provider::exchanges(&service, measured);
            self.add(format!("code exchange, {name}"), rate, exchanges, "/s", Target::AtLeast(0.6));
            for (clients, with) in [(1, "1 client"), (8, "8 clients")] {
                let [median, p99] = provider::authorization_times(&service, clients, measured).map(millis);
                let name = format!("GET /oauth/authorize, {name}, {with}");
                self.add(format!("{name}: median"), median, 10.0, "ms", Target::AtMost(1.0));
                self.add(format!("{name}: p99"), p99, 10.0, "ms", Target::AtMost(1.0));
            }
        }
        let storages =
            [("PostgreSQL", self.database("provider_clients")), ("SQLite", self.sqlite("provider-clients"))];
        for (name, (folder, url)) in &storages {
            let settings = Settings { folder, database: url, real_hashes: true };
            let resident = provider::resident(&settings) as f64 / MEGABYTE;
            let name = format!("idle, {} clients, {name}", provider::CLIENTS);
            self.add(name, resident, 24.0, "MB", Target::AtMost(1.0));
        }
    }

    fn growth(&mut self) {
        let (measured, many) = (self.wanted.measured, self.wanted.many);
        let databases = [self.database("growth_few"), self.database("growth_many")];
        let files = [self.sqlite("growth-few"), self.sqlite("growth-many")];
        for (name, storages) in [("PostgreSQL", &databases), ("SQLite", &files)] {
            let start = |(folder, url): &(PathBuf, String)| {
                Service::start(&Settings { folder, database: url, real_hashes: false })
            };
            let [few, grown] = [(&storages[0], 1_000), (&storages[1], many)].map(|(storage, users)| {
                // The first start creates the schema.
                drop(start(storage));
                seed::users(&storage.1, 1, users);
                start(storage)
            });
            let side = |service, name, sessions| Side { service, name, sessions };
            let in_table = |bench: &mut Self, what: &str, rates: Vec<growth::Rates>| {
                for growth::Rates { what: kind, rates: [base, grown] } in rates {
                    bench.add(format!("{kind}, {name}: {what}"), base, grown, "/s", Target::AtMost(1.3));
                }
            };
            let sides = [side(&few, "few", 1), side(&grown, "many", 1)];
            in_table(self, &format!("{many} users"), growth::writes(sides, measured));
            let sides = [side(&grown, "one", 1), side(&grown, "ten", 10)];
            in_table(self, "10 sessions a user", growth::writes(sides, measured));
            self.pages(name, growth::pages(&grown));
        }
    }

    /// Reports the list without a filter. For the filters without an address and for those with an address prefix, it
    /// reports the filter with the slowest deep page relative to the first, and the slowest page of all.
    fn pages(&mut self, name: &str, pages: Vec<growth::Pages>) {
        for growth::Pages { filter, first, deep } in &pages {
            println!("  list ({filter}), {name}: {:.0} µs, deep {:.0} µs", micros(*first), micros(*deep));
        }
        let Some(plain) = pages.iter().find(|page| page.filter.is_empty()) else { return };
        self.deep_page(name, "no filter", plain);
        let plain = plain.first;
        let (with_address, others): (Vec<_>, Vec<_>) =
            pages.into_iter().partition(|page| page.filter.contains("email="));
        for (filters, pages) in
            [("filters but an address", others), ("filters with an address", with_address)]
        {
            let ratio = |page: &growth::Pages| page.deep.div_duration_f64(page.first);
            if let Some(worst) = pages.iter().max_by(|one, other| ratio(one).total_cmp(&ratio(other))) {
                self.deep_page(name, &format!("worst of {filters}"), worst);
            }
            if let Some(slowest) = pages.iter().map(|page| page.first.max(page.deep)).max() {
                let name = format!("list, {name}: the slowest page of {filters}");
                self.add(name, micros(slowest), micros(plain), "µs", Target::AtMost(5.0));
            }
        }
    }

    fn deep_page(&mut self, name: &str, what: &str, page: &growth::Pages) {
        let filter = if page.filter.is_empty() { String::new() } else { format!(" ({})", page.filter) };
        let name = format!("list, {name}, {what}{filter}: a deep page");
        self.add(name, micros(page.deep), micros(page.first), "µs", Target::AtMost(1.2));
    }

    fn soak(&mut self) {
        let (folder, url) = self.database("soak");
        let service = Service::start(&Settings { folder: &folder, database: &url, real_hashes: false });
        let time = self.wanted.soak;
        let looks = self.wanted.results.join("soak.csv");
        let seen = soak::soak(&service, CONNECTIONS, time, &looks);
        println!("  {} refreshes, {} refused", seen.refreshes, seen.refused);
        // The target is one million refreshes in ten minutes, and proportionally fewer in less time.
        let wanted = 1_000_000.0 * time.as_secs_f64() / 600.0;
        self.add("soak: refreshes", seen.refreshes as f64, wanted, "", Target::AtLeast(1.0));
        self.add("soak: refreshes refused", seen.refused as f64, 1.0, "", Target::AtMost(0.0));
        let [begins, ends] = seen.resident.map(|bytes| bytes / MEGABYTE);
        self.add(
            "soak: memory, from a fifth of the time to its end",
            ends,
            begins,
            "MB",
            Target::AtMost(1.05),
        );
    }

    fn footprint(&mut self) {
        let (folder, url) = self.sqlite("footprint");
        let (database_folder, database_url) = self.database("footprint");
        let start = |folder: &Path, database: &str| {
            let service = Service::start(&Settings { folder, database, real_hashes: true });
            (service.start.as_secs_f64() * 1e3, service.resident() as f64 / MEGABYTE)
        };
        let best = |folder: &Path, database: &str| {
            // The first start creates the keys and the schema.
            start(folder, database);
            let starts: Vec<(f64, f64)> = (0..5).map(|_| start(folder, database)).collect();
            let mut times: Vec<f64> = starts.iter().map(|(time, _)| *time).collect();
            times.sort_by(f64::total_cmp);
            (times[2], starts[4].1)
        };
        let (time, resident) = best(&folder, &url);
        self.add("start, SQLite", time, 50.0, "ms", Target::AtMost(1.0));
        self.add("idle, SQLite", resident, 24.0, "MB", Target::AtMost(1.0));
        let (time, _) = best(&database_folder, &database_url);
        self.add("start, PostgreSQL", time, 150.0, "ms", Target::AtMost(1.0));
        let size = std::fs::metadata(service::binary()).expect("the program").len() as f64 / MEGABYTE;
        self.add("program", size, 24.0, "MB", Target::AtMost(1.0));
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
