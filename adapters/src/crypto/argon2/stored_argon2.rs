use argon2::password_hash::phc::{Output, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use inwren_domain::credential::{HasherError, PasswordHash};

use super::blocks::raw;
use super::parameters::{Argon2Parameters, OUTPUT_BYTES, is_bounded};

/// A stored Argon2 hash that was read and is within the bounds.
pub(super) struct StoredArgon2 {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    expected: Output,
}

impl StoredArgon2 {
    pub(super) fn read(hash: &PasswordHash) -> Result<Self, HasherError> {
        const UNUSABLE: HasherError = HasherError::Unusable("not an Argon2 hash");
        let phc = Phc::new(hash.expose()).map_err(|_| UNUSABLE)?;
        if ["keyid", "data"].iter().any(|name| phc.params.get(*name).is_some()) {
            return Err(HasherError::Unusable("an Argon2 hash with a key or associated data"));
        }
        let algorithm = Algorithm::new(phc.algorithm.as_str()).map_err(|_| UNUSABLE)?;
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(|_| UNUSABLE)?;
        let params = Params::try_from(&phc).map_err(|_| UNUSABLE)?;
        let (Some(salt), Some(expected)) = (phc.salt, phc.hash) else { return Err(UNUSABLE) };
        if !is_bounded(&params) {
            return Err(HasherError::Unusable("a cost beyond the bounds"));
        }
        Ok(Self { algorithm, version, params, salt, expected })
    }

    pub(super) fn params(&self) -> &Params {
        &self.params
    }

    /// Returns whether the hash was made from these bytes.
    pub(super) fn matches(&self, password: &[u8], blocks: &mut [Block]) -> Result<bool, HasherError> {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..self.expected.len()).ok_or(HasherError::Failed("output length"))?;
        raw(&argon2, password, &self.salt, output, blocks)?;
        let computed = Output::new(output).map_err(|_| HasherError::Failed("output length"))?;
        // `Output` compares in constant time.
        Ok(computed == self.expected)
    }

    pub(super) fn is_current(&self, current: &Params) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && self.params.m_cost() == current.m_cost()
            && self.params.t_cost() == current.t_cost()
            && self.params.p_cost() == current.p_cost()
            && self.expected.len() == OUTPUT_BYTES
    }
}

impl Argon2Parameters {
    /// Returns the parameters of a stored Argon2 hash, or an error if no service would check a password against it.
    pub fn of(hash: &PasswordHash) -> Result<Self, HasherError> {
        let stored = StoredArgon2::read(hash)?;
        let params = stored.params();
        Ok(Self { memory_kib: params.m_cost(), iterations: params.t_cost(), parallelism: params.p_cost() })
    }
}
