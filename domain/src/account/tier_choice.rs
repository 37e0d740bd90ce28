//! Rules for who may have which tier.

use super::{Tier, TierCatalog};

/// Why a tier is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TierRefused {
    /// The tier does not exist.
    #[error("unknown tier")]
    Unknown,
    /// The tier exists, but only a superuser may assign it.
    #[error("users cannot choose this tier themselves")]
    NotSelfService,
}

/// The tier of a new user: `wanted`, or the default tier.
pub fn at_registration(catalog: &TierCatalog, wanted: Option<&str>) -> Result<Tier, TierRefused> {
    match wanted {
        Some(name) => self_service(catalog, name),
        None => Ok(catalog.default_tier().clone()),
    }
}

/// The tier that a user chooses. The user's current tier is always allowed.
pub fn chosen_by_user(catalog: &TierCatalog, name: &str, current: &Tier) -> Result<Tier, TierRefused> {
    if name == current.as_str() { Ok(current.clone()) } else { self_service(catalog, name) }
}

/// The tier that a superuser assigns.
pub fn given_by_superuser(catalog: &TierCatalog, name: &str) -> Result<Tier, TierRefused> {
    catalog.all().iter().find(|tier| tier.as_str() == name).cloned().ok_or(TierRefused::Unknown)
}

fn self_service(catalog: &TierCatalog, name: &str) -> Result<Tier, TierRefused> {
    let tier = given_by_superuser(catalog, name)?;
    if catalog.self_service().contains(&tier) { Ok(tier) } else { Err(TierRefused::NotSelfService) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(name: &str) -> Tier {
        Tier::from_stored(name.to_owned())
    }

    fn catalog() -> Result<TierCatalog, crate::account::InvalidTierCatalog> {
        TierCatalog::new(vec![tier("free"), tier("premium")], vec![tier("free")])
    }

    #[test]
    fn a_user_chooses_only_from_self_service() -> Result<(), Box<dyn std::error::Error>> {
        let catalog = catalog()?;
        assert_eq!(at_registration(&catalog, None), Ok(tier("free")));
        assert_eq!(at_registration(&catalog, Some("free")), Ok(tier("free")));
        assert_eq!(at_registration(&catalog, Some("premium")), Err(TierRefused::NotSelfService));
        assert_eq!(at_registration(&catalog, Some("gold")), Err(TierRefused::Unknown));
        assert_eq!(chosen_by_user(&catalog, "premium", &tier("free")), Err(TierRefused::NotSelfService));
        assert_eq!(chosen_by_user(&catalog, "premium", &tier("premium")), Ok(tier("premium")));
        assert_eq!(chosen_by_user(&catalog, "retired", &tier("retired")), Ok(tier("retired")));
        Ok(())
    }

    #[test]
    fn a_superuser_gives_any() -> Result<(), Box<dyn std::error::Error>> {
        let catalog = catalog()?;
        assert_eq!(given_by_superuser(&catalog, "premium"), Ok(tier("premium")));
        assert_eq!(given_by_superuser(&catalog, "FREE"), Err(TierRefused::Unknown));
        Ok(())
    }
}
