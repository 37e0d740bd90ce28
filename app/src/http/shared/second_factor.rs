//! Second factors in requests and problems, for all operations that ask for one.

use inwren_domain::authn::{Answer, Method, SecondStep};
use inwren_domain::challenge::Challenge;
use inwren_domain::factor::Code;
use poem::http::{HeaderValue, header};
use poem_openapi::types::ToJSON as _;
use zeroize::Zeroizing;

use super::passkeys::{AssertionDto, InvalidCredential, RequestOptionsDto};
use super::problem::{Kind, Problem};
use super::refusals::BEARER_CHALLENGE;

/// Longest code as a person types it, with spaces and dashes.
const MAX_CODE_CHARS: usize = 64;
/// Longest challenge and token of a device.
const MAX_SECRET_CHARS: usize = 100;

/// The fields of a request that show a second factor.
pub(in crate::http) struct FactorFields {
    pub(in crate::http) method: String,
    pub(in crate::http) code: Option<String>,
    pub(in crate::http) credential: Option<AssertionDto>,
}

impl FactorFields {
    /// Reads what the user shows. `within` is the pointer of the object with the fields.
    pub(in crate::http) fn answer(self, within: &str) -> Result<Answer, Problem> {
        let refuse = |field: &str, detail: &str| Problem::invalid(&format!("{within}/{field}"), detail);
        let Self { method, code, credential } = self;
        let method = Method::ALL
            .into_iter()
            .find(|known| known.as_str() == method)
            .ok_or_else(|| refuse("method", "Field `method` must be `totp`, `recovery_code` or `passkey`"))?;
        match (method, code.map(Zeroizing::new), credential) {
            (Method::Passkey, None, Some(credential)) => {
                let assertion = credential.decode().map_err(|InvalidCredential(problem)| {
                    refuse("credential", &format!("Field `credential` {problem}"))
                })?;
                Ok(Answer::Passkey(Box::new(assertion)))
            }
            (Method::Passkey, Some(_), _) => Err(refuse("code", "A passkey needs no `code`")),
            (Method::Passkey, None, None) => Err(refuse("credential", "Field `credential` is required")),
            (_, _, Some(_)) => Err(refuse("credential", "A code needs no `credential`")),
            (_, None, None) => Err(refuse("code", "Field `code` is required")),
            (Method::Totp, Some(code), None) => {
                Ok(Answer::Totp(read_code(&format!("{within}/code"), &code)?))
            }
            (Method::RecoveryCode, Some(code), None) => {
                Ok(Answer::RecoveryCode(read_code(&format!("{within}/code"), &code)?))
            }
        }
    }
}

/// Whether a text can be a challenge or the token of a device.
pub(in crate::http) fn is_secret(text: &str) -> bool {
    (1..=MAX_SECRET_CHARS).contains(&text.chars().count())
}

/// Reads the code in the field at this pointer.
pub(in crate::http) fn read_code(pointer: &str, text: &str) -> Result<Code, Problem> {
    if text.chars().count() > MAX_CODE_CHARS {
        return Err(Problem::invalid(pointer, "Field `code` must have at most 64 characters"));
    }
    Code::parse(text).map_err(|invalid| Problem::invalid(pointer, format_args!("Field `code` {invalid}")))
}

/// The request must show a second factor.
pub(in crate::http) fn second_factor_required(step: SecondStep) -> Problem {
    let methods: Vec<&str> = step.methods.iter().map(|method| method.as_str()).collect();
    let problem = unauthorised(Problem::of(Kind::SECOND_FACTOR_REQUIRED))
        .member("challenge", step.challenge.expose())
        .member("methods", methods)
        .member("expires_in", Challenge::LIFETIME.whole_seconds());
    match step.passkey.and_then(|request| RequestOptionsDto::from(request).to_json()) {
        Some(options) => problem.member("publicKey", options),
        None => problem,
    }
}

/// The code or the passkey is wrong.
pub(in crate::http) fn invalid_factor(attempts_left: Option<i16>) -> Problem {
    with_attempts(Problem::of(Kind::INVALID_FACTOR), attempts_left)
}

/// The method is closed after too many wrong codes.
pub(in crate::http) fn closed_method(attempts_left: i16) -> Problem {
    const DETAIL: &str =
        "Too many wrong codes: this method is closed for up to 24 hours, or until another factor succeeds.";
    with_attempts(Problem::new(Kind::INVALID_FACTOR, DETAIL), Some(attempts_left))
}

fn with_attempts(problem: Problem, attempts_left: Option<i16>) -> Problem {
    let problem = unauthorised(problem);
    match attempts_left {
        Some(left) => problem.member("attempts_left", left.max(0)),
        None => problem,
    }
}

fn unauthorised(problem: Problem) -> Problem {
    problem.header(header::WWW_AUTHENTICATE, HeaderValue::from_static(BEARER_CHALLENGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(method: &str, code: Option<&str>, has_credential: bool) -> Option<String> {
        let credential = has_credential.then(AssertionDto::example_of_field);
        let shown = FactorFields { method: method.to_owned(), code: code.map(str::to_owned), credential };
        let problem = shown.answer("/factor").err()?;
        problem.errors.into_iter().next().map(|error| error.pointer)
    }

    #[test]
    fn each_method_has_its_field() {
        let recovery = "abcd-efgh-ijkl-mnop-qrst-uv27";
        for (method, code, has_credential) in [
            ("totp", Some("123 456"), false),
            ("totp", Some(recovery), false),
            ("recovery_code", Some(recovery), false),
            ("passkey", None, true),
        ] {
            assert_eq!(pointer(method, code, has_credential), None, "{method}");
        }
    }

    #[test]
    fn wrong_fields_are_named() {
        let spaces = " ".repeat(60) + "123456";
        for (method, code, has_credential, expected) in [
            ("sms", Some("123456"), false, "/factor/method"),
            ("totp", None, false, "/factor/code"),
            ("totp", Some("12345"), false, "/factor/code"),
            ("totp", Some(spaces.as_str()), false, "/factor/code"),
            ("recovery_code", Some("123456"), true, "/factor/credential"),
            ("passkey", Some("123456"), false, "/factor/code"),
            ("passkey", None, false, "/factor/credential"),
        ] {
            assert_eq!(pointer(method, code, has_credential).as_deref(), Some(expected), "{method}");
        }
    }
}
