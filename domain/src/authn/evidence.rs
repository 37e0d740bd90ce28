use super::{Acr, Amr, Assurance};

/// Something that a user presented and that was verified. A link or code in a letter is none: it proves a mailbox,
/// which a person may have taken over together with the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The correct password.
    Password,
    /// The code of an authenticator app.
    Totp,
    /// A recovery code.
    RecoveryCode,
    /// A passkey whose authenticator did not verify its user: it proves possession only.
    Passkey(KeyStorage),
    /// A passkey whose authenticator verified its user by a PIN or a biometric feature: two factors in one.
    VerifyingPasskey(KeyStorage),
    /// A device on which the user has shown a second factor before.
    TrustedDevice,
}

/// Where the private key of a passkey is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStorage {
    /// In one authenticator, which never copies it.
    Hardware,
    /// In a key store that may copy it to other devices.
    Software,
}

impl Evidence {
    /// Whether a user with a second factor needs nothing besides this and the password.
    pub(super) fn is_second_step(self) -> bool {
        !matches!(self, Self::Password)
    }

    /// The method's name (RFC 8176 section 2), if it has one.
    fn method(self) -> Option<&'static str> {
        match self {
            Self::Password => Some("pwd"),
            Self::Totp | Self::RecoveryCode => Some("otp"),
            Self::Passkey(storage) | Self::VerifyingPasskey(storage) => Some(match storage {
                KeyStorage::Hardware => "hwk",
                KeyStorage::Software => "swk",
            }),
            Self::TrustedDevice => None,
        }
    }
}

/// Returns the assurance that the evidence gives; `None` if it is not enough for a session.
///
/// A password alone gives `aal1`, and so does a password on a trusted device: the device proves nothing now. A password
/// with a code or a passkey gives `aal2`. A passkey with user verification gives `phr`, with or without a password.
pub(super) fn assess(evidence: &[Evidence]) -> Option<Assurance> {
    let has = |is: fn(&Evidence) -> bool| evidence.iter().any(is);
    let has_password = has(|one| *one == Evidence::Password);
    let has_factor = has(|one| matches!(one, Evidence::Totp | Evidence::RecoveryCode | Evidence::Passkey(_)));
    let acr = if has(|one| matches!(one, Evidence::VerifyingPasskey(_))) {
        Acr::Phr
    } else if has_password && has_factor {
        Acr::Aal2
    } else if has_password {
        Acr::Aal1
    } else {
        return None;
    };
    let mut methods: Vec<&str> = Vec::new();
    for method in evidence.iter().filter_map(|one| one.method()) {
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    if acr > Acr::Aal1 {
        methods.push("mfa");
    }
    Some(Assurance { acr, amr: Amr::from_stored(&methods.join(" ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Evidence; 6] = [
        Evidence::Password,
        Evidence::Totp,
        Evidence::RecoveryCode,
        Evidence::Passkey(KeyStorage::Hardware),
        Evidence::VerifyingPasskey(KeyStorage::Software),
        Evidence::TrustedDevice,
    ];

    #[test]
    fn every_combination_has_its_assurance() {
        for set in 0_usize..1 << KINDS.len() {
            let has = |place: usize| set >> place & 1 == 1;
            let evidence: Vec<Evidence> =
                KINDS.into_iter().enumerate().filter_map(|(place, one)| has(place).then_some(one)).collect();
            let [password, totp, recovery, passkey, verifying, _] = std::array::from_fn(has);
            let expected = match (verifying, password, totp || recovery || passkey) {
                (true, _, _) => Some(Acr::Phr),
                (false, true, true) => Some(Acr::Aal2),
                (false, true, false) => Some(Acr::Aal1),
                (false, false, _) => None,
            };
            assert_eq!(assess(&evidence).map(|assurance| assurance.acr), expected, "{evidence:?}");
        }
    }

    #[test]
    fn methods_have_their_standard_names() {
        let amr = |evidence: &[Evidence]| assess(evidence).map(|found| found.amr.as_str().to_owned());
        let [password, totp, recovery, passkey, verifying, device] = KINDS;
        assert_eq!(amr(&[password]).as_deref(), Some("pwd"));
        assert_eq!(amr(&[password, device]).as_deref(), Some("pwd"));
        assert_eq!(amr(&[password, totp]).as_deref(), Some("pwd otp mfa"));
        assert_eq!(amr(&[password, recovery]).as_deref(), Some("pwd otp mfa"));
        assert_eq!(amr(&[password, passkey]).as_deref(), Some("pwd hwk mfa"));
        assert_eq!(amr(&[verifying]).as_deref(), Some("swk mfa"));
        assert_eq!(amr(&[totp, device]), None);
    }
}
