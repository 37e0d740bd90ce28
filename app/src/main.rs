//! The `inwren` binary.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    inwren_app::cli::run().await
}
