//! Apps: the credentials of a tenant, and what each of them may do.

pub(crate) mod body;
pub(crate) mod change;
pub(crate) mod describe;
pub(crate) mod list;
