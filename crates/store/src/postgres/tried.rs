//! What came of a group that was tried, and who is told.

use super::queue::Answer;
use super::trouble::Trouble;
use crate::StoreError;
use crate::tables::group::Part;
use kehub_core::outcome::Outcome;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What came of a group that was tried.
pub(super) enum Tried {
    Answered(Vec<Outcome>, Option<Duration>),
    /// Rolled back.
    NotApplied(Trouble),
    /// A decision panicked; rolled back.
    Panicked,
    /// COMMIT was not answered, and nobody can say what became of it.
    Unknown(Trouble),
}

impl Tried {
    /// Whether the reason may lie in what one member asked, rather than in the machine.
    pub(super) fn blames_a_member(&self) -> bool {
        match self {
            Tried::Panicked => true,
            Tried::NotApplied(trouble) => trouble.is_corrupt(),
            Tried::Answered(..) | Tried::Unknown(_) => false,
        }
    }

    /// Tells those whose requests these were.
    pub(super) fn tell(self, members: Vec<Member>) {
        let (cause, is_known) = match self {
            Tried::Answered(outcomes, _) => {
                let mut outcomes = outcomes.into_iter();
                for (part, reply) in members {
                    send(reply, Ok(outcomes.by_ref().take(part.size).collect()));
                }
                return;
            }
            Tried::Unknown(trouble) => (Arc::new(trouble), false),
            Tried::NotApplied(trouble) => (Arc::new(trouble), true),
            Tried::Panicked => {
                (Arc::new(Trouble::broken("a decision failed; nothing was written")), true)
            }
        };
        for (_, reply) in members {
            let source = Arc::clone(&cause).into();
            let error = match (is_known, cause.is_corrupt()) {
                (false, _) => StoreError::Unknown(source),
                (true, true) => StoreError::Corrupt(source),
                (true, false) => StoreError::NotApplied(source),
            };
            send(reply, Err(error));
        }
    }
}

/// Somebody's requests in a group, and who waits for the answer.
pub(super) type Member = (Part, oneshot::Sender<Answer>);

/// Somebody who stopped waiting is no trouble.
fn send(reply: oneshot::Sender<Answer>, answer: Answer) {
    drop(reply.send(answer));
}
