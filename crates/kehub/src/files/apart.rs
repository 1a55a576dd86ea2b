//! What a row says about identities that one upsert cannot say.

use kehub_core::canonical::type_key;
use kehub_core::command::IdentitySent;
use kehub_core::policy::{Policy, TypeRules};
use std::collections::BTreeMap;

/// Takes those out that an upsert would leave out beside the others, to be sent behind it: second values
/// of a type of which a customer has one, and values of a type of which so many would quarantine others.
pub(super) fn set_apart(identities: &mut Vec<IdentitySent>, policy: &Policy) -> Vec<IdentitySent> {
    if identities.len() < 2 {
        return Vec::new();
    }
    let rules: BTreeMap<String, TypeRules> =
        identities.iter().map(|it| (type_key(&it.kind), rules_of(it, policy))).collect();
    let mut taken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut apart = Vec::new();
    identities.retain(|it| {
        let key = type_key(&it.kind);
        let limit = rules.get(&key).map_or(usize::MAX, |it| at_most(*it, rules.values()));
        let values = taken.entry(key).or_default();
        if values.contains(&it.value) {
            return true;
        }
        if values.len() >= limit {
            apart.push(it.clone());
            return false;
        }
        values.push(it.value.clone());
        true
    });
    apart
}

fn rules_of(identity: &IdentitySent, policy: &Policy) -> TypeRules {
    let known = policy.type_named(&identity.kind).map(|kind| policy.rules_for(kind));
    known.unwrap_or_else(|| TypeRules::of(&type_key(&identity.kind), policy.preset))
}

/// How many values of a type may be sent together, beside these types.
fn at_most<'r>(rules: TypeRules, beside: impl Iterator<Item = &'r TypeRules>) -> usize {
    if rules.limit == 1 {
        return 1;
    }
    let suspected = beside.filter(|it| it.quarantine_after > 0 && rules.counts_against(**it));
    let fewest = suspected.map(|it| it.quarantine_after - 1).min();
    fewest.map_or(usize::MAX, |fewest| fewest.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kehub_core::policy::{OnConflict, Preset};

    fn apart(words: &str, preset: Preset) -> String {
        let identity = |word: &str| {
            let (kind, value) = word.split_once(':').unwrap();
            IdentitySent { kind: kind.into(), value: value.into(), ..IdentitySent::default() }
        };
        let mut identities = words.split(' ').map(identity).collect();
        let apart = set_apart(&mut identities, &Policy::new(preset, OnConflict::Merge));
        let told = |them: Vec<IdentitySent>| {
            them.into_iter().map(|it| it.value).collect::<Vec<_>>().join(" ")
        };
        format!("{} / {}", told(identities), told(apart))
    }

    #[test]
    fn what_one_upsert_would_leave_out_is_sent_behind_it() {
        for (words, expected) in [
            ("member:A mobile:1 wechat:o1 wechat:o2", "A 1 o1 o2 / "),
            ("wechat-unionid:u1 WeChat-UnionID:u2 wechat:o1 wechat-unionid:u1", "u1 o1 u1 / u2"),
            ("member:A member:B member:C member:D", "A B C D / "),
            ("member:A member:B member:C mobile:1 member:D", "A B 1 / C D"),
            ("member:A shop:B crm:C mobile:1", "A B C 1 / "),
            ("cookie:a cookie:b cookie:c mobile:1", "a b c 1 / "),
        ] {
            assert_eq!(apart(words, Preset::Compat), expected);
        }
        assert_eq!(apart("member:A member:B", Preset::Guarded), "A / B");
    }
}
