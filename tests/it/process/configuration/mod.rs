//! Settings from the environment and `.env`, and what a start does with them.

mod ephemeral;
mod first_start;
mod settings;
