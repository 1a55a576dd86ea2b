//! Made-up people. Everything about a person follows from their number and the seed, so that a
//! run can be repeated and nothing has to be remembered of who was sent.

use std::fmt::Write as _;

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
pub(super) struct People {
    seed: u64,
    chance: Chance,
    new_percent: u64,
    known: u64,
    sent: u64,
}

impl People {
    pub(super) fn new(seed: u64, new_percent: u64) -> People {
        People { seed, chance: Chance(seed), new_percent, known: 0, sent: 0 }
    }

    /// How many were sent at least once.
    pub(super) fn known(&self) -> u64 {
        self.known
    }

    /// The next request: somebody new, or somebody known with something changed.
    pub(super) fn next_body(&mut self, only_new: bool) -> String {
        self.sent += 1;
        let new = only_new || self.known == 0 || self.chance.below(100) < self.new_percent;
        if new {
            self.known += 1;
            return body(self.seed, self.known - 1, 0);
        }
        let number = self.chance.below(self.known);
        body(self.seed, number, self.sent)
    }
}

/// The body of an upsert. `version` 0 is the first one; later ones move the person's company,
/// remark and visits, and leave the rest as it was.
fn body(seed: u64, number: u64, version: u64) -> String {
    let mut chance = Chance(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let surname = chance.of(&SURNAMES);
    let given = chance.of(&GIVEN_NAMES);
    let (province, city, county) = chance.of(&PLACES);
    let gender = chance.below(2) + 1;
    let (year, month, day) = (1950 + chance.below(55), 1 + chance.below(12), 1 + chance.below(28));
    let (road, house) = (chance.below(200) + 1, chance.below(999) + 1);
    let source = chance.of(&SOURCES);
    let identities_more = chance.below(3);
    let mut later = Chance(chance.0 ^ version);
    let company = later.of(&COMPANIES);
    let mut body = format!(
        "{{\"customer\":{{\"name\":\"{surname}{given}\",\"gender\":{gender},\
         \"mobile\":\"{}\",\"email\":\"u{number}@example.com\",\
         \"birthday\":\"{year}-{month:02}-{day:02}\",\"country\":\"中国\",\
         \"province\":\"{province}\",\"city\":\"{city}\",\"county\":\"{county}\",\
         \"homeAddress\":\"{city}{county}人民路{road}号{house}室\",\"company\":\"{company}\",\
         \"source\":\"{source}\",\"remark\":\"第{version}次更新\"}},\
         \"customerIdentities\":[{{\"identityType\":\"member-id\",\
         \"identityValue\":\"M{number:010}\",\"identityName\":\"{surname}{given}\"}}",
        mobile(number),
    );
    if identities_more >= 1 {
        push_identity(&mut body, "wechat", &format!("oGzBk5{number:022}"));
    }
    if identities_more >= 2 {
        push_identity(&mut body, "mobile", &mobile(number));
    }
    body.push_str("]}");
    body
}

fn push_identity(body: &mut String, kind: &str, value: &str) {
    let item = format_args!(",{{\"identityType\":\"{kind}\",\"identityValue\":\"{value}\"}}");
    body.write_fmt(item).ok();
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
    use super::{People, body, mobile};
    use std::collections::HashSet;

    #[test]
    fn a_seed_gives_the_same_requests_again() {
        let requests = |seed| {
            let mut people = People::new(seed, 50);
            (0..100).map(|_| people.next_body(false)).collect::<Vec<_>>()
        };
        assert_eq!(requests(1), requests(1));
        assert_ne!(requests(1), requests(2));
    }

    #[test]
    fn the_share_of_new_people_is_kept() {
        for (share, expected) in [(0, 1..=1), (50, 4_800..=5_200), (100, 10_000..=10_000)] {
            let mut people = People::new(7, share);
            (0..10_000).for_each(|_| drop(people.next_body(false)));
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
        let identities = |body: String| body.split("customerIdentities").nth(1).unwrap().to_owned();
        assert_eq!(identities(body(1, 5, 0)), identities(body(1, 5, 9)));
        assert_ne!(body(1, 5, 0), body(1, 5, 9));
    }
}
