//! Requests to services that operators and clients name.

mod address;
mod client;
mod target;
#[cfg(test)]
mod tests;

pub use client::HttpOutbound;
