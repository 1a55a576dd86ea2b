//! Made-up people. Everything about a person follows from their number and the seed, so that a
//! run can be repeated and nothing has to be remembered of who was sent.

use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::command::{FieldsSent, IdentitySent, Upsert};

const SURNAMES: [&str; 16] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭",
];
const GIVEN_NAMES: [&str; 16] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "洋", "艳", "志强", "秀英", "建国", "雨桐",
    "子轩", "欣怡",
];
const PLACES: [(&str, &str, &str); 8] = [
    ("北京市", "北京市", "朝阳区"),
    ("上海市", "上海市", "浦东新区"),
    ("广东省", "深圳市", "南山区"),
    ("浙江省", "杭州市", "西湖区"),
    ("四川省", "成都市", "武侯区"),
    ("江苏省", "南京市", "鼓楼区"),
    ("湖北省", "武汉市", "洪山区"),
    ("陕西省", "西安市", "雁塔区"),
];
const COMPANIES: [&str; 4] = ["星河科技有限公司", "远山贸易有限公司", "明日教育", "青禾食品"];
const SOURCES: [&str; 4] = ["官网", "门店", "公众号", "小程序"];

/// Everybody who was sent so far, and the choice of who comes next.
#[derive(Debug)]
pub(crate) struct People {
    seed: u64,
    chance: Chance,
    new_percent: u64,
    known: u64,
    sent: u64,
}

impl People {
    pub(crate) fn new(seed: u64, new_percent: u64) -> People {
        People { seed, chance: Chance(seed), new_percent, known: 0, sent: 0 }
    }

    /// How many were sent at least once.
    pub(crate) fn known(&self) -> u64 {
        self.known
    }

    /// The next request: somebody new, or somebody known with something changed.
    pub(crate) fn next(&mut self, only_new: bool) -> Person {
        self.sent += 1;
        let new = only_new || self.known == 0 || self.chance.below(100) < self.new_percent;
        if new {
            self.known += 1;
            return Person::new(self.seed, self.known - 1, 0);
        }
        let number = self.chance.below(self.known);
        Person::new(self.seed, number, self.sent)
    }
}

