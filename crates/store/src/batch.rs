//! What a caller hands to [`Store::apply`](crate::Store::apply): requests, who goes first, and what is
//! kept of them.

use kehub_core::command::Request;
use kehub_core::limits::BATCH_MAX;

/// Which requests go first when many are waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody is waiting for the answer.
    Interactive,
    /// Imports: whenever nobody else is waiting.
    Bulk,
}

/// What is kept of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Each request that is not refused.
    Each,
    /// All of them if none is refused, else nothing.
    Together,
    /// Nothing: the outcomes tell what would come, and each request sees those before it.
    Nothing,
}

/// Requests to be applied in one go: at least one, at most [`BATCH_MAX`].
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    requests: Vec<Request>,
    lane: Lane,
    kept: Kept,
}

impl Batch {
    /// Each request on its own. `None` if there are no requests, or too many.
    pub fn new(requests: Vec<Request>, lane: Lane) -> Option<Batch> {
        let fits = (1..=BATCH_MAX).contains(&requests.len());
        fits.then_some(Batch { requests, lane, kept: Kept::Each })
    }

    /// One request that somebody is waiting for.
    pub fn one(request: Request) -> Batch {
        Batch { requests: vec![request], lane: Lane::Interactive, kept: Kept::Each }
    }

    /// The same requests, with another rule of what is kept of them.
    pub fn keeping(self, kept: Kept) -> Batch {
        Batch { kept, ..self }
    }

    /// The requests, in order.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Which requests go first.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// What is kept of it.
    pub fn kept(&self) -> Kept {
        self.kept
    }

    pub(crate) fn into_requests(self) -> Vec<Request> {
        self.requests
    }
}
