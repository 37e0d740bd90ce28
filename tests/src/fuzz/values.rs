use std::sync::{Mutex, OnceLock, PoisonError};

use inwren_adapters::crypto::argon2::{Argon2Hasher, Argon2Parameters, HasherLimits};
use inwren_adapters::entropy::SystemEntropy;
use inwren_domain::account::UserFilter;
use inwren_domain::credential::password_policy::{MAX_CHARS, MIN_CHARS, check_new};
use inwren_domain::credential::{
    ClientTrust, ContextWords, HasherError, Password, PasswordHash, PasswordHasher as _, Requester,
};
use inwren_domain::kernel::{ClientInfo, Email};
use tokio::runtime::Runtime;

/// Parses any text as an e-mail address. An accepted address is one line of plain text, and parses again to the same
/// address. The account can be looked up by the given form and by the normalised form, whose domain is ASCII.
pub(super) fn email(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(email) = Email::parse(text) else { return };
    let (kept, normal) = (email.as_str(), email.normalized());
    assert_eq!(kept, text.trim());
    assert!(kept.len() <= Email::MAX_BYTES && normal.len() <= Email::MAX_BYTES);
    assert!(!kept.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c)));
    assert_eq!(kept.matches('@').count(), 1);
    let again = Email::parse(kept).expect("an address");
    assert_eq!((again.as_str(), again.normalized()), (kept, normal));
    for known in [kept, normal] {
        let registered = Email::parse(known).expect("an address");
        assert_eq!(registered.normalized(), normal, "normalised twice is something else");
        let looked_up = Email::parse_for_lookup(known).expect("an address to look up");
        assert_eq!(looked_up.normalized(), normal, "looked up otherwise than registered");
    }
    let domain = normal.rsplit('@').next().expect("a domain");
    assert!(domain.is_ascii() && !domain.contains(|c: char| c.is_ascii_uppercase()), "{domain}");
    let prefix = UserFilter::default().with_email_prefix(kept);
    assert_eq!(prefix.email_prefix(), Some(normal), "not found by its own address");
}

/// Checks any text as a new password.
pub(super) fn password(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let email = Email::parse("ann.gardener@orchard.example").expect("an address");
    let words = ContextWords::of(["Inwren Auth"]);
    let password = Password::new(text);
    assert!(!format!("{password:?}").contains(text) || text.len() < 14);
    if check_new(&password, &email, &words).is_ok() {
        let chars = std::str::from_utf8(password.expose_bytes()).expect("UTF-8").chars().count();
        assert!((MIN_CHARS..=MAX_CHARS).contains(&chars));
    }
}

/// Parses any text as a stored password hash, of this service or a legacy one, and verifies a password with it if that
/// is cheap.
pub(super) fn phc(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let hash = PasswordHash::from_phc(text.to_owned());
    match Argon2Parameters::of(&hash) {
        Ok(cost) => {
            assert!(cost.memory_kib <= 4 * 1024 * 1024 && cost.iterations <= 64 && cost.parallelism <= 16);
            if cost.memory_kib > 256 || cost.iterations > 4 {
                return;
            }
        }
        Err(_) if is_dear(text) => return,
        Err(_) => {}
    }
    let requester = Requester::new(&ClientInfo::default(), ClientTrust::Recognised);
    let verified = wait(hasher().verify(Password::new("a password"), Some(hash), requester));
    assert!(!matches!(verified, Err(HasherError::Failed(_) | HasherError::Busy { .. })), "{verified:?}");
}

/// Whether the hash of another function may be within the bounds but too expensive for a fuzzer.
fn is_dear(text: &str) -> bool {
    let mut fields = text.trim_start_matches('$').split('$');
    match (fields.next(), fields.next()) {
        (Some(ident), Some(cost)) if ident.starts_with('2') => cost.parse().is_ok_and(|cost: u32| cost > 5),
        (Some(ident), Some(rounds)) if ident.starts_with("pbkdf2") => rounds.len() > 3,
        _ => false,
    }
}

fn hasher() -> &'static Argon2Hasher {
    static HASHER: OnceLock<Argon2Hasher> = OnceLock::new();
    HASHER.get_or_init(|| {
        let cheap = Argon2Parameters { memory_kib: 8, iterations: 1, parallelism: 1 };
        let limits = HasherLimits::for_machine(1, cheap);
        Argon2Hasher::start(cheap, limits, std::sync::Arc::new(SystemEntropy)).expect("a hasher")
    })
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Mutex<Runtime>> = OnceLock::new();
    let new = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Mutex::new(runtime.expect("a runtime"))
    };
    RUNTIME.get_or_init(new).lock().unwrap_or_else(PoisonError::into_inner).block_on(future)
}
