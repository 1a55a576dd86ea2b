//! Made-up people. Everything about a person follows from their number and the seed, so that a
//! run can be repeated and nothing has to be remembered of who was sent.

use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::command::{FieldsSent, IdentitySent, Upsert};
use rand::TryRng;
use rand_distr::{Distribution as _, Zipf};
use serde::Serialize;
use std::convert::Infallible;

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

/// What comes how often, of a hundred requests; the rest changes somebody who is known.
#[derive(Clone, Copy, Debug, Serialize, clap::Args)]
pub(crate) struct Mix {
    /// Of a hundred requests, so many bring a new customer
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=100))]
    new_percent: u64,
    /// So many name an identity of one known customer and an identity of another
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=100))]
    bridge_percent: u64,
    /// So many bring a value that belongs to nobody, such as `unknown`
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=100))]
    blocked_percent: u64,
    /// How uneven known customers are chosen: the exponent of a Zipf distribution; 0 is evenly
    #[arg(long, default_value_t = 1.01)]
    zipf: f64,
    /// Makes the same people and the same order of requests again
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Mix {
    /// The shares of new, changed, bridging and blocked ones.
    pub(crate) fn shares(&self) -> [u64; 4] {
        let Mix { new_percent, bridge_percent, blocked_percent, .. } = *self;
        let rest = 100 - (new_percent + bridge_percent + blocked_percent).min(100);
        [new_percent, rest, bridge_percent, blocked_percent]
    }

    pub(crate) fn zipf(&self) -> f64 {
        self.zipf
    }
}

/// Everybody who was sent so far, and the choice of who comes next.
#[derive(Debug)]
pub(crate) struct People {
    mix: Mix,
    chance: Chance,
    known: u64,
    sent: u64,
    /// How many of them are in numbers apart: see [`People::apart`].
    apart: Option<u64>,
}

/// Somebody who is sent beside others to the same place has numbers of their own from here on.
const APART: u64 = 500_000_000;
/// Parts neighbours in the order of how often somebody is chosen.
const SPREAD: u64 = 2_654_435_761;

impl People {
    pub(crate) fn new(mix: Mix) -> People {
        People { mix, chance: Chance(mix.seed), known: 0, sent: 0, apart: None }
    }

    /// For a place where so many are known already, and where somebody else adds further ones.
    pub(crate) fn apart(mix: Mix, known: u64) -> People {
        People { known, apart: Some(0), ..People::new(mix) }
    }

    /// How many were sent at least once.
    pub(crate) fn known(&self) -> u64 {
        self.known + self.apart.unwrap_or_default()
    }

    /// Somebody new.
    pub(crate) fn newcomer(&mut self) -> Person {
        self.sent += 1;
        let (count, first) = match &mut self.apart {
            Some(count) => (count, APART),
            None => (&mut self.known, 0),
        };
        *count += 1;
        Person::new(self.mix.seed, first + *count - 1, 0)
    }

    /// The next request.
    pub(crate) fn next(&mut self) -> Person {
        let [new, changed, bridging, _] = self.mix.shares();
        let kind = self.chance.below(100);
        if kind < new || self.known < 3 {
            return self.newcomer();
        }
        self.sent += 1;
        let number = self.chosen();
        let mut person = Person::new(self.mix.seed, number, self.sent);
        if kind >= new + changed + bridging {
            person.identities.push(("crm-id", "unknown".to_owned()));
        } else if kind >= new + changed {
            // Two of three have a second identity.
            let other = self.chosen();
            let other = if other.is_multiple_of(3) { other + 1 } else { other };
            person.identities.truncate(1);
            person.identities.push(("wechat", wechat(other % self.known)));
        }
        person
    }

    /// The number of somebody known, some far more often than others.
    fn chosen(&mut self) -> u64 {
        self.chosen_of(self.known)
    }

    /// A number below this one, some far more often than others.
    pub(crate) fn chosen_of(&mut self, count: u64) -> u64 {
        let known = count.max(1);
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
        let distribution = Zipf::new(known as f64, self.mix.zipf);
        let Ok(distribution) = distribution else { return self.chance.below(known) };
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number from 1 to `known`"
        )]
        let rank = distribution.sample(&mut self.chance) as u64;
        rank.wrapping_mul(SPREAD) % known
    }
}

