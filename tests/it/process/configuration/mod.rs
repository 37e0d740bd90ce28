//! Settings from the environment and `.env`, and their effect at startup.

mod ephemeral;
mod factors;
mod first_start;
mod secret_keys;
mod settings;
