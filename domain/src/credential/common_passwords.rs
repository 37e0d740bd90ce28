/// Common passwords of at least 8 characters, in lower case, one per line, in byte order: from the public frequency
/// counts of leaked passwords, far more than the 3,000 that OWASP ASVS 5.0, 6.2.4, requires.
const LIST: &str = include_str!("common_passwords.txt");

/// Whether a password, in lower case, is on the list.
pub(super) fn is_common(lower: &str) -> bool {
    // A binary search in the text itself: the list costs no memory and no time at startup.
    let (mut low, mut high) = (0, LIST.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = LIST.as_bytes()[..middle].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let end =
            LIST.as_bytes()[middle..].iter().position(|b| *b == b'\n').map_or(LIST.len(), |i| middle + i);
        match LIST.as_bytes()[start..end].cmp(lower.as_bytes()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_and_the_list_is_sorted() {
        assert!(LIST.lines().all(is_common));
        assert!(LIST.lines().is_sorted());
        assert!(LIST.lines().all(|line| line.chars().count() >= 8 && line == line.to_lowercase()));
        assert!(LIST.lines().count() > 3_000);
    }

    #[test]
    fn nothing_else_is() {
        for word in
            ["", "\n", "a", "passwor", "password\n12345678", "zzzzzzzzzzzzzzzzzzz", "securepassword123"]
        {
            assert!(!is_common(word), "{word:?}");
        }
    }
}
