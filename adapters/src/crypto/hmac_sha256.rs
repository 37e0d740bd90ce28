//! HMAC-SHA-256 (RFC 2104).

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// A key of HMAC-SHA-256, padded with zeros to the block size of the hash (RFC 2104 section 2).
pub(super) type Block = [u8; 64];

/// Computes the code of a message in several parts.
pub(super) fn hmac(key: &Block, message: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new(key.into());
    for part in message {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Pads a key of at most 64 bytes.
pub(super) const fn padded<const N: usize>(key: [u8; N]) -> Block {
    let mut block = [0; 64];
    let (start, _) = block.split_at_mut(N);
    start.copy_from_slice(&key);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_hmac_of_the_standard() {
        // RFC 4231 section 4.3.
        let expected = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
            0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        assert_eq!(hmac(&padded(*b"Jefe"), &[b"what do ya want ", b"for nothing?"]), expected);
    }
}
