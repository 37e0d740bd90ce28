//! Base64url without padding (RFC 4648 section 5).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes the bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |place| ALPHABET[(bits >> (18 - 6 * place) & 63) as usize])
    });
    digits.map(char::from).collect()
}

/// Decodes a text of exactly `N` bytes. `None` unless it is the only form of these bytes.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != (N * 4).div_ceil(3) {
        return None;
    }
    let mut bytes = [0; N];
    let (mut bits, mut width, mut next) = (0_u32, 0, 0);
    for digit in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        width += 6;
        if width >= 8 {
            width -= 8;
            *bytes.get_mut(next)? = u8::try_from(bits >> width & 0xff).ok()?;
            next += 1;
        }
    }
    // The last digit must not have bits that no byte has.
    (bits & ((1 << width) - 1) == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_reverses_encoding() {
        assert_eq!(encode(b"\xfb\xff"), "-_8");
        assert_eq!(decode::<2>("-_8"), Some(*b"\xfb\xff"));
        assert_eq!(decode::<52>(&encode(&[0xa5; 52])), Some([0xa5; 52]));
        for wrong in ["-_9", "-_", "-_8=", "+/8", "-_8A", "é8"] {
            assert_eq!(decode::<2>(wrong), None, "{wrong}");
        }
    }
}
