//! Second factors: enrol, list, rename and remove them, and replace the recovery codes.

mod answers;
mod api;
mod dto;
mod qr;

pub(super) use api::FactorsApi;
pub(super) use qr::svg as qr_svg;
