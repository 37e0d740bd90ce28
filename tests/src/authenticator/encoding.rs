//! Writes CBOR (RFC 8949).

/// An integer.
pub fn integer(value: i64) -> Vec<u8> {
    let argument = if value < 0 { -1 - value } else { value };
    head(u8::from(value < 0), argument.unsigned_abs())
}

/// A byte string.
pub fn bytes(value: &[u8]) -> Vec<u8> {
    [&head(2, value.len() as u64), value].concat()
}

/// A text string.
pub fn text(value: &str) -> Vec<u8> {
    [&head(3, value.len() as u64), value.as_bytes()].concat()
}

/// An array of encoded items.
pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len() as u64), items.concat()].concat()
}

/// A map of encoded keys and values, in this order.
pub fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let entries_only = entries.iter().flat_map(|(key, value)| [key.clone(), value.clone()].concat());
    head(5, entries.len() as u64).into_iter().chain(entries_only).collect()
}

/// The shortest form of a major type and its argument.
fn head(major: u8, argument: u64) -> Vec<u8> {
    let [.., a, b, c, d] = argument.to_be_bytes();
    let first = |short: u8| major << 5 | short;
    match argument {
        0..=23 => vec![first(d)],
        24..=0xff => vec![first(24), d],
        0x100..=0xffff => vec![first(25), c, d],
        0x1_0000..=0xffff_ffff => vec![first(26), a, b, c, d],
        _ => [&[first(27)][..], &argument.to_be_bytes()].concat(),
    }
}
