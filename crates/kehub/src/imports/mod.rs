//! Imports that a hub does: files that came over the API are kept in a folder ([`spool`]), and one after
//! the other goes in beside all other requests ([`worker`]). The rows are those of [`crate::files`].

mod pace;
pub(crate) mod spool;
mod worker;

pub(crate) use pace::{Pace, Paces};
pub use spool::Spool;
pub(crate) use spool::{Look, LooksTaken};
pub use worker::Importer;
pub(crate) use worker::{Opened, open};
