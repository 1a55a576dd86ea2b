//! Why two identities or customers are one, or are not (identity page, "Explain").

use crate::attribute::{Attribute, FieldKey};
use crate::conflict::Conflict;
use crate::customer::Customer;
use crate::decide::guards_between;
use crate::facts::{TenantFacts, same_contact};
use crate::journal::{Claim, Record, Route};
use crate::merge::{CannotLink, Guard, Verdict};
use crate::outcome::IdentityVerdict;
use crate::policy::Role;
use crate::{ConflictId, CustomerId, IdentityNumber, MergeId, Seq};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a path of evidence leads through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// An identity.
    Identity(IdentityNumber),
    /// A home: the customer as which something entered the hub.
    Home(CustomerId),
}

/// What connects two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// One request carried both; this is how it found its customer.
    Claim(Route),
    /// A merge joined the two homes.
    Merge(MergeId),
    /// Somebody took the identity out of another customer.
    Extracted,
    /// Somebody gave the identity to this customer when settling this conflict.
    Moved(ConflictId),
}

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it begins.
    pub from: Node,
    /// Where it leads.
    pub to: Node,
    /// The entry that it is evidenced by.
    pub seq: Seq,
    /// What connects the two.
    pub evidence: Evidence,
}

/// Something that connects all of its nodes with each other.
struct Edge {
    nodes: Vec<Node>,
    seq: Seq,
    evidence: Evidence,
}

/// The shortest path of evidence between two nodes of one customer, in facts that hold its history;
/// `None` if there is none, empty if they are the same.
pub fn path(from: Node, to: Node, facts: &TenantFacts) -> Option<Vec<Step>> {
    let customer = customer_of(from, facts)?;
    if customer_of(to, facts) != Some(customer) {
        return None;
    }
    // What found a customer connects the rest of a request with it, and is the better evidence. One
    // that left and came back by way of that rest does not: then the request itself has to do.
    [false, true]
        .into_iter()
        .find_map(|with_homes| shortest(from, to, &edges(customer, with_homes, facts)))
}

fn shortest(from: Node, to: Node, edges: &[Edge]) -> Option<Vec<Step>> {
    let mut of_node: BTreeMap<Node, Vec<&Edge>> = BTreeMap::new();
    for edge in edges {
        for node in &edge.nodes {
            of_node.entry(*node).or_default().push(edge);
        }
    }
    let mut reached: BTreeMap<Node, Step> = BTreeMap::new();
    let mut frontier = VecDeque::from([from]);
    while let Some(node) = frontier.pop_front() {
        if node == to {
            break;
        }
        for edge in of_node.get(&node).into_iter().flatten() {
            for next in &edge.nodes {
                if *next == from || reached.contains_key(next) {
                    continue;
                }
                let step = Step { from: node, to: *next, seq: edge.seq, evidence: edge.evidence };
                reached.insert(*next, step);
                frontier.push_back(*next);
            }
        }
    }
    let mut steps = Vec::new();
    let mut at = to;
    while at != from {
        let step = *reached.get(&at)?;
        steps.push(step);
        at = step.from;
    }
    steps.reverse();
    Some(steps)
}

/// The customer that a node belongs to.
fn customer_of(node: Node, facts: &TenantFacts) -> Option<CustomerId> {
    match node {
        Node::Identity(number) => facts.owner(number),
        Node::Home(home) => facts.survivor(home).map(|customer| customer.id),
    }
}

/// Everything that connects what belongs to a customer; each request also with the home that it
/// belongs to, or only where what found the customer is not theirs any more.
fn edges(customer: CustomerId, with_homes: bool, facts: &TenantFacts) -> Vec<Edge> {
    let homes: BTreeSet<CustomerId> = facts.homes_of(customer).into_iter().collect();
    let is_theirs = |number: &IdentityNumber| facts.owner(*number) == Some(customer);
    let mut edges = Vec::new();
    for (entry, claim, home) in facts.claims().filter(|(_, _, home)| homes.contains(home)) {
        let carried = carried(claim).filter(is_theirs);
        let mut nodes: Vec<Node> = carried.map(Node::Identity).collect();
        let found_by = |number| nodes.contains(&Node::Identity(number));
        if with_homes || !matches!(claim.route, Route::Identity(number) if found_by(number)) {
            nodes.push(Node::Home(home));
        }
        edges.push(Edge { nodes, seq: entry.seq, evidence: Evidence::Claim(claim.route) });
    }
    let live = facts.merges().filter(|merge| merge.is_live() && homes.contains(&merge.left));
    for merge in live {
        let nodes = vec![Node::Home(merge.left), Node::Home(merge.right)];
        edges.push(Edge { nodes, seq: merge.seq, evidence: Evidence::Merge(merge.id) });
    }
    for entry in facts.entries() {
        for record in &entry.records {
            let Some((home, numbers, evidence)) = given(record) else { continue };
            if homes.contains(&home) {
                let mut nodes: Vec<Node> =
                    numbers.into_iter().filter(is_theirs).map(Node::Identity).collect();
                nodes.push(Node::Home(home));
                edges.push(Edge { nodes, seq: entry.seq, evidence });
            }
        }
    }
    edges
}

/// What somebody gave to a home by hand.
fn given(record: &Record) -> Option<(CustomerId, Vec<IdentityNumber>, Evidence)> {
    if let Record::Extracted(it) = record {
        let numbers = it.identities.iter().map(|(number, _)| *number).collect();
        return Some((it.to, numbers, Evidence::Extracted));
    }
    if let Record::Settled(it) = record {
        let (number, _, home) = it.moved?;
        return Some((home, vec![number], Evidence::Moved(it.conflict)));
    }
    None
}

