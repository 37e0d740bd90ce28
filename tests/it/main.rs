//! The one test binary: what is tested against whole stores and the whole service stands in its modules.

mod adapters;
mod advisories;
mod architecture;
mod conformance;
mod forgeries;
mod http;
mod import_circles;
mod model;
mod process;
mod robustness;
mod security_docs;
mod upkeep;
