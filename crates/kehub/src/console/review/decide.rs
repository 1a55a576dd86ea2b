//! What somebody decides about a pair: the same commands as on `/api`.

use super::queue::Place;
use crate::api::decided::decide;
use crate::api::problem::{Code, Problem};
use crate::console::visitor::Visitor;
use kehub_core::command::{Command, Decision, MergeByHand, SetCannotLink, SettleConflict};
use kehub_core::directory::Permission;
use kehub_core::outcome::{MergedByHand, Outcome};

/// Does it.
pub(super) async fn decided(
    visitor: &Visitor,
    place: Option<Place>,
    decision: &str,
) -> Result<(), Problem> {
    visitor.call.require(Permission::CustomersRead)?;
    visitor.call.require(Permission::IdentitiesMerge)?;
    let missing = || Problem::new(Code::ConflictNotFound, "no such pair is known");
    let decision = Decision::named(decision).ok_or_else(missing)?;
    let command = command(place.ok_or_else(missing)?, decision).ok_or_else(missing)?;
    decide(&visitor.call, command, false).await.map(drop)
}

fn command(place: Place, decision: Decision) -> Option<Command> {
    match (place, decision) {
        (Place::Conflict(conflict), decision) => {
            Some(Command::SettleConflict(SettleConflict { conflict, decision }))
        }
        (Place::Pair(_, one, other), Decision::Merge) => {
            Some(Command::Merge(MergeByHand { one, other }))
        }
        (Place::Pair(_, one, other), Decision::KeepApart) => {
            Some(Command::SetCannotLink(SetCannotLink { one, other, apart: true }))
        }
        (Place::Pair(..), Decision::MoveIdentity | Decision::Accept) | (Place::End, _) => None,
    }
}

/// What a merge would come to, for whoever may make one.
pub(super) async fn would_merge(
    visitor: &Visitor,
    pair: MergeByHand,
) -> Result<Result<Box<MergedByHand>, Problem>, Problem> {
    visitor.call.require(Permission::IdentitiesMerge)?;
    match visitor.call.apply(Command::Merge(pair), true).await {
        Ok(Outcome::Merged(merged)) => Ok(Ok(merged)),
        Ok(_) => Err(Problem::unexpected()),
        Err(problem) if is_refusal(&problem) => Ok(Err(problem)),
        Err(problem) => Err(problem),
    }
}

/// Whether the domain says no, and nothing else went wrong.
fn is_refusal(problem: &Problem) -> bool {
    let refusals = [Code::CannotLinked, Code::IdentitiesTooMany, Code::SameCustomer];
    refusals.contains(&problem.code)
}