/// What the values of [`Person::line`] are.
pub(crate) const HEADINGS: &str = "性别,name,mobile,email,birthday,country,province,city,county,\
    homeAddress,company,source,remark,identity:member-id,identity:wechat,identity:mobile,identity:crm-id";

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
        let identities_count = 1 + usize::try_from(number % 3).unwrap_or(0);
        let mut later = Chance(chance.0 ^ version);
        let identities =
            [("member-id", member(number)), ("wechat", wechat(number)), ("mobile", mobile(number))];
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
        self.written(["customerIdentities", "identityType", "identityValue", "identityName"])
    }

    /// As the body of an upsert over `/api`, or a row of a batch of them.
    pub(crate) fn row(&self) -> String {
        self.written(["identities", "type", "value", "name"])
    }

    fn written(&self, [list, kind_key, value_key, name_key]: [&str; 4]) -> String {
        let field = |(name, text): &(&str, String)| format!(",\"{name}\":\"{text}\"");
        let fields: String = self.texts.iter().map(field).collect();
        let name = std::iter::once(format!(",\"{name_key}\":\"{}\"", self.identity_name));
        let names = name.chain(std::iter::repeat(String::new()));
        let identity = |((kind, value), name): (&(&str, String), String)| {
            format!("{{\"{kind_key}\":\"{kind}\",\"{value_key}\":\"{value}\"{name}}}")
        };
        let identities: Vec<String> = self.identities.iter().zip(names).map(identity).collect();
        format!(
            "{{\"customer\":{{\"gender\":{}{fields}}},\"{list}\":[{}]}}",
            self.gender,
            identities.join(",")
        )
    }

    /// As a row of a table with [`HEADINGS`], the way tables come: every third mobile is written as people do,
    /// and of a thousand rows one has a date that cannot be told, or more values than there are columns.
    pub(crate) fn line(&self, row: u64) -> String {
        let gender = if self.gender == 1 { "男" } else { "女" };
        let mut cells = vec![gender.to_owned()];
        cells.extend(self.texts.iter().map(|(field, text)| match (*field, row % 1000) {
            ("mobile", _) if row.is_multiple_of(3) => {
                let (operator, rest) = text.split_at_checked(3).unwrap_or((text, ""));
                format!("+86 {operator}-{rest}")
            }
            ("birthday", 500) => "3/5/1990".to_owned(),
            _ => text.clone(),
        }));
        for kind in ["member-id", "wechat", "mobile", "crm-id"] {
            let of_kind = self.identities.iter().filter(|(it, _)| *it == kind);
            let values: Vec<&str> = of_kind.map(|(_, value)| value.as_str()).collect();
            cells.push(values.join("|"));
        }
        if row % 1000 == 999 {
            cells.push("太多".to_owned());
        }
        cells.join(",")
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

/// The first identity of everybody.
pub(crate) fn member(number: u64) -> String {
    format!("M{number:010}")
}

fn wechat(number: u64) -> String {
    format!("oGzBk5{number:022}")
}

/// A mainland number of one's own: the multiplier and the modulus share no factor.
pub(crate) fn mobile(number: u64) -> String {
    format!("13{:09}", number.wrapping_mul(618_033_989) % 1_000_000_000)
}

/// A small generator of numbers that look random (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.next() >> 32).unwrap_or_default())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for part in bytes.chunks_mut(8) {
            let drawn = self.next().to_le_bytes();
            part.copy_from_slice(drawn.get(..part.len()).unwrap_or_default());
        }
        Ok(())
    }
}

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
    use super::{Chance, Mix, People, Person, mobile, wechat};
    use std::collections::{HashMap, HashSet};

    const MIX: Mix =
        Mix { new_percent: 50, bridge_percent: 5, blocked_percent: 1, zipf: 1.01, seed: 1 };

    #[test]
    fn a_seed_gives_the_same_requests_again() {
        let requests = |seed| {
            let mut people = People::new(Mix { seed, ..MIX });
            (0..100).map(|_| people.next()).collect::<Vec<_>>()
        };
        assert_eq!(requests(1), requests(1));
        assert_ne!(requests(1), requests(2));
    }

    #[test]
    fn the_shares_of_the_mix_are_kept() {
        let mut people = People::new(MIX);
        let sent: Vec<Person> = (0..20_000).map(|_| people.next()).collect();
        let has = |kind, value| move |(k, v): &(&str, String)| *k == kind && v == value;
        let share = |count: usize| count * 1000 / sent.len();
        assert!((485..=515).contains(&share(usize::try_from(people.known()).unwrap())));
        let blocked = |it: &&Person| it.identities.iter().any(has("crm-id", "unknown"));
        assert!((7..=13).contains(&share(sent.iter().filter(blocked).count())));
        let bridges = |it: &&Person| match &it.identities[..] {
            [("member-id", one), ("wechat", other)] => wechat(one[1..].parse().unwrap()) != *other,
            _ => false,
        };
        assert!((40..=60).contains(&share(sent.iter().filter(bridges).count())));
    }

    #[test]
    fn some_are_chosen_far_more_often() {
        let counts = |zipf| {
            let mut people = People::apart(Mix { zipf, ..MIX }, 1000);
            let mut counts = HashMap::new();
            for _ in 0..10_000 {
                *counts.entry(people.chosen()).or_insert(0_u64) += 1;
            }
            counts.into_values().max().unwrap()
        };
        assert!(counts(1.01) > 1000, "{}", counts(1.01));
        assert!(counts(0.0) < 40, "{}", counts(0.0));
    }

    #[test]
    fn who_is_apart_meets_nobody_new_of_others() {
        let mut people = People::apart(MIX, 1000);
        let [one, other] = [(); 2].map(|()| people.newcomer());
        assert_eq!(one, Person::new(1, 500_000_000, 0));
        assert_eq!(other, Person::new(1, 500_000_001, 0));
        assert_eq!(people.known(), 1002);
        assert!((0..1000).all(|_| people.chosen() < 1000));
    }

    #[test]
    fn a_chance_is_drawn_evenly() {
        let mut chance = Chance::new(3);
        let low = (0..10_000).filter(|_| chance.below(2) == 0).count();
        assert!((4_800..=5_200).contains(&low), "{low}");
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