/// What is sent of a person.
#[derive(Debug, PartialEq)]
pub(crate) struct Person {
    gender: i64,
    /// The other fields, by their names on the wire.
    texts: Vec<(&'static str, String)>,
    /// Types and values.
    identities: Vec<(&'static str, String)>,
    /// The display name of the first identity.
    identity_name: String,
}

impl Person {
    /// `version` 0 is the first one; later ones move the person's company and remark, and leave the
    /// rest as it was.
    fn new(seed: u64, number: u64, version: u64) -> Person {
        let mut chance = Chance(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let name = format!("{}{}", chance.of(&SURNAMES), chance.of(&GIVEN_NAMES));
        let (province, city, county) = chance.of(&PLACES);
        let gender = if chance.below(2) == 0 { 1 } else { 2 };
        let (year, month, day) =
            (1950 + chance.below(55), 1 + chance.below(12), 1 + chance.below(28));
        let (road, house) = (chance.below(200) + 1, chance.below(999) + 1);
        let source = chance.of(&SOURCES);
        let identities_count = 1 + usize::try_from(chance.below(3)).unwrap_or(0);
        let mut later = Chance(chance.0 ^ version);
        let identities = [
            ("member-id", format!("M{number:010}")),
            ("wechat", format!("oGzBk5{number:022}")),
            ("mobile", mobile(number)),
        ];
        let texts = vec![
            ("name", name.clone()),
            ("mobile", mobile(number)),
            ("email", format!("u{number}@example.com")),
            ("birthday", format!("{year}-{month:02}-{day:02}")),
            ("country", "中国".to_owned()),
            ("province", province.to_owned()),
            ("city", city.to_owned()),
            ("county", county.to_owned()),
            ("homeAddress", format!("{city}{county}人民路{road}号{house}室")),
            ("company", later.of(&COMPANIES).to_owned()),
            ("source", source.to_owned()),
            ("remark", format!("第{version}次更新")),
        ];
        let identities = identities.into_iter().take(identities_count).collect();
        Person { gender, texts, identities, identity_name: name }
    }

    /// As the body of an upsert over v1. Nothing in it needs to be escaped.
    pub(crate) fn body(&self) -> String {
        let field = |(name, text): &(&str, String)| format!(",\"{name}\":\"{text}\"");
        let fields: String = self.texts.iter().map(field).collect();
        let name = std::iter::once(format!(",\"identityName\":\"{}\"", self.identity_name));
        let names = name.chain(std::iter::repeat(String::new()));
        let identity = |((kind, value), name): (&(&str, String), String)| {
            format!("{{\"identityType\":\"{kind}\",\"identityValue\":\"{value}\"{name}}}")
        };
        let identities: Vec<String> = self.identities.iter().zip(names).map(identity).collect();
        format!(
            "{{\"customer\":{{\"gender\":{}{fields}}},\"customerIdentities\":[{}]}}",
            self.gender,
            identities.join(",")
        )
    }

    /// As what the wire makes of that body.
    pub(crate) fn upsert(self) -> Upsert {
        let texts = self.texts.into_iter().filter_map(|(field, text)| {
            Some((Attribute::named(field)?, Some(Value::Text(text.into()))))
        });
        let gender = (Attribute::Gender, Some(Value::Integer(self.gender)));
        let values = texts.chain([gender]).map(|(field, value)| (FieldKey::Builtin(field), value));
        let mut name = Some(self.identity_name);
        let identity = |(kind, value): (&str, String)| IdentitySent {
            kind: kind.to_owned(),
            value,
            name: name.take(),
            scope: None,
        };
        Upsert {
            identities: self.identities.into_iter().map(identity).collect(),
            fields: FieldsSent { values: values.collect(), ..FieldsSent::default() },
            ..Upsert::default()
        }
    }
}

/// A mainland number of one's own: the multiplier and the modulus share no factor.
fn mobile(number: u64) -> String {
    format!("13{:09}", number.wrapping_mul(618_033_989) % 1_000_000_000)
}

/// A small generator of numbers that look random (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn of<T: Copy, const N: usize>(&mut self, choices: &[T; N]) -> T {
        let place = usize::try_from(self.below(u64::try_from(N).unwrap_or(1))).unwrap_or(0);
        choices.get(place).copied().unwrap_or(choices[0])
    }
}

#[cfg(test)]
mod tests {
    use super::{People, Person, mobile};
    use std::collections::HashSet;

    #[test]
    fn a_seed_gives_the_same_requests_again() {
        let requests = |seed| {
            let mut people = People::new(seed, 50);
            (0..100).map(|_| people.next(false)).collect::<Vec<_>>()
        };
        assert_eq!(requests(1), requests(1));
        assert_ne!(requests(1), requests(2));
    }

    #[test]
    fn the_share_of_new_people_is_kept() {
        for (share, expected) in [(0, 1..=1), (50, 4_800..=5_200), (100, 10_000..=10_000)] {
            let mut people = People::new(7, share);
            (0..10_000).for_each(|_| drop(people.next(false)));
            assert!(expected.contains(&people.known()), "{share}: {}", people.known());
        }
    }

    #[test]
    fn nobody_shares_a_mobile() {
        let mobiles: HashSet<String> = (0..100_000).map(mobile).collect();
        assert_eq!(mobiles.len(), 100_000);
    }

    #[test]
    fn a_later_version_keeps_the_identities() {
        let [first, later] = [0, 9].map(|version| Person::new(1, 5, version));
        assert_eq!(first.identities, later.identities);
        assert_ne!(first, later);
    }

    #[test]
    fn everything_that_is_sent_is_in_the_command() {
        let person = Person::new(1, 5, 0);
        let (texts, identities) = (person.texts.len(), person.identities.len());
        let body: serde_json::Value = serde_json::from_str(&person.body()).unwrap();
        let upsert = person.upsert();
        assert_eq!(upsert.fields.values.len(), texts + 1);
        assert_eq!(body["customer"].as_object().unwrap().len(), texts + 1);
        assert_eq!(upsert.identities.len(), identities);
        assert_eq!(body["customerIdentities"].as_array().unwrap().len(), identities);
    }
}
