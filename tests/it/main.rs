//! The one test binary: its modules test whole stores and the whole service.

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
