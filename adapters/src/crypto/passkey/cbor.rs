//! A strict reader of CBOR (RFC 8949), for the subset that authenticators write (CTAP 2.2 section 8):
//! definite lengths, shortest forms, no tags, no floating-point numbers, at most 4 levels.

use std::collections::BTreeSet;

use super::MAX_BYTES;

/// Deepest nesting of arrays and maps.
const MAX_DEPTH: u8 = 4;

/// A data item. It borrows from the encoding.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// An integer from -2⁶⁴ to 2⁶⁴ - 1.
    Integer(i128),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text string.
    Text(&'a str),
    /// An array.
    Array(Vec<Self>),
    /// A map with distinct keys, which are integers or text.
    Map(Map<'a>),
    /// A truth value.
    Bool(bool),
    /// Null.
    Null,
}

/// A map with distinct keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Map<'a>(Vec<(Item<'a>, Item<'a>)>);

impl<'a> Map<'a> {
    /// Finds the value of an integer.
    pub(super) fn at(&self, key: i128) -> Option<&Item<'a>> {
        self.get(&Item::Integer(key))
    }

    /// Finds the value of a text.
    pub(super) fn named(&self, key: &'static str) -> Option<&Item<'a>> {
        self.get(&Item::Text(key))
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no entries.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, key: &Item<'_>) -> Option<&Item<'a>> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }
}

/// Reads a map that makes up the whole encoding.
pub(super) fn read_map(encoded: &[u8]) -> Option<Map<'_>> {
    let (map, rest) = read_map_prefix(encoded)?;
    rest.is_empty().then_some(map)
}

/// Reads a map at the start of `encoded`. Returns it with the bytes after it.
pub(super) fn read_map_prefix(encoded: &[u8]) -> Option<(Map<'_>, &[u8])> {
    if encoded.len() > MAX_BYTES {
        return None;
    }
    let mut reader = Reader { rest: encoded };
    match reader.item(MAX_DEPTH)? {
        Item::Map(map) => Some((map, reader.rest)),
        _ => None,
    }
}

/// The bytes that are not read yet.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads an item with at most `depth` levels of arrays and maps. The depth bounds the recursion.
    fn item(&mut self, depth: u8) -> Option<Item<'a>> {
        let (major, argument) = self.head()?;
        Some(match major {
            0 => Item::Integer(argument.into()),
            1 => Item::Integer(-1 - i128::from(argument)),
            2 => Item::Bytes(self.take(argument)?),
            3 => Item::Text(std::str::from_utf8(self.take(argument)?).ok()?),
            4 => Item::Array(self.array(argument, depth.checked_sub(1)?)?),
            5 => Item::Map(self.map(argument, depth.checked_sub(1)?)?),
            7 => simple(argument)?,
            // Tags.
            _ => return None,
        })
    }

    /// Reads the major type and the argument (RFC 8949 section 3), which must have its shortest form.
    fn head(&mut self) -> Option<(u8, u64)> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        let (major, short) = (first >> 5, first & 0x1f);
        let (argument, smallest) = match short {
            0..=23 => (short.into(), 0),
            24 => (self.number(1)?, 24),
            25 => (self.number(2)?, 1 << 8),
            26 => (self.number(4)?, 1 << 16),
            27 => (self.number(8)?, 1 << 32),
            // Reserved values, and lengths that are indefinite.
            _ => return None,
        };
        (argument >= smallest).then_some((major, argument))
    }

    fn number(&mut self, bytes: u64) -> Option<u64> {
        let bytes = self.take(bytes)?;
        Some(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// Reads items one by one: memory for a length that the encoding only claims is never reserved.
    fn array(&mut self, length: u64, depth: u8) -> Option<Vec<Item<'a>>> {
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.item(depth)?);
        }
        Some(items)
    }

    fn map(&mut self, length: u64, depth: u8) -> Option<Map<'a>> {
        let mut entries = Vec::new();
        // Each value has one shortest form, so equal keys have equal encodings.
        let mut keys = BTreeSet::new();
        for _ in 0..length {
            let start = self.rest;
            let key = self.item(0)?;
            let encoded = start.get(..start.len() - self.rest.len())?;
            if !matches!(key, Item::Integer(_) | Item::Text(_)) || !keys.insert(encoded) {
                return None;
            }
            entries.push((key, self.item(depth)?));
        }
        Some(Map(entries))
    }
}

