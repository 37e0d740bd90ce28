use aws_lc_rs::hmac;
use time::OffsetDateTime;

/// The code of an authenticator app with this secret at this time.
pub fn totp_code(secret_base32: &str, time: OffsetDateTime) -> String {
    let step = u64::try_from(time.unix_timestamp() / 30).expect("a time after 1970");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &from_base32(secret_base32));
    let code = hmac::sign(&key, &step.to_be_bytes());
    let code = code.as_ref();
    let offset = usize::from(code[19] & 0x0f);
    let number = u32::from_be_bytes(code[offset..offset + 4].try_into().expect("4 bytes"));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// The bytes of a text in base32 (RFC 4648 section 6), without padding.
fn from_base32(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut width) = (Vec::new(), 0_u32, 0);
    for digit in text.chars() {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(digit).expect("a digit of base32");
        bits = (bits << 5 | u32::try_from(value).expect("5 bits")) & 0xffff;
        width += 5;
        if width >= 8 {
            width -= 8;
            bytes.push((bits >> width & 0xff) as u8);
        }
    }
    bytes
}
