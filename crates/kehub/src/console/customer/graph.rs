//! How a customer came together, as nodes and lines: who sent what, which requests carried which
//! identities, under which ids these entered, and whom they lead to beside.

use super::Seen;
use crate::console::words::fill;
use kehub_core::conflict::Conflict;
use kehub_core::customer::Customer;
use kehub_core::facts::TenantFacts;
use kehub_core::identity::{Identity, Quarantine};
use kehub_core::journal::{Claim, Record};
use kehub_core::outcome::IdentityVerdict;
use kehub_core::{AppNumber, CustomerId, IdentityNumber, Micros, Seq};
use std::collections::{BTreeMap, BTreeSet};

/// Requests that are drawn one by one; those with the same sender and identities are one already.
const REQUESTS_MAX: usize = 40;

/// Where nodes stand, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Source,
    Request,
    Identity,
    Home,
    Other,
}

impl Column {
    pub(super) const ALL: [Column; 5] =
        [Column::Source, Column::Request, Column::Identity, Column::Home, Column::Other];
}

/// What is drawn as a box.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) column: Column,
    pub(super) class: &'static str,
    pub(super) title: String,
    pub(super) note: String,
    pub(super) href: Option<String>,
    key: Key,
}

/// What a node stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Source(AppNumber),
    /// Requests of an app that belong to a home and carried these.
    Request(AppNumber, CustomerId, BTreeSet<IdentityNumber>),
    /// Further requests of an app.
    Rest(AppNumber),
    Identity(IdentityNumber),
    Home(CustomerId),
    Other(CustomerId),
}

/// What is drawn as a line.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) class: &'static str,
    /// What connects the two.
    pub(super) told: String,
    pub(super) at: Option<Micros>,
}

/// A picture, before anything has its place.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    places: BTreeMap<Key, usize>,
}

/// Requests that are alike.
struct Alike {
    count: usize,
    first: Micros,
    last: Micros,
    seq: Seq,
}

impl Graph {
    /// How a customer came together.
    pub(super) fn of(seen: &Seen<'_>, customer: &Customer) -> Graph {
        let homes: BTreeSet<CustomerId> = seen.then.homes_of(customer.id).into_iter().collect();
        let mut graph = Graph::default();
        for home in &homes {
            graph.home(seen, *home, customer);
        }
        let by_hand = given_by_hand(seen.then, &homes);
        for identity in seen.then.held_by(customer.id) {
            graph.identity(seen, identity, by_hand.contains(&identity.number));
        }
        graph.requests(seen, customer, &homes);
        graph.merges(seen, &homes);
        graph.links(seen, customer, &homes);
        graph.conflicts(seen, customer, &homes);
        graph
    }

    fn add(&mut self, node: Node) -> usize {
        let place = self.nodes.len();
        self.places.insert(node.key.clone(), place);
        self.nodes.push(node);
        place
    }

    fn connect(
        &mut self,
        from: usize,
        to: usize,
        class: &'static str,
        told: &str,
        at: Option<Micros>,
    ) {
        self.edges.push(Edge { from, to, class, told: told.to_owned(), at });
    }

    fn home(&mut self, seen: &Seen<'_>, home: CustomerId, customer: &Customer) {
        let words = seen.shower.words();
        let row = seen.then.customer(home);
        let created = row.map(|row| seen.shower.moment(row.created_at)).unwrap_or_default();
        let day = created.split(' ').next().unwrap_or_default();
        let is_survivor = home == customer.id;
        self.add(Node {
            column: Column::Home,
            class: if is_survivor { "home survivor" } else { "home" },
            title: format!("#{home}"),
            note: format!("{} {day}", words.created),
            href: None,
            key: Key::Home(home),
        });
    }

    fn identity(&mut self, seen: &Seen<'_>, identity: &Identity, is_by_hand: bool) {
        let words = seen.shower.words();
        let row = seen.names.row(identity.number);
        let is_quarantined = row.is_some_and(|row| row.quarantine == Quarantine::Yes);
        let place = self.value(seen, identity.number, is_quarantined);
        let home = identity.home.and_then(|home| self.places.get(&Key::Home(home)).copied());
        if let Some(home) = home {
            let (class, told) =
                if is_by_hand { ("hand", words.edge_taken) } else { ("held", words.edge_entered) };
            self.connect(place, home, class, told, None);
        }
    }