/// The meaning of major type 7. Values above 23 are none: their heads are those of floating-point numbers.
const fn simple<'a>(value: u64) -> Option<Item<'a>> {
    match value {
        20 => Some(Item::Bool(false)),
        21 => Some(Item::Bool(true)),
        22 => Some(Item::Null),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an item that makes up the whole encoding.
    fn read(encoded: &[u8]) -> Option<Item<'_>> {
        let mut reader = Reader { rest: encoded };
        let item = reader.item(MAX_DEPTH)?;
        reader.rest.is_empty().then_some(item)
    }

    /// Examples of RFC 8949, appendix A.
    #[test]
    fn items_match_the_standard() {
        for (encoded, item) in [
            (&[0x00][..], Item::Integer(0)),
            (&[0x17], Item::Integer(23)),
            (&[0x18, 0x18], Item::Integer(24)),
            (&[0x19, 0x03, 0xe8], Item::Integer(1_000)),
            (&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Item::Integer(u64::MAX.into())),
            (&[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Item::Integer(-(1 << 64))),
            (&[0x39, 0x03, 0xe7], Item::Integer(-1_000)),
            (&[0xf4], Item::Bool(false)),
            (&[0xf5], Item::Bool(true)),
            (&[0xf6], Item::Null),
            (&[0x40], Item::Bytes(&[])),
            (&[0x44, 1, 2, 3, 4], Item::Bytes(&[1, 2, 3, 4])),
            (&[0x62, 0xc3, 0xbc], Item::Text("ü")),
            (&[0x82, 0x01, 0x80], Item::Array(vec![Item::Integer(1), Item::Array(Vec::new())])),
            (&[0xa1, 0x61, 0x61, 0x01], Item::Map(Map(vec![(Item::Text("a"), Item::Integer(1))]))),
        ] {
            assert_eq!(read(encoded), Some(item), "{encoded:02x?}");
        }
    }

    #[test]
    fn other_encodings_are_refused() {
        for encoded in [
            &[0x18, 0x17][..],                        // 23 in two bytes.
            &[0x19, 0x00, 0xff],                      // 255 in three.
            &[0x1a, 0x00, 0x00, 0xff, 0xff],          // 65,535 in five.
            &[0x1b, 0, 0, 0, 0, 0xff, 255, 255, 255], // 2³² - 1 in nine.
            &[0x58, 0x01, 0x00],                      // A length in two bytes.
            &[0x1c],                                  // Reserved.
            &[0x5f, 0x41, 0x00, 0xff],                // Indefinite lengths.
            &[0x7f, 0xff],
            &[0xbf, 0xff],
            &[0xc0, 0x60],          // A tag.
            &[0xf7],                // Undefined.
            &[0xf8, 0x18],          // A simple value in two bytes.
            &[0xf9, 0x00, 0x00],    // A floating-point number.
            &[0xf9, 0x00, 0x14],    // One that looks like `false`.
            &[0xe0],                // An unassigned simple value.
            &[0xff],                // A break.
            &[0x61, 0xff],          // Text that is not UTF-8.
            &[0xa2, 1, 2, 1, 3],    // Keys twice.
            &[0xa1, 0x41, 0x61, 1], // Keys of other types.
            &[0xa1, 0x80, 1],
            &[0x81, 0x81, 0x81, 0x81, 0x80], // Five levels.
            &[0xa1, 1, 0xa1, 1, 0xa1, 1, 0xa1, 1, 0xa0],
            &[0x5b, 255, 255, 255, 255, 255, 255, 255, 255], // Lengths beyond the end.
            &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255, 0],
            &[0xbb, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0],
            &[0x00, 0x00], // Trailing bytes.
            &[],
        ] {
            assert_eq!(read(encoded), None, "{encoded:02x?}");
        }
        assert!(read(&[0x81, 0x81, 0x81, 0x80]).is_some());
    }

    #[test]
    fn maps_have_bounds() {
        let map_of = |length: usize| {
            let length = u16::try_from(length).unwrap().to_be_bytes();
            [&[0xa1, 0x00, 0x59][..], &length, &vec![0; u16::from_be_bytes(length).into()]].concat()
        };
        let largest = map_of(MAX_BYTES - 5);
        assert_eq!(largest.len(), MAX_BYTES);
        assert!(read_map(&largest).is_some());
        assert!(read_map(&map_of(MAX_BYTES - 4)).is_none());
        assert!(read_map(&[0x80]).is_none());
        assert!(read_map(&[0xa0, 0x00]).is_none());
        assert_eq!(read_map_prefix(&[0xa0, 0x00]), Some((Map(Vec::new()), &[0x00][..])));
    }
}
