use std::fmt;

use sha2::{Digest as _, Sha256};

/// A checksum that shows whether two stores have the same users: the sum of the SHA-256 digests of their lines, as
/// numbers, modulo 2²⁵⁶. It does not depend on the order of the lines. A missing, changed or duplicate line changes the
/// sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// Adds a line, without its line break.
    pub fn add(&mut self, line: &[u8]) {
        let digest: [u8; 32] = Sha256::digest(line).into();
        let mut carry = 0;
        for (sum, byte) in self.0.iter_mut().zip(digest).rev() {
            let total = u16::from(*sum) + u16::from(byte) + carry;
            *sum = total.to_le_bytes()[0];
            carry = total >> 8;
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Checksum {
        let mut checksum = Checksum::default();
        lines.iter().for_each(|line| checksum.add(line.as_bytes()));
        checksum
    }

    #[test]
    fn one_line_is_its_digest() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(&["abc"]).to_string(), abc);
        assert_eq!(of(&[]).to_string(), "0".repeat(64));
    }

    #[test]
    fn the_order_is_nothing_and_everything_else_is_something() {
        let three = of(&["a", "b", "c"]);
        assert_eq!(three, of(&["c", "a", "b"]));
        for other in [of(&["a", "b"]), of(&["a", "b", "c", "c"]), of(&["a", "b", "d"]), of(&["ab", "c", ""])]
        {
            assert_ne!(three, other);
        }
        // The sum overflows, and the carry propagates.
        let mut many = Checksum([0xff; 32]);
        many.add(b"abc");
        assert_eq!(many.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ac");
    }
}
