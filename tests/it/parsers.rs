//! Every parser of external input, with its seeds and mutations of them. The fuzzers in `tests/fuzz` do the same for
//! longer.

use std::path::Path;

use inwren_tests::app::forge::Forger;
use inwren_tests::app::key;
use inwren_tests::fuzz::{self, TARGETS};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::json;

/// Inputs per parser, in addition to its seeds.
const CASES: u32 = 300;

macro_rules! each_takes_anything {
    ($($target:ident)+) => {
        $(#[test]
        fn $target() {
            takes_anything(stringify!($target));
        })+

        /// Finds parsers that no test tries.
        #[test]
        fn every_parser_is_tried() {
            let tried = [$(stringify!($target)),+];
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, tried);
            let mut fuzzers: Vec<String> = names_in(&folder().join("fuzz_targets"));
            fuzzers.iter_mut().for_each(|name| name.truncate(name.len() - ".rs".len()));
            assert_eq!(fuzzers, tried);
            assert_eq!(names_in(&folder().join("seeds")), tried);
        }
    };
}

each_takes_anything! {
    address attestation authenticator_data authorization_request basic claims claims_parameter
    client_assertion client_data clients_file cursor dotenv email form forwarded headers json jwk_set
    page_form password pem phc proxy_header redirect_uri scope token token_header
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort_unstable();
    names
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = folder().join("seeds").join(target);
    let read = |name: String| std::fs::read(folder.join(name)).expect("a seed");
    let mut seeds: Vec<Vec<u8>> = names_in(&folder).into_iter().map(read).collect();
    // The repository contains no private key and no token, so the test generates these seeds.
    match target {
        "jwk_set" => {
            let set = json!({ "keys": [Forger::with(key()).jwk("one")] });
            seeds.push(set.to_string().into_bytes());
        }
        "pem" => seeds.push(key().to_pem().expect("a key in PEM").as_bytes().to_vec()),
        "token_header" => {
            let ours = format!(r#"{{"alg":"RS256","kid":"{}","typ":"at+jwt"}}"#, key().public().id());
            seeds.push(ours.into_bytes());
        }
        _ => {}
    }
    assert!(!seeds.is_empty(), "{target}");
    seeds
}

/// A seed with a part of it replaced, or random bytes.
fn near(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..6),
        proptest::sample::select(seeds.clone()),
        "\\PC{0,6}".prop_map(String::into_bytes),
        proptest::sample::select(vec![
            &b"\0"[..],
            b"%00",
            b"\"",
            b"\\u0000",
            b"null",
            b",",
            b";",
            b"=",
            b".",
            b"\r\n"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    let changed = (proptest::sample::select(seeds), any::<proptest::sample::Index>(), 0_usize..12, piece)
        .prop_map(|(seed, place, length, piece)| {
            let start = place.index(seed.len() + 1);
            let end = seed.len().min(start + length);
            [&seed[..start], &piece, &seed[end..]].concat()
        });
    prop_oneof![8 => changed, 1 => proptest::collection::vec(any::<u8>(), 0..200)]
}

fn takes_anything(target: &str) {
    let seeds = seeds(target);
    for seed in &seeds {
        fuzz::run(target, seed);
    }
    let config =
        Config { cases: CASES, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() };
    let tried = TestRunner::new(config).run(&near(seeds), |bytes| {
        fuzz::run(target, &bytes);
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{target}: {error}");
    }
}
