use crate::CustomerId;
use crate::attribute::{Attribute, FieldKey, Value};
use crate::canonical;
use crate::customer::{Cell, Fold};
use crate::merge::Merge;
use crate::policy::is_blocked;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What is seen of a customer: the combination of the folds of its homes, which the merges join
/// into one tree (identity page, "One upsert", step 7).
///
/// Per field: the newest value written since the youngest merge, else the better one of the two
/// sides of that merge as they stood when they met, each side combined in the same way.
pub fn combine(homes: &BTreeMap<CustomerId, &Fold>, merges: &[&Merge]) -> Fold {
    let Some(youngest) = merges.iter().max_by_key(|merge| (merge.seq, merge.id)) else {
        return homes.values().next().map_or_else(Fold::default, |fold| (*fold).clone());
    };
    let older: Vec<&Merge> = merges.iter().copied().filter(|m| m.id != youngest.id).collect();
    let left_homes = reachable(youngest.left, &older);
    let side = |wanted: bool| {
        let homes: BTreeMap<CustomerId, &Fold> = homes
            .iter()
            .filter(|(home, _)| left_homes.contains(home) == wanted)
            .map(|(home, fold)| (*home, *fold))
            .collect();
        let older: Vec<&Merge> =
            older.iter().copied().filter(|m| homes.contains_key(&m.left)).collect();
        let smallest = homes.keys().next().copied();
        (smallest, combine(&homes, &older))
    };
    let (left_id, left) = side(true);
    let (right_id, right) = side(false);
    let keys: BTreeSet<&FieldKey> = homes.values().flat_map(|fold| fold.0.keys()).collect();
    let cell_of = |key: &FieldKey| {
        let since = homes
            .values()
            .filter_map(|fold| fold.cell(key))
            .filter(|cell| cell.seq >= youngest.seq)
            .max_by_key(|cell| cell.seq);
        let winner = since.or_else(|| match (left.cell(key), right.cell(key)) {
            (Some(one), Some(other)) => {
                // A value that never matches does not overwrite a good one; a clear may.
                let both = one.value.is_some() && other.value.is_some();
                let rank = |cell: &Cell, id| {
                    let good = both && !is_made_up(key, cell.value.as_ref());
                    (good, cell.verified, cell.at, Reverse(id))
                };
                Some(if rank(one, left_id) >= rank(other, right_id) { one } else { other })
            }
            (one, other) => one.or(other),
        });
        let mut cell = winner?.clone();
        cell.verified |= homes.values().any(|fold| is_verified_there(fold, key, &cell));
        Some((key.clone(), cell))
    };
    Fold(keys.into_iter().filter_map(cell_of).collect())
}

/// The homes that these merges join with this one.
pub(crate) fn reachable(from: CustomerId, merges: &[&Merge]) -> BTreeSet<CustomerId> {
    let mut found = BTreeSet::from([from]);
    let mut frontier = vec![from];
    while let Some(home) = frontier.pop() {
        for merge in merges {
            let other = match (merge.left == home, merge.right == home) {
                (true, _) => merge.right,
                (_, true) => merge.left,
                (false, false) => continue,
            };
            if found.insert(other) {
                frontier.push(other);
            }
        }
    }
    found
}

/// A flag shows true if any home of the customer holds the same number verified.
fn is_verified_there(fold: &Fold, key: &FieldKey, shown: &Cell) -> bool {
    fold.cell(key).is_some_and(|cell| {
        cell.verified && same_contact(key, cell.value.as_ref(), shown.value.as_ref())
    })
}

/// Whether two values of `mobile` or `email` are one number or address.
pub(crate) fn same_contact(key: &FieldKey, one: Option<&Value>, other: Option<&Value>) -> bool {
    let (Some(one), Some(other)) = (one.and_then(Value::text), other.and_then(Value::text)) else {
        return false;
    };
    match key {
        FieldKey::Builtin(Attribute::Mobile) => canonical::mobile(one) == canonical::mobile(other),
        FieldKey::Builtin(Attribute::Email) => canonical::email(one) == canonical::email(other),
        FieldKey::Builtin(_) | FieldKey::Custom(_) => false,
    }
}

/// Whether this is a `mobile` or `email` that never matches for anybody. What one tenant blocks is
/// not asked here: the combination must come out the same whenever it is made, also by a replay
/// under another policy.
fn is_made_up(key: &FieldKey, value: Option<&Value>) -> bool {
    contact_of(key, value).is_some_and(|(attribute, value)| is_blocked(attribute.name(), &value))
}

/// The canonical value of `mobile` or `email`; other attributes are not screened.
pub(crate) fn contact_of(key: &FieldKey, value: Option<&Value>) -> Option<(Attribute, String)> {
    let FieldKey::Builtin(attribute @ (Attribute::Mobile | Attribute::Email)) = key else {
        return None;
    };
    let text = value.and_then(Value::text)?;
    Some((*attribute, canonical::identity_value(attribute.name(), text)))
}
