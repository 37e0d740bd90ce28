use inwren_adapters::limiter::RedisTarget;

use super::source::Source;
use super::value;

/// The Redis that stores the rate limits.
#[derive(Clone, Debug)]
pub struct Redis {
    /// Its address.
    pub target: RedisTarget,
    /// The prefix of all keys.
    pub key_prefix: String,
}

/// Reads the settings. The outer `None` is an error, the inner `None` means no Redis.
#[allow(clippy::option_option, reason = "an error and an absence are two things here")]
pub(super) fn read(source: &mut Source) -> Option<Option<Redis>> {
    let key_prefix = source.parse("REDIS_KEY_PREFIX", value::word);
    let authorities = source.text("REDIS_CA_PATH").map(str::to_owned);
    let Some(url) = source.text("REDIS_URL").map(|url| url.trim().to_owned()) else {
        if authorities.is_some() {
            source.refuse("REDIS_CA_PATH", "needs REDIS_URL");
            return None;
        }
        return Some(None);
    };
    let target = match RedisTarget::parse(&url) {
        Ok(target) => target,
        Err(error) => {
            source.refuse("REDIS_URL", &error.to_string());
            return None;
        }
    };
    let target = match authorities {
        None => target,
        Some(path) => {
            let pem = std::fs::read(path.trim()).map_err(|error| format!("cannot be read: {error}"));
            let trusting = |pem: Vec<u8>| target.trusting(&pem).map_err(|error| error.to_string());
            match pem.and_then(trusting) {
                Ok(target) => target,
                Err(problem) => {
                    source.refuse("REDIS_CA_PATH", &problem);
                    return None;
                }
            }
        }
    };
    Some(Some(Redis { target, key_prefix: key_prefix? }))
}
