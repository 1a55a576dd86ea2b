//! Random writes of every kind, about few people and things, so that they meet.

use super::feed::{MARK, OWN};
use crate::load::people::Chance;
use serde_json::{Value, json};

/// Few values, so that requests overlap and bridge.
const VALUES: u64 = 400;
/// How many of the newest customers, merges and conflicts are written to: older ones tend to be gone.
const RECENT: u64 = 200;
const BATCH_ROWS: usize = 5;
/// One of so many upserts has an identity of its own: customers hold a hundred.
const OWN_SHARE: u64 = 40;

/// The place of one of the newest of a list.
fn one_of_last(chance: &mut Chance, length: usize) -> usize {
    let back = usize::try_from(1 + chance.below(RECENT)).unwrap_or(usize::MAX);
    length.saturating_sub(back)
}

/// What the answers told so far.
#[derive(Debug, Default)]
pub(super) struct Known {
    customers: u64,
    merges: u64,
    conflicts: u64,
    /// Undone merges, and claims that wait for a decision since.
    undecided: Vec<(u64, u64)>,
    /// Identities as they are sent, with the customers that had them.
    held: Vec<(u64, String)>,
}

impl Known {
    /// Learns from the answer to a write.
    pub(super) fn learn(&mut self, answer: &Value) {
        let number = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let created = number("/customer/id").max(number("/extractedId"));
        self.customers = self.customers.max(created);
        let list =
            |pointer| answer.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        let merge = number("/mergeId");
        let bridged = list("/resolution/mergedIds").count();
        self.merges = merge.max(self.merges + u64::try_from(bridged).unwrap_or(0));
        let opened = list("/resolution/conflicts").filter_map(|conflict| conflict["id"].as_u64());
        self.conflicts = opened.fold(self.conflicts, u64::max);
        self.undecided
            .extend(list("/undecidedClaims").filter_map(Value::as_u64).map(|it| (merge, it)));
        self.held.extend(list("/resolution/identities").filter_map(|identity| {
            let sent = json!({ "type": identity["type"], "value": identity["value"] });
            Some((identity["customerId"].as_u64()?, sent.to_string()))
        }));
        for item in list("/items") {
            self.learn(item);
        }
    }
}

/// One of the newest of so many.
fn recent(chance: &mut Chance, last: u64) -> u64 {
    last.saturating_sub(chance.below(RECENT)).max(1)
}

/// A write as it is sent, perhaps more than once.
#[derive(Debug)]
pub(super) struct Sent {
    /// Its kind.
    pub(super) what: &'static str,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: String,
    pub(super) key: String,
    /// Of its upserts, one for each.
    pub(super) marks: Vec<u64>,
    pub(super) is_batch: bool,
}

/// Any write. Marks are counted from this one.
pub(super) fn any(chance: &mut Chance, known: &Known, mark: u64) -> Sent {
    let (what, method, path, body) = some(chance, known, mark);
    let is_batch = what == "batch";
    let marks = match what {
        "upsert" => vec![mark],
        "batch" => (mark..).take(BATCH_ROWS).collect(),
        _ => Vec::new(),
    };
    Sent { what, method, path, body, key: format!("soak-{mark}"), marks, is_batch }
}

