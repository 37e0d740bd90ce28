//! Reads PEM as laxly as OpenSSL (RFC 7468 section 2): text, blank lines and other blocks around a block, lines of any
//! length, trailing blanks, a byte order mark.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A block of a PEM file.
pub struct Block<'a> {
    /// The label in its first line, such as `PRIVATE KEY`.
    pub label: &'a str,
    body: &'a str,
}

impl Block<'_> {
    /// Returns whether it is a certificate, by its usual label or that of old tools (RFC 7468 section 5.1).
    pub fn is_certificate(&self) -> bool {
        ["CERTIFICATE", "X509 CERTIFICATE"].contains(&self.label)
    }

    /// Returns whether it uses the encryption of OpenSSL before PKCS#8 (RFC 1421 section 4.6.1.1), which is not
    /// supported.
    pub fn has_old_encryption(&self) -> bool {
        self.body.contains("Proc-Type:") && self.body.contains("ENCRYPTED")
    }

    /// Decodes the content. Returns `None` if it is not base64.
    pub fn der(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut base64 = Zeroizing::new(String::with_capacity(self.body.len()));
        base64.extend(self.body.split_ascii_whitespace());
        STANDARD.decode(base64.as_bytes()).ok().map(Zeroizing::new)
    }
}

/// Returns the certificates of a file without the text around them, or `None` if one is not base64.
pub fn certificates_only(text: &str) -> Option<String> {
    let certificates = blocks(text).filter(Block::is_certificate);
    let block = |block: Block<'_>| {
        let base64 = STANDARD.encode(block.der()?);
        Some(format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n"))
    };
    certificates.map(block).collect()
}

/// Returns the complete blocks of a file in their order.
pub fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, behind) = rest.split_once("-----BEGIN ")?;
            rest = behind;
            let Some((label, body)) = behind.split_once("-----") else { continue };
            let Some((body, behind)) = body.split_once("-----END ") else { continue };
            if behind.strip_prefix(label).is_some_and(|behind| behind.starts_with("-----")) {
                rest = behind;
                return Some(Block { label, body });
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<Vec<u8>>)> {
        blocks(text).map(|block| (block.label.to_owned(), block.der().map(|der| der.to_vec()))).collect()
    }

    #[test]
    fn a_block_is_read_as_openssl_reads_it() {
        let expected = [("A KEY".to_owned(), Some(b"hello, world".to_vec()))];
        for text in [
            "-----BEGIN A KEY-----\naGVsbG8sIHdvcmxk\n-----END A KEY-----\n",
            "-----BEGIN A KEY-----\r\naGVsbG8sIHdvcmxk\r\n-----END A KEY-----",
            "-----BEGIN A KEY-----\raGVsbG8s\rIHdvcmxk\r-----END A KEY-----",
            "\u{feff}-----BEGIN A KEY-----\n\naGVs \n\tbG8sIHdv\ncmxk\n\n-----END A KEY-----   \n\n",
            "Bag Attributes: x\n  -----BEGIN A KEY-----\n  aGVsbG8sIHdvcmxk\n  -----END A KEY-----\nand so on",
            "-----BEGIN X-----\n-----BEGIN A KEY-----\naGVsbG8sIHdvcmxk\n-----END A KEY-----\n",
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn all_blocks_are_found_in_their_order() {
        let text = "-----BEGIN A-----\nAAAA\n-----END A-----\nx\n-----BEGIN B-----\n*\n-----END B-----\n";
        assert_eq!(read(text), [("A".to_owned(), Some(vec![0; 3])), ("B".to_owned(), None)]);
    }

    #[test]
    fn what_has_no_end_is_no_block() {
        for text in [
            "",
            "-----BEGIN A-----\nAAAA\n",
            "-----BEGIN A-----\nAAAA\n-----END B-----\n",
            "-----BEGIN A\nAAAA\n-----END A\n",
            "-----END A-----\n-----BEGIN A-----\n",
        ] {
            assert_eq!(read(text), [], "{text:?}");
        }
    }

    #[test]
    fn old_encryption_is_told_apart() {
        let text =
            "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END A-----\n";
        assert!(blocks(text).all(|block| block.has_old_encryption() && block.der().is_none()));
        assert!(
            !blocks("-----BEGIN A-----\nAAAA\n-----END A-----\n").any(|block| block.has_old_encryption())
        );
    }
}
