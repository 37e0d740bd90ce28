//! Runs wrk for requests so cheap that the cost of our client would distort the figures.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

/// Sends requests with each token in turn. Requests are prepared in advance.
const SCRIPT: &str = r#"
local requests, last = {}, 0
init = function(tokens)
  for place, token in ipairs(tokens) do
    requests[place] = wrk.format("GET", wrk.path, { ["Authorization"] = "Bearer " .. token })
  end
end
request = function()
  last = last % #requests + 1
  return requests[last]
end
"#;

/// Successful responses per second to requests with these tokens, on this number of connections. Panics if wrk counts
/// other responses.
pub fn rate(address: SocketAddr, path: &str, tokens: &[&str], connections: usize, measured: Duration) -> f64 {
    let program = std::env::var("WRK").unwrap_or_else(|_| "wrk".to_owned());
    let script = std::env::temp_dir().join(format!("inwren-load-{}.lua", std::process::id()));
    std::fs::write(&script, SCRIPT).expect("a file");
    let run = Command::new(program)
        .args(["--threads=1", "--timeout=60s"])
        .arg(format!("--connections={connections}"))
        .arg(format!("--duration={}s", measured.as_secs().max(1)))
        .arg(format!("--script={}", script.display()))
        .arg(format!("http://{address}{path}"))
        .arg("--")
        .args(tokens)
        .output()
        .expect("wrk");
    let _ = std::fs::remove_file(script);
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && !text.contains("Non-2xx"), "{text}");
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    rate.unwrap_or_else(|| panic!("no figure in {text}"))
}
