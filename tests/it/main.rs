//! The one test binary: what is tested against whole stores and the whole service stands in its modules.

mod adapters;
mod advisories;
mod architecture;
mod conformance;
mod forgeries;
mod http;
mod import_circles;
mod maintenance;
mod model;
mod parsers;
mod process;
mod security_docs;
