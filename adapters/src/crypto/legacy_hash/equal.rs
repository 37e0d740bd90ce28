/// Compares in time that does not depend on the position of the difference (OWASP ASVS 5.0, 11.2.4).
pub(super) fn is_equal<const N: usize>(one: &[u8; N], other: &[u8; N]) -> bool {
    let differing = one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b));
    std::hint::black_box(differing) == 0
}
