#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| inwren_tests::fuzz::run("authorization_request", bytes));
