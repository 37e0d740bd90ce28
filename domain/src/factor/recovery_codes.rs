//! Recovery codes: each replaces a second factor once.

use zeroize::Zeroizing;

use super::Code;
use crate::kernel::{EntropyError, PlainToken, TokenDigest, base32};
use crate::{Core, PortFailure};

/// How many codes a user gets at once.
pub const COUNT: usize = 10;
/// With this many codes or fewer left, each use sends a warning.
pub(crate) const FEW: u64 = 3;

/// New recovery codes. They are shown once: the store keeps their digests.
#[derive(Debug)]
pub(crate) struct NewCodes {
    pub(crate) codes: Vec<PlainToken>,
    pub(crate) digests: Vec<TokenDigest>,
}

/// Creates recovery codes of 120 random bits each, so that a fast digest suffices (OWASP ASVS 5.0, 6.5.2).
pub(crate) fn generate(core: &Core) -> Result<NewCodes, PortFailure> {
    let codes = (0..COUNT).map(|_| new_code(core)).collect::<Result<Vec<_>, _>>()?;
    let digest = |code: &PlainToken| Code::parse(code.expose()).ok().map(|code| code.digest(core));
    let digests = codes.iter().filter_map(digest).collect();
    Ok(NewCodes { codes, digests })
}

fn new_code(core: &Core) -> Result<PlainToken, EntropyError> {
    let mut random = Zeroizing::new([0; 15]);
    core.entropy.fill(random.as_mut_slice())?;
    let plain = Zeroizing::new(base32::encode(random.as_slice()));
    let mut code = String::with_capacity(Code::RECOVERY_CHARS + 5);
    for (place, digit) in plain.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            code.push('-');
        }
        code.push(digit);
    }
    Ok(PlainToken::new(code))
}
