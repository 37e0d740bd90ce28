//! The maximum rates of the machine: each component of a request, alone, on all cores.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use inwren_adapters::crypto::argon2::Argon2Parameters;
use poem::endpoint::make_sync;
use poem::{EndpointExt as _, Response};

/// The length of the signed part of a token.
const MESSAGE: [u8; 600] = [b'a'; 600];

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Returns how often per second all cores together perform the work. Each thread has a separate state.
fn on_all_cores<S>(measured: Duration, prepare: impl Fn() -> S + Sync, work: impl Fn(&mut S) + Sync) -> f64 {
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                let mut state = prepare();
                while !stop.load(Ordering::Relaxed) {
                    work(&mut state);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while begun.elapsed() < measured {
            thread::park_timeout(measured.saturating_sub(begun.elapsed()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

/// The memory of concurrent hashes in bytes, if all use the service's own parameters.
pub fn hashing_memory() -> u64 {
    cores() as u64 * u64::from(Argon2Parameters::default().memory_kib) * 1_024
}

/// Argon2id hashes per second with the default parameters, in reused memory.
pub fn hashes(measured: Duration) -> f64 {
    let Argon2Parameters { memory_kib, iterations, parallelism } = Argon2Parameters::default();
    let params = Params::new(memory_kib, iterations, parallelism, Some(32)).expect("the default parameters");
    let blocks = params.block_count();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    on_all_cores(
        measured,
        || vec![Block::default(); blocks],
        |memory| {
            let mut output = [0; 32];
            argon2
                .hash_password_into_with_memory(b"a pass phrase", &[7; 16], &mut output, memory)
                .expect("a hash");
        },
    )
}

/// RSA-2048 signatures and verifications per second.
pub fn signatures(measured: Duration) -> (f64, f64) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let sign = |pair: &RsaKeyPair| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &MESSAGE, &mut signature).expect("a signature");
        signature
    };
    let signed = on_all_cores(measured, || (), |()| drop(sign(&pair)));
    let signature = sign(&pair);
    let spki = pair.public_key().as_der().expect("a public key");
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki.as_ref()).expect("a public key");
    let verify = |(): &mut ()| public.verify_sig(&MESSAGE, &signature).expect("a good signature");
    (signed, on_all_cores(measured, || (), verify))
}

/// Responses per second of a route without work, with the same server and the same clients.
pub fn bare_route(measured: Duration, connections: usize) -> f64 {
    let (told, address) = std::sync::mpsc::channel::<SocketAddr>();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            told.send(listener.local_addr().expect("an address")).expect("somebody who asked");
            let answer = |_| Response::builder().content_type("application/json").body(r#"{"status":"ok"}"#);
            let options = inwren_app::runtime::server::ServerOptions {
                connections: inwren_app::runtime::server::Connections::of_clients(1_000, Vec::new()),
                header_timeout: inwren_app::runtime::server::HEADER_TIMEOUT,
                shutdown_notice: Duration::ZERO,
                shutdown_grace: Duration::from_secs(1),
                transport: inwren_app::runtime::server::Transport::default(),
            };
            let stop = async move { drop(stopped.await) };
            inwren_app::runtime::server::serve(listener, make_sync(answer).boxed().into(), options, stop)
                .await;
        });
    });
    let address = address.recv().expect("an address");
    let rate = crate::wrk::rate(address, "/", &["none"], connections, measured);
    drop(stop);
    server.join().expect("a server that ends");
    rate
}

/// Transactions per second of `pgbench -S`, which selects one row by its key.
pub fn point_reads(measured: Duration, url: &str, connections: usize) -> f64 {
    let program = std::env::var("PGBENCH").unwrap_or_else(|_| "pgbench".to_owned());
    let run = |arguments: &[&str]| {
        let run = Command::new(&program).args(arguments).arg(url).output().expect("pgbench");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8_lossy(&run.stdout).into_owned()
    };
    run(&["--initialize", "--quiet", "--scale=10"]);
    let connections = connections.to_string();
    let (seconds, threads) = (measured.as_secs().to_string(), cores().to_string());
    let text = run(&["-S", "-n", "-M", "prepared", "-c", &connections, "-j", &threads, "-T", &seconds]);
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("no figure in {text}"))
}
