use inwren_domain::authn::Method;
use inwren_domain::factor::enrol::{Enrolled, NewTotp};
use inwren_domain::factor::manage::Factors;
use inwren_domain::factor::{Factor, FactorKind, FactorName};
use inwren_domain::kernel::PlainToken;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::shared::body::{EXAMPLE_TIME, object, request_body};
use crate::http::shared::passkeys::AttestationDto;

const EXAMPLE_ID: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e28);
const EXAMPLE_URI: &str = "otpauth://totp/Inwren%20Auth:ann%40example.org\
    ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Inwren%20Auth&algorithm=SHA1&digits=6&period=30";

object! {
    /// A second factor.
    #[oai(rename = "Factor")]
    pub(super) FactorDto {
        /// Identifies the factor.
        id: Uuid = EXAMPLE_ID,
        /// What it is: `totp`, an authenticator app, or `passkey`. Later versions may add methods.
        method: String = Method::Passkey.as_str().to_owned(),
        /// The name that you gave it.
        #[oai(nullable)]
        name: Option<String> = Some("My phone".to_owned()),
        /// When it was enrolled.
        created_at: OffsetDateTime = EXAMPLE_TIME,
        /// When it was last used.
        #[oai(nullable)]
        last_used_at: Option<OffsetDateTime> = Some(EXAMPLE_TIME + time::Duration::days(1)),
        /// Whether copies of the passkey exist, on other devices or in a cloud. Only for passkeys.
        #[oai(skip_serializing_if_is_none)]
        backed_up: Option<bool> = Some(true),
        /// Whether its authenticator verifies the user by a PIN or a biometric feature: then it can log in without a
        /// password. Only for passkeys.
        #[oai(skip_serializing_if_is_none)]
        verifies_user: Option<bool> = Some(true),
    }
}

impl From<&Factor> for FactorDto {
    fn from(factor: &Factor) -> Self {
        let (method, passkey) = match &factor.kind {
            FactorKind::Totp(_) => (Method::Totp, None),
            FactorKind::Passkey(passkey) => (Method::Passkey, Some(passkey)),
        };
        Self {
            id: factor.id.as_uuid(),
            method: method.as_str().to_owned(),
            name: factor.name.as_ref().map(|name| name.as_str().to_owned()),
            created_at: factor.created_at,
            last_used_at: factor.last_used_at,
            backed_up: passkey.map(|passkey| passkey.is_backed_up),
            verifies_user: passkey.map(|passkey| passkey.verifies_user),
        }
    }
}

object! {
    /// Your second factors.
    #[oai(rename = "FactorList")]
    pub(super) FactorListDto {
        /// The factors, oldest first.
        items: Vec<FactorDto> = vec![FactorDto::example()],
        /// How many recovery codes are left.
        recovery_codes_left: u64 = 10,
    }
}

impl From<Factors> for FactorListDto {
    fn from(found: Factors) -> Self {
        Self {
            items: found.factors.iter().map(FactorDto::from).collect(),
            recovery_codes_left: found.recovery_codes_left,
        }
    }
}

object! {
    /// A second factor that counts from now on.
    #[oai(rename = "EnrolledFactor")]
    pub(super) EnrolledFactorDto {
        /// The factor.
        #[oai(flatten)]
        factor: FactorDto = FactorDto::example(),
        /// Ten recovery codes, with the first factor of the account. They are shown only here: the user has to store
        /// them.
        #[oai(skip_serializing_if_is_none)]
        recovery_codes: Option<Vec<String>> = Some(example_codes()),
    }
}

impl From<Enrolled> for EnrolledFactorDto {
    fn from(enrolled: Enrolled) -> Self {
        Self {
            factor: FactorDto::from(&enrolled.factor),
            recovery_codes: enrolled.recovery_codes.as_deref().map(texts),
        }
    }
}

object! {
    /// Ten recovery codes. The earlier ones are void.
    #[oai(rename = "NewRecoveryCodes")]
    pub(super) NewRecoveryCodesDto {
        /// The codes. They are shown only here: the user has to store them.
        recovery_codes: Vec<String> = example_codes(),
    }
}

impl From<Vec<PlainToken>> for NewRecoveryCodesDto {
    fn from(codes: Vec<PlainToken>) -> Self {
        Self { recovery_codes: texts(&codes) }
    }
}

fn texts(codes: &[PlainToken]) -> Vec<String> {
    codes.iter().map(|code| code.expose().to_owned()).collect()
}

fn example_codes() -> Vec<String> {
    ["MFRG-GZDF-MZTW-Q2LK-NNWG-23TP", "OBYX-E43U-OV3H-O6DZ-PIYD-CMRT"].map(str::to_owned).to_vec()
}

object! {
    /// An authenticator app that waits for its confirmation.
    #[oai(rename = "NewTotp")]
    pub(super) NewTotpDto {
        /// Identifies the factor.
        id: Uuid = EXAMPLE_ID,
        /// The key URI. A link with it opens an authenticator app on the same device.
        uri: String = EXAMPLE_URI.to_owned(),
        /// The secret in base32, for a person who types it.
        secret: String = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned(),
        /// A QR code of the key URI, as an SVG image without script.
        qr_svg: String = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 57 57\"></svg>".to_owned(),
    }
}

impl NewTotpDto {
    pub(super) fn new(totp: &NewTotp, qr_svg: String) -> Self {
        Self {
            id: totp.id.as_uuid(),
            uri: totp.uri.expose().to_owned(),
            secret: totp.secret.expose().to_owned(),
            qr_svg,
        }
    }
}

request_body! {
    /// A new authenticator app.
    AddTotpRequest {
        /// A name for it: 1 to 64 characters.
        #[oai(nullable, validator(min_length = 1, max_length = 64))]
        name: Option<String> = Some("My phone".to_owned()),
    }
    check(fields) {
        if let Some(Some(name)) = &name {
            fields.check("name", name_of(name));
        }
    }
}

request_body! {
    /// A code of the new authenticator app.
    ConfirmTotpRequest {
        /// The 6 digits that the app shows. Spaces and dashes do not count.
        #[oai(validator(
            max_length = 64,
            pattern = "^[ -]*(?:[0-9][ -]*){6}$|^[ -]*(?:[A-Za-z2-7][ -]*){24}$"
        ))]
        code: String = "492039".to_owned(),
    }
}

request_body! {
    /// A passkey that a browser created.
    AddPasskeyRequest {
        /// The answer of the authenticator.
        credential: AttestationDto = AttestationDto::example_of_field(),
        /// A name for it: 1 to 64 characters.
        #[oai(nullable, validator(min_length = 1, max_length = 64))]
        name: Option<String> = Some("My phone".to_owned()),
    }
    check(fields) {
        if let Some(Some(name)) = &name {
            fields.check("name", name_of(name));
        }
    }
}

request_body! {
    /// The new name of a factor.
    RenameFactorRequest {
        /// The name: 1 to 64 characters.
        #[oai(validator(min_length = 1, max_length = 64))]
        name: String = "My old phone".to_owned(),
    }
    check(fields) {
        if let Some(name) = &name {
            fields.check("name", name_of(name));
        }
    }
}

/// Reads the name of a factor. The error is a sentence.
pub(super) fn name_of(text: &str) -> Result<FactorName, String> {
    FactorName::parse(text).map_err(|invalid| format!("Field `name` {invalid}"))
}
