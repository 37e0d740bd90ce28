use argon2::{Argon2, Block};
use inwren_domain::credential::HasherError;

/// Fills the output with the hash. It leaves the blocks that it does not need unchanged.
pub(super) fn raw(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
    blocks: &mut [Block],
) -> Result<(), HasherError> {
    let needed = argon2.params().block_count();
    let blocks = blocks.get_mut(..needed).ok_or(HasherError::Failed("too few blocks"))?;
    argon2
        .hash_password_into_with_memory(password, salt, output, blocks)
        .map_err(|_| HasherError::Failed("the computation"))
}