/// Its kind, method, path and body.
fn some(
    chance: &mut Chance,
    known: &Known,
    mark: u64,
) -> (&'static str, &'static str, String, String) {
    let id = recent(chance, known.customers);
    let pair = format!("{{\"customerIds\":[{id},{}]}}", recent(chance, known.customers));
    let (merge, conflict) = (recent(chance, known.merges), recent(chance, known.conflicts));
    match chance.below(100) {
        0..62 => ("upsert", "POST", "/api/customers".to_owned(), upsert(chance, mark)),
        62..66 => {
            let rows = (mark..).take(BATCH_ROWS);
            let rows: Vec<String> = rows.map(|mark| upsert(chance, mark)).collect();
            let path = chance.of(&["/api/customers/batch", "/api/customers/batch?atomic=1"]);
            ("batch", "POST", path.to_owned(), format!("[{}]", rows.join(",")))
        }
        66..68 => ("attach", "POST", format!("/api/customers/{id}/identities"), identity(chance)),
        68..70 => {
            let fields = "{\"customer\":{\"city\":\"Beijing\",\"unset\":[\"name\"]}}";
            ("patch", "PATCH", format!("/api/customers/{id}"), fields.to_owned())
        }
        70..75 => ("merge", "POST", "/api/merges".to_owned(), pair),
        75..81 => ("undo", "POST", format!("/api/merges/{merge}/undo"), String::new()),
        81..85 => {
            let place = one_of_last(chance, known.held.len());
            let (customer, identity) = known.held.get(place).cloned().unwrap_or_default();
            let identities = format!("{{\"identities\":[{identity}]}}");
            ("extract", "POST", format!("/api/customers/{customer}/extract"), identities)
        }
        85..88 => {
            let decisions = ["merge", "keepApart", "moveIdentity", "accept"];
            let decision = format!("{{\"decision\":\"{}\"}}", chance.of(&decisions));
            ("resolve", "POST", format!("/api/conflicts/{conflict}/resolve"), decision)
        }
        88..91 => {
            let place = one_of_last(chance, known.undecided.len());
            let (merge, claim) = known.undecided.get(place).copied().unwrap_or((1, 1));
            let path = format!("/api/undecided-claims/{merge}/{claim}/decide");
            ("decide", "POST", path, format!("{{\"customerId\":{id}}}"))
        }
        91..93 => ("link", "POST", "/api/cannot-links".to_owned(), pair),
        93 => ("erase", "POST", format!("/api/customers/{id}/erase"), String::new()),
        94..96 => ("delete", "DELETE", format!("/v1/customers/{id}"), String::new()),
        96..98 => ("restore", "POST", format!("/api/customers/{id}/restore"), String::new()),
        98 => {
            let number = 1 + chance.below(VALUES);
            ("release", "POST", format!("/api/quarantine/{number}/release"), String::new())
        }
        _ => {
            let presets = ["{\"preset\":\"compat\"}", "{\"preset\":\"guarded\"}"];
            ("policy", "PATCH", "/api/policy".to_owned(), chance.of(&presets).to_owned())
        }
    }
}

/// An upsert with its mark; one of some has an identity that nobody else sends.
fn upsert(chance: &mut Chance, mark: u64) -> String {
    let name = chance.of(&["Wang", "Li", "Zhang", "null"]);
    let mobile = chance.below(VALUES);
    let choice = chance.of(&["merge", "keep", "reject"]);
    let mut sent = identities(chance);
    if chance.below(OWN_SHARE) == 0 {
        sent.push(format!("{{\"type\":\"cookie\",\"value\":\"{OWN}{mark}\"}}"));
    }
    format!(
        "{{\"customer\":{{\"name\":\"{name}\",\"mobile\":\"138{mobile:08}\",\
         \"attr\":{{\"n\":{},\"{MARK}\":\"{mark}\"}}}},\
         \"identities\":[{}],\"onConflict\":\"{choice}\"}}",
        chance.below(9),
        sent.join(",")
    )
}

/// One to three identities.
fn identities(chance: &mut Chance) -> Vec<String> {
    let count = 1 + chance.below(3);
    (0..count).map(|_| identity(chance)).collect()
}

/// An account, unionid, openid, mobile or device, or a blocked value.
fn identity(chance: &mut Chance) -> String {
    let kinds = ["member-id", "wechat-unionid", "wechat", "wechat", "mobile", "cookie"];
    let kind = chance.of(&kinds);
    let value = chance.below(VALUES);
    let value = match (kind, chance.below(100)) {
        (_, 0) => "null".to_owned(),
        ("mobile", _) => format!("139{value:08}"),
        (_, _) => format!("v{value}"),
    };
    format!("{{\"type\":\"{kind}\",\"value\":\"{value}\"}}")
}