    /// The node of an identity, whoever owns it.
    fn value(&mut self, seen: &Seen<'_>, number: IdentityNumber, is_quarantined: bool) -> usize {
        if let Some(place) = self.places.get(&Key::Identity(number)) {
            return *place;
        }
        let (kind, value) = seen.identity(number);
        let words = seen.shower.words();
        let note = if is_quarantined { format!("{kind} · {}", words.quarantined) } else { kind };
        let class = if is_quarantined { "identity quarantined" } else { "identity" };
        let href = Some(format!("/console/why?from=%23{}&to=%40{number}", seen.id));
        let key = Key::Identity(number);
        self.add(Node { column: Column::Identity, class, title: value, note, href, key })
    }

    /// Requests, those that are alike as one, with who sent them.
    fn requests(&mut self, seen: &Seen<'_>, customer: &Customer, homes: &BTreeSet<CustomerId>) {
        let mut groups: BTreeMap<Key, Alike> = BTreeMap::new();
        for (entry, claim, home) in seen.then.claims().filter(|(_, _, home)| homes.contains(home)) {
            let carried = carried(claim, customer.id, seen.then);
            let alike = groups.entry(Key::Request(entry.app, home, carried)).or_insert(Alike {
                count: 0,
                first: entry.at,
                last: entry.at,
                seq: entry.seq,
            });
            (alike.count, alike.last, alike.seq) = (alike.count + 1, entry.at, entry.seq);
        }
        let mut groups: Vec<(Key, Alike)> = groups.into_iter().collect();
        groups.sort_by_key(|(_, alike)| std::cmp::Reverse(alike.seq));
        let rest = groups.split_off(groups.len().min(REQUESTS_MAX));
        for (key, alike) in &groups {
            self.request(seen, key, alike);
        }
        let mut more: BTreeMap<AppNumber, usize> = BTreeMap::new();
        for (key, alike) in rest {
            if let Key::Request(app, ..) = key {
                *more.entry(app).or_default() += alike.count;
            }
        }
        for (app, count) in more {
            let words = seen.shower.words();
            let title = fill(words.graph_more, &[&count.to_string()]);
            let (column, class, key) = (Column::Request, "request rest", Key::Rest(app));
            let node = Node { column, class, title, note: String::new(), href: None, key };
            let place = self.add(node);
            let source = self.source(seen, app);
            self.connect(source, place, "sent", words.edge_sent, None);
        }
    }

    fn request(&mut self, seen: &Seen<'_>, key: &Key, alike: &Alike) {
        let words = seen.shower.words();
        let Key::Request(app, home, carried) = key else { return };
        let (first, last) = (seen.shower.moment(alike.first), seen.shower.moment(alike.last));
        let count = fill(words.requests_count, &[&alike.count.to_string()]);
        let (title, note) = if alike.count == 1 {
            (last, count)
        } else {
            let day = |moment: &str| moment.split(' ').next().unwrap_or_default().to_owned();
            (count, format!("{} – {}", day(&first), day(&last)))
        };
        let place = self.add(Node {
            column: Column::Request,
            class: "request",
            title,
            note,
            href: Some(format!("#s{}", alike.seq)),
            key: key.clone(),
        });
        let source = self.source(seen, *app);
        self.connect(source, place, "sent", words.edge_sent, Some(alike.last));
        for number in carried {
            if let Some(identity) = self.places.get(&Key::Identity(*number)).copied() {
                self.connect(place, identity, "carried", words.edge_carried, Some(alike.last));
            }
        }
        // One that carried no identity said something about the customer all the same.
        if carried.is_empty()
            && let Some(home) = self.places.get(&Key::Home(*home)).copied()
        {
            self.connect(place, home, "carried", words.edge_entered, Some(alike.last));
        }
    }

    fn source(&mut self, seen: &Seen<'_>, app: AppNumber) -> usize {
        if let Some(place) = self.places.get(&Key::Source(app)) {
            return *place;
        }
        let (title, key) = (seen.app(app), Key::Source(app));
        let note = seen.shower.words().app.to_owned();
        self.add(Node { column: Column::Source, class: "source", title, note, href: None, key })
    }

    fn merges(&mut self, seen: &Seen<'_>, homes: &BTreeSet<CustomerId>) {
        let words = seen.shower.words();
        for merge in seen.then.merges().filter(|it| it.is_live() && homes.contains(&it.left)) {
            let place = |home| self.places.get(&Key::Home(home)).copied();
            if let (Some(left), Some(right)) = (place(merge.left), place(merge.right)) {
                let told = fill(words.edge_merge, &[&merge.id.to_string()]);
                let at = seen.then.entry(merge.seq).map(|entry| entry.at);
                self.connect(left, right, "merge", &told, at);
            }
        }
    }

