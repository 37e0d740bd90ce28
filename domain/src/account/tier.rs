use std::fmt;

/// The name of a service tier, such as `free`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tier(String);

/// The text is not a valid tier name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tier is named by 1 to 32 lower-case letters, digits, - or _")]
pub struct InvalidTier;

impl Tier {
    /// Maximum length of a name.
    pub const MAX_BYTES: usize = 32;

    /// Parses a name: 1 to 32 of `a-z`, `0-9`, `-` and `_`.
    pub fn parse(text: &str) -> Result<Self, InvalidTier> {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if fits && text.bytes().all(plain) { Ok(Self(text.to_owned())) } else { Err(InvalidTier) }
    }

    /// Wraps a name from the store. The catalog may no longer contain this tier.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The closed set of tiers, and those that users may choose themselves. [`account::tier_choice`](super::tier_choice)
/// decides which tier a user may have.
#[derive(Clone, Debug)]
pub struct TierCatalog {
    default: Tier,
    all: Vec<Tier>,
    self_service: Vec<Tier>,
}

/// Why a catalog is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTierCatalog {
    /// There is no self-service tier, so a new user could get none.
    #[error("at least one tier is needed that users may choose themselves")]
    NoSelfService,
    /// A self-service tier is not among the tiers.
    #[error("{0} is not among the tiers")]
    Unknown(Tier),
}

impl TierCatalog {
    /// Creates a catalog. The first self-service tier is the default for new users.
    pub fn new(all: Vec<Tier>, self_service: Vec<Tier>) -> Result<Self, InvalidTierCatalog> {
        let default = self_service.first().ok_or(InvalidTierCatalog::NoSelfService)?.clone();
        match self_service.iter().find(|tier| !all.contains(tier)) {
            Some(unknown) => Err(InvalidTierCatalog::Unknown(unknown.clone())),
            None => Ok(Self { default, all, self_service }),
        }
    }

    /// All tiers.
    pub fn all(&self) -> &[Tier] {
        &self.all
    }

    /// The tier of a new user who requests none.
    pub fn default_tier(&self) -> &Tier {
        &self.default
    }

    /// The tiers that users may choose themselves; never empty.
    pub fn self_service(&self) -> &[Tier] {
        &self.self_service
    }
}
