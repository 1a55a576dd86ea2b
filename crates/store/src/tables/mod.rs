//! What engines that keep tables share: how what is kept becomes columns, what a group is, what it
//! changed, and how a row differs from what the journal says.

pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod codec;
pub(crate) mod compare;
pub(crate) mod copy;
#[cfg(test)]
mod golden;
pub(crate) mod group;

use crate::Source;

/// What was read, or was about to be written, breaks a rule of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Broken(pub(crate) Source);

impl Broken {
    pub(crate) fn because(cause: impl Into<Source>) -> Broken {
        Broken(cause.into())
    }
}
