//! A group: the parts that its members brought, and how they are decided.

use crate::Kept;
use kehub_core::command::Request;
use kehub_core::decide::{decide_batch, decide_on_trial, decide_together};
use kehub_core::facts::Facts;
use kehub_core::outcome::Outcome;

/// What one member brought to a group.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// How many requests.
    pub(crate) size: usize,
    pub(crate) kept: Kept,
}

impl Part {
    /// Its own requests, and those of the members after it.
    pub(crate) fn split(self, requests: &[Request]) -> (&[Request], &[Request]) {
        requests.split_at(self.size.min(requests.len()))
    }
}

/// The parts of a group, cut into stages, each of which loads its facts when those before it are
/// done: a command that stands alone is a stage of its own.
pub(crate) fn stages(requests: &[Request], parts: &[Part]) -> Vec<Vec<Part>> {
    let is_alone = |request: &Request| request.command.stands_alone();
    let mut stages: Vec<(bool, Vec<Part>)> = Vec::new();
    let mut rest = requests;
    for part in parts {
        let (theirs, others) = part.split(rest);
        rest = others;
        let pieces: Vec<&[Request]> = match part.kept {
            Kept::Each => theirs.chunk_by(|one, next| !is_alone(one) && !is_alone(next)).collect(),
            Kept::Together | Kept::Nothing => vec![theirs],
        };
        for piece in pieces {
            let alone = piece.iter().any(is_alone);
            let piece = Part { size: piece.len(), kept: part.kept };
            match stages.last_mut() {
                Some((false, stage)) if !alone => stage.push(piece),
                _ => stages.push((alone, vec![piece])),
            }
        }
    }
    stages.into_iter().map(|(_, stage)| stage).collect()
}

/// Decides the parts of a group in order, each in its own way.
pub(crate) fn decide(requests: &[Request], parts: &[Part], facts: &mut Facts) -> Vec<Outcome> {
    let mut rest = requests;
    let mut outcomes = Vec::with_capacity(requests.len());
    for part in parts {
        let (theirs, others) = part.split(rest);
        rest = others;
        outcomes.extend(match part.kept {
            Kept::Each => decide_batch(theirs, facts),
            Kept::Together => decide_together(theirs, facts),
            Kept::Nothing => decide_on_trial(theirs, facts.clone()),
        });
    }
    outcomes
}
