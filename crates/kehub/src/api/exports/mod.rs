//! Exports: all customers that match, as a file. [`get`] has it made ([`make`]) into a file without a name
//! ([`growing`]), from which it is answered meanwhile ([`answer`], [`body`]), and, while it is kept
//! ([`kept`]), once more ([`fetch`]).

mod answer;
mod body;
pub(crate) mod describe;
pub(crate) mod fetch;
pub(crate) mod get;
mod growing;
pub(crate) mod kept;
mod make;
mod range;
