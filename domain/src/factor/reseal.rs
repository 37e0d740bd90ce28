//! Seals secrets with the current secret key, after a rotation.

use super::{Factor, FactorKind, totp};
use crate::housekeeping::SWEEP_BATCH;
use crate::keyring::SecretKeyId;
use crate::{Core, PortFailure};

/// Seals with the current key what the other keys of this instance have sealed, and returns the number of secrets.
/// Secrets whose key the instance does not have stay as they are: they are another instance's to seal.
pub async fn execute(core: &Core) -> Result<u64, PortFailure> {
    let Some(keyring) = &core.keyring else { return Ok(0) };
    let mut resealed = 0;
    for key in keyring.retired() {
        loop {
            let done = batch(core, key).await?;
            resealed += done;
            if done < u64::from(SWEEP_BATCH) {
                break;
            }
        }
    }
    Ok(resealed)
}

/// Seals a batch of what this key has sealed, and returns the number of secrets.
async fn batch(core: &Core, key: SecretKeyId) -> Result<u64, PortFailure> {
    let found = core.store.read().await?.factors().sealed_with(key, SWEEP_BATCH).await?;
    let mut resealed = 0;
    for factor in &found {
        resealed += u64::from(reseal(core, factor).await?);
    }
    Ok(resealed)
}

/// Seals the secret of one authenticator app. `false` if it does not open, or was sealed again meanwhile.
async fn reseal(core: &Core, factor: &Factor) -> Result<bool, PortFailure> {
    let FactorKind::Totp(sealed) = &factor.kind else { return Ok(false) };
    let Ok(secret) = totp::open(core, factor, sealed) else { return Ok(false) };
    let new = totp::seal(core, (factor.id, factor.user_id), &secret)?;
    let mut unit = core.store.begin().await?;
    let is_done = unit.factors().reseal(factor.id, &sealed.sealed_secret, new.key, &new.bytes).await?;
    unit.commit().await?;
    Ok(is_done)
}
