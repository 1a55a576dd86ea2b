//! The verbs of what people decide afterwards.

use crate::hub::{Hub, customer_id, identity, short};
use kehub_core::canonical::{identity_value, type_key};
use kehub_core::command::{
    Command, DecideClaim, Decision, Extract, MergeByHand, SetCannotLink, SettleConflict,
};
use kehub_core::explain::{Evidence, Node, apart, path};
use kehub_core::identity::IdentityKey;
use kehub_core::merge::Verdict;
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::receipt::Remembered;
use kehub_core::{ConflictId, CustomerId, IdentityNumber, MergeId, Seq};

fn number(word: &str) -> i64 {
    word.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number")
}

/// Reads `merge C1 C2`, `undo 1`, `extract C1 a2`, `decide 1 5 C2`, `settle 1 merge`, `link C1 C2`.
pub(crate) fn read(verb: &str, words: &[String]) -> Command {
    let customer = |at: usize| customer_id(&words[at]);
    match verb {
        "merge" => Command::Merge(MergeByHand { one: customer(0), other: customer(1) }),
        "undo" => Command::Unmerge(MergeId(number(&words[0]))),
        "extract" => {
            let identities = words[1..].iter().filter_map(|word| identity(word)).collect();
            Command::Extract(Extract { customer: customer(0), identities })
        }
        "decide" => Command::DecideClaim(DecideClaim {
            merge: MergeId(number(&words[0])),
            claim: Seq(number(&words[1])),
            customer: customer(2),
        }),
        "restore" => Command::Restore(customer(0)),
        "erase" => Command::Erase(customer(0)),
        "settle" => Command::SettleConflict(SettleConflict {
            conflict: ConflictId(number(&words[0])),
            decision: Decision::named(&words[1]).expect("a decision"),
        }),
        "link" | "unlink" => Command::SetCannotLink(SetCannotLink {
            one: customer(0),
            other: customer(1),
            apart: verb == "link",
        }),
        other => panic!("no such verb: {other}"),
    }
}

/// Says what came of it.
pub(crate) fn told(outcome: &Outcome, hub: &Hub) -> String {
    if let Outcome::Refused(refusal) = outcome {
        return format!("refused, {}", why(refusal));
    }
    let seqs = |seqs: &[Seq]| {
        let all: Vec<String> = seqs.iter().map(Seq::to_string).collect();
        all.join(" ")
    };
    match Remembered::of(outcome).expect("a decision") {
        Remembered::Merged { customer, merged, settled, warnings, .. } => {
            let settled: Vec<String> =
                settled.iter().map(|id| format!(", conflict {id} settled")).collect();
            let warned = if warnings.is_empty() { "" } else { ", warning overLimit" };
            format!("C{merged} redirects to C{customer}{}{warned}", settled.concat())
        }
        Remembered::Unmerged { customers: (kept, revived), undecided, .. } => {
            let undecided = match undecided.as_slice() {
                [] => String::new(),
                claims => format!(", undecided {}", seqs(claims)),
            };
            format!("C{kept} and C{revived} apart{undecided}")
        }
        Remembered::Extracted { customers: (from, to), identities, claims, reviews, .. } => {
            let taken: Vec<String> = identities.iter().map(|it| raw(*it, hub)).collect();
            let claims = match claims.as_slice() {
                [] => String::new(),
                claims => format!(", with {}", seqs(claims)),
            };
            let reviews = if reviews.is_empty() { "" } else { ", review" };
            format!("{} out of C{from} into C{to}{claims}{reviews}", taken.join(" "))
        }
        Remembered::ClaimDecided { claim, customers: (from, to), .. } if from == to => {
            format!("{claim} stays with C{to}")
        }
        Remembered::ClaimDecided { claim, customers: (from, to), .. } => {
            format!("{claim} from C{from} to C{to}")
        }
        Remembered::Restored { customer, .. } => format!("C{customer} restored"),
        Remembered::Erased { customers, identities, claims, .. } => {
            let ids: Vec<String> = customers.iter().map(|id| format!("C{id}")).collect();
            format!("{} erased: {identities} identities, {claims} claims", ids.join(" "))
        }
        Remembered::Settled { conflict, settlement, .. } => {
            format!("conflict {conflict} {}", settlement.map_or("open", |it| it.name()))
        }
        Remembered::Linked { link, apart, seq } => {
            let now = if apart { "apart" } else { "free to join" };
            let news = if seq.is_none() { ", as before" } else { "" };
            format!("C{} and C{} {now}{news}", link.low, link.high)
        }
        other => format!("{other:?}"),
    }
}

/// Says why it was refused.
pub(crate) fn why(refusal: &Refusal) -> String {
    match refusal {
        Refusal::CustomerMissing(id) => format!("there is no C{id}"),
        Refusal::CustomerDeleted(id) => format!("C{id} was deleted"),
        Refusal::CustomerErased(id) => format!("C{id} was erased"),
        Refusal::CustomerLive(id) => format!("C{id} is there"),
        Refusal::IdentitiesTaken(taken) => {
            let owners: Vec<String> =
                taken.iter().map(|(_, owner)| format!("taken by C{owner}")).collect();
            owners.join(", ")
        }
        Refusal::SameCustomer(id) => format!("both are C{id}"),
        Refusal::CannotLinked(link) => format!("C{} and C{} are apart", link.low, link.high),
        Refusal::MergeUndone(id) => format!("merge {id} was undone"),
        Refusal::DecisionUnfit { because, .. } => format!("{because:?}"),
        other => format!("{other:?}"),
    }
}

/// The text of an identity.
fn raw(number: IdentityNumber, hub: &Hub) -> String {
    hub.tenant().identity(number).map_or("nothing".to_owned(), |identity| short(&identity.raw))
}

fn node(word: &str, hub: &Hub) -> Option<Node> {
    let Some(sent) = identity(word) else { return Some(Node::Home(customer_id(word))) };
    let kind = hub.tenant().policy().type_named(&sent.kind)?;
    let value = identity_value(&type_key(&kind.name), &sent.value).into();
    let known = hub.tenant().identity_of(&IdentityKey { kind: kind.number, value })?;
    Some(Node::Identity(known.number))
}

/// The path between two identities or customers.
pub(crate) fn explain(from: &str, to: &str, hub: &Hub) -> String {
    let ends = node(from, hub).zip(node(to, hub));
    let Some(steps) = ends.and_then(|(from, to)| path(from, to, hub.tenant())) else {
        return "not one customer".to_owned();
    };
    let told: Vec<String> = steps
        .iter()
        .map(|step| {
            let by = match step.evidence {
                Evidence::Claim(_) => "claim".to_owned(),
                Evidence::Merge(id) => format!("merge {id}"),
                Evidence::Extracted => "extraction".to_owned(),
                Evidence::Moved(id) => format!("conflict {id} settled"),
            };
            let to = match step.to {
                Node::Identity(number) => raw(number, hub),
                Node::Home(home) => format!("C{home}"),
            };
            format!("{by} in {}: {to}", step.seq)
        })
        .collect();
    told.join(", ")
}

/// The guards that speak against joining two customers.
pub(crate) fn why_not(one: CustomerId, other: CustomerId, hub: &Hub) -> String {
    let row = |id| hub.tenant().survivor(id).expect("a live customer");
    let apart = apart(row(one), row(other), hub.tenant());
    let spoken = apart.guards.iter().filter(|(_, verdict)| *verdict != Verdict::Pass);
    let told: Vec<String> =
        spoken.map(|(guard, verdict)| format!("{} {}", guard.name(), verdict.name())).collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
}