    fn links(&mut self, seen: &Seen<'_>, customer: &Customer, homes: &BTreeSet<CustomerId>) {
        let words = seen.shower.words();
        for (link, seq) in seen.then.links() {
            let (ours, theirs) = match (homes.contains(&link.low), homes.contains(&link.high)) {
                (true, false) => (link.low, link.high),
                (false, true) => (link.high, link.low),
                _ => continue,
            };
            let Some(home) = self.places.get(&Key::Home(ours)).copied() else { continue };
            let other = self.other(seen, theirs, customer);
            let at = seen.then.entry(seq).map(|entry| entry.at);
            self.connect(home, other, "cannot-link", words.edge_cannot_link, at);
        }
    }

    fn conflicts(&mut self, seen: &Seen<'_>, customer: &Customer, homes: &BTreeSet<CustomerId>) {
        let open = |it: &&Conflict| it.settled.is_none();
        for conflict in seen.then.conflicts().filter(open) {
            let right = conflict.right;
            let is_ours = homes.contains(&conflict.left);
            let is_theirs = right.is_some_and(|right| homes.contains(&right));
            if !is_ours && !is_theirs {
                continue;
            }
            let words = seen.shower.words();
            let rule = words.rule(conflict.rule);
            let told = fill(words.edge_conflict, &[&format!("{}: {rule}", conflict.id)]);
            let at = seen.then.entry(conflict.opened).map(|entry| entry.at);
            let identity = self.value(seen, conflict.identity, false);
            let beyond = match (is_ours, is_theirs) {
                // Both sides are this customer: somebody is to look at the identity.
                (true, true) => None,
                (true, false) => right,
                (false, _) => Some(conflict.left),
            };
            if let Some(theirs) = beyond {
                let other = self.other(seen, theirs, customer);
                self.connect(identity, other, "conflict", &told, at);
            }
            // One that is the customer's is connected with its id already.
            let is_held = seen.then.owner(conflict.identity) == Some(customer.id);
            let home = self.owned_side(conflict, is_ours);
            if let Some(home) = home.filter(|_| beyond.is_none() || !is_held) {
                self.connect(identity, home, "conflict", &told, at);
            }
        }
    }

    /// The node of the side of a conflict that is this customer's.
    fn owned_side(&self, conflict: &Conflict, is_left: bool) -> Option<usize> {
        let home = if is_left { Some(conflict.left) } else { conflict.right };
        self.places.get(&Key::Home(home?)).copied()
    }

    fn other(&mut self, seen: &Seen<'_>, home: CustomerId, customer: &Customer) -> usize {
        let answers = seen.then.survivor(home).map_or(home, |it| it.id);
        if let Some(place) = self.places.get(&Key::Other(answers)) {
            return *place;
        }
        let words = seen.shower.words();
        self.add(Node {
            column: Column::Other,
            class: "other",
            title: format!("#{answers}"),
            note: words.customer.to_owned(),
            href: Some(format!("/console/why?from=%23{}&to=%23{answers}", customer.id)),
            key: Key::Other(answers),
        })
    }
}

/// The identities that a request carried and that are the customer's.
fn carried(claim: &Claim, customer: CustomerId, then: &TenantFacts) -> BTreeSet<IdentityNumber> {
    let is_theirs = |verdict| {
        matches!(
            verdict,
            IdentityVerdict::Matched
                | IdentityVerdict::Moved
                | IdentityVerdict::Created
                | IdentityVerdict::Attached
        )
    };
    let carried = claim.identities.iter().filter(|it| is_theirs(it.verdict));
    carried
        .filter_map(|it| it.number)
        .filter(|number| then.owner(*number) == Some(customer))
        .collect()
}

/// The identities that somebody gave to one of these homes by hand.
fn given_by_hand(then: &TenantFacts, homes: &BTreeSet<CustomerId>) -> BTreeSet<IdentityNumber> {
    let mut given = BTreeSet::new();
    for record in then.entries().flat_map(|entry| &entry.records) {
        if let Record::Extracted(it) = record
            && homes.contains(&it.to)
        {
            given.extend(it.identities.iter().map(|(number, _)| *number));
        }
        if let Record::Settled(it) = record
            && let Some((number, _, home)) = it.moved
            && homes.contains(&home)
        {
            given.insert(number);
        }
    }
    given
}