/// The identities that were the customer's after a claim.
fn carried(claim: &Claim) -> impl Iterator<Item = IdentityNumber> {
    claim.identities.iter().filter_map(|identity| match identity.verdict {
        IdentityVerdict::Matched
        | IdentityVerdict::Moved
        | IdentityVerdict::Created
        | IdentityVerdict::Attached => identity.number,
        IdentityVerdict::KeptElsewhere
        | IdentityVerdict::Blocked
        | IdentityVerdict::Quarantined
        | IdentityVerdict::OverLimit
        | IdentityVerdict::Invalid => None,
    })
}

/// Why two customers are not one.
#[derive(Clone, Debug, PartialEq)]
pub struct Apart {
    /// What the guards would say to a request that names what the two share, or to one that names
    /// any identities of both if they share nothing.
    pub guards: Vec<(Guard, Verdict)>,
    /// Values of a distinguishing type in which they differ: one of the first, one of the second.
    pub differing: Vec<(IdentityNumber, IdentityNumber)>,
    /// Cannot-links between their homes, with the entries that set them.
    pub links: Vec<(CannotLink, Seq)>,
    /// Conflicts and review entries between them, settled ones included.
    pub conflicts: Vec<Conflict>,
    /// Requests that named identities of both, with those identities.
    pub requests: Vec<(Seq, Vec<IdentityNumber>)>,
    /// Attributes that point at one person and show the same in both.
    pub fields: Vec<FieldKey>,
}

/// Attributes that point at one person.
const TELLING: &[Attribute] = &[
    Attribute::Name,
    Attribute::Mobile,
    Attribute::Email,
    Attribute::Birthday,
    Attribute::Wechat,
    Attribute::Qq,
    Attribute::Weibo,
    Attribute::ExternalId,
    Attribute::MembershipNo,
];

/// What stands between two live customers, in facts that hold the history of both.
pub fn apart(one: &Customer, other: &Customer, facts: &TenantFacts) -> Apart {
    let requests = requests_naming_both(one.id, other.id, facts);
    let by_contact = are_joined_by_contact(&requests, one.id, facts);
    let (ours, theirs) = (facts.homes_of(one.id), facts.homes_of(other.id));
    let spans = |a: CustomerId, b: CustomerId| {
        ours.contains(&a) && theirs.contains(&b) || ours.contains(&b) && theirs.contains(&a)
    };
    let conflicts = facts.conflicts();
    Apart {
        guards: guards_between(one.id, other.id, by_contact, facts),
        differing: differing(one.id, other.id, facts),
        links: facts.links().filter(|(link, _)| spans(link.low, link.high)).collect(),
        conflicts: conflicts
            .filter(|it| it.right.is_some_and(|right| spans(it.left, right)))
            .cloned()
            .collect(),
        requests,
        fields: TELLING
            .iter()
            .map(|attribute| FieldKey::Builtin(*attribute))
            .filter(|key| is_shared(key, one, other))
            .collect(),
    }
}

/// Whether requests that name identities of two customers join them by contacts or devices only:
/// none of them names what is somebody's own of either.
fn are_joined_by_contact(
    requests: &[(Seq, Vec<IdentityNumber>)],
    one: CustomerId,
    facts: &TenantFacts,
) -> bool {
    let is_own = |number: IdentityNumber| {
        let identity = facts.identity(number);
        identity.is_some_and(|it| facts.policy().rules_of(it.key.kind).role.is_own())
    };
    let joins = |numbers: &[IdentityNumber]| {
        let own = numbers.iter().copied().filter(|number| is_own(*number));
        let (ours, theirs): (Vec<_>, Vec<_>) =
            own.partition(|number| facts.owner(*number) == Some(one));
        !ours.is_empty() && !theirs.is_empty()
    };
    !requests.is_empty() && !requests.iter().any(|(_, numbers)| joins(numbers))
}

fn is_shared(key: &FieldKey, one: &Customer, other: &Customer) -> bool {
    let (ours, theirs) = (one.fold.value(key), other.fold.value(key));
    ours.is_some() && ours == theirs || same_contact(key, ours, theirs)
}

fn differing(
    one: CustomerId,
    other: CustomerId,
    facts: &TenantFacts,
) -> Vec<(IdentityNumber, IdentityNumber)> {
    let is_distinguishing = |kind| facts.policy().rules_of(kind).role == Role::Distinguishing;
    let mut pairs = Vec::new();
    for ours in facts.held_by(one).filter(|identity| is_distinguishing(identity.key.kind)) {
        let same_kind = facts.held_by(other).filter(|theirs| theirs.key.kind == ours.key.kind);
        pairs.extend(same_kind.map(|theirs| (ours.number, theirs.number)));
    }
    pairs
}

fn requests_naming_both(
    one: CustomerId,
    other: CustomerId,
    facts: &TenantFacts,
) -> Vec<(Seq, Vec<IdentityNumber>)> {
    let claims = facts.claims();
    claims
        .filter_map(|(entry, claim, _)| {
            let named = claim.identities.iter().filter_map(|identity| identity.number);
            let of_both: Vec<IdentityNumber> = named
                .filter(|number| {
                    facts.owner(*number).is_some_and(|owner| owner == one || owner == other)
                })
                .collect();
            let is_of = |who| of_both.iter().any(|number| facts.owner(*number) == Some(who));
            (is_of(one) && is_of(other)).then_some((entry.seq, of_both))
        })
        .collect()
}
