//! Base32 without padding (RFC 4648 section 6).

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Encodes the bytes, of which there must be a multiple of 5.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let digits = bytes.chunks(5).flat_map(|chunk| {
        let bits = chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        (0..8).rev().map(move |place| ALPHABET[(bits >> (5 * place) & 31) as usize])
    });
    digits.map(char::from).collect()
}

/// Decodes a text of exactly `N` bytes, a multiple of 5. Letters must be in upper case.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N / 5 * 8 {
        return None;
    }
    let mut bytes = [0; N];
    for (digits, chunk) in text.as_bytes().chunks(8).zip(bytes.chunks_mut(5)) {
        let mut bits = 0_u64;
        for digit in digits {
            let value = ALPHABET.iter().position(|known| known == digit)?;
            bits = bits << 5 | u64::try_from(value).ok()?;
        }
        chunk.copy_from_slice(bits.to_be_bytes().get(3..)?);
    }
    Some(bytes)
}

/// Whether the character is a digit of base32 in upper case.
pub(crate) fn is_digit(c: char) -> bool {
    u8::try_from(c).is_ok_and(|byte| ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_standard_are_encoded() {
        assert_eq!(encode(b"fooba"), "MZXW6YTB");
        assert_eq!(encode(&[0xff; 10]), "7".repeat(16));
        assert_eq!(decode::<5>("MZXW6YTB"), Some(*b"fooba"));
        assert_eq!(decode::<10>(&"7".repeat(16)), Some([0xff; 10]));
        for wrong in ["mzxw6ytb", "MZXW6YT", "MZXW6YTBA", "MZXW6YT1", "MZXW6YT="] {
            assert_eq!(decode::<5>(wrong), None, "{wrong}");
        }
        assert!(is_digit('A') && is_digit('7') && !is_digit('a') && !is_digit('1') && !is_digit('é'));
    }
}
