//! Customers in files: reading rows of any usual form, giving columns a meaning, cleaning values,
//! and applying rows as the upserts that they are.
//!
//! A thread of its own reads ([`rows`]), a [`mapping::Mapping`] says what columns are, a
//! [`clean::Cleaner`] makes an upsert of a row or says what does not fit, and [`import`] applies
//! them and writes down what was [`refused`], in a [`workbook`] if they came in one. A [`job`] is what is kept of an import in the store, so that it
//! goes on where it stopped. What was said about columns is [`remembered`], and a tenant has [`names`] for
//! more. Rows go to a [`destination`], in [`turns`] with others; a [`dry_run`] only tells what would come of
//! them. Memory does not grow with the file.

mod apart;
pub(crate) mod cells;
pub(crate) mod clean;
mod dates;
pub(crate) mod destination;
pub(crate) mod dry_run;
mod encoding;
pub(crate) mod error;
pub(crate) mod found_by;
mod gather;
pub(crate) mod headings;
mod identities;
pub(crate) mod import;
pub(crate) mod job;
mod kind;
pub(crate) mod labels;
mod likely;
mod lines;
pub(crate) mod mapping;
pub(crate) mod names;
mod no_customer;
pub(crate) mod reading;
mod records;
pub(crate) mod refused;
pub(crate) mod remembered;
pub(crate) mod rows;
pub(crate) mod ruled;
mod sentence;
mod sheet;
pub(crate) mod source;
mod table;
pub(crate) mod turns;
mod unpacking;
mod unspaced;
pub(crate) mod workbook;
