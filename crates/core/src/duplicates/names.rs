//! How near two names are, typing errors forgiven.

use unicode_normalization::UnicodeNormalization;

/// Characters that two names may differ by at least, however short they are.
const SLIPS_MIN: usize = 1;
/// One more character may differ for every so many characters.
const CHARS_PER_SLIP: usize = 4;
/// Names shorter than this must be equal.
const CHARS_MIN: usize = 3;
/// How near a name is that lacks words of the other.
const CONTAINED: f64 = 0.8;

/// A name in the form in which it is compared: without case, width and punctuation, its words in
/// order. People swap given and family names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    words: Vec<String>,
    sorted: String,
}

impl Name {
    /// `None` if nothing is left to compare.
    pub fn of(text: &str) -> Option<Name> {
        let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
        let is_break = |c: char| !c.is_alphanumeric();
        let mut words: Vec<String> =
            folded.split(is_break).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        words.sort_unstable();
        let sorted = words.join(" ");
        (!words.is_empty()).then_some(Name { words, sorted })
    }

    /// The form that is equal for equal names.
    pub fn text(&self) -> &str {
        &self.sorted
    }

    /// 128 bits of its pairs of characters: similar names share most of them.
    pub fn signature(&self) -> u128 {
        self.words.iter().fold(0, |bits, word| bits | signature(word))
    }

    /// How near another name is: 1 if it is the same, `None` if the two differ by more than slips.
    pub fn nearness(&self, other: &Name) -> Option<f64> {
        if self.sorted == other.sorted {
            return Some(1.0);
        }
        let chars = self.sorted.chars().count().max(other.sorted.chars().count());
        let slips = strsim::osa_distance(&self.sorted, &other.sorted);
        let allowed = SLIPS_MIN.max(chars / CHARS_PER_SLIP);
        if chars >= CHARS_MIN && slips <= allowed {
            return Some(strsim::normalized_damerau_levenshtein(&self.sorted, &other.sorted));
        }
        (self.is_part_of(other) || other.is_part_of(self)).then_some(CONTAINED)
    }

    fn is_part_of(&self, other: &Name) -> bool {
        self.words.len() < other.words.len()
            && self
                .words
                .iter()
                .all(|word| word.chars().count() >= CHARS_MIN && other.words.contains(word))
    }
}

/// The bits of a word: one for each pair of neighbouring characters, its ends included.
pub(super) fn signature(word: &str) -> u128 {
    let ends = std::iter::once('\0');
    let chars = ends.clone().chain(word.chars()).chain(ends);
    let shifted = chars.clone().skip(1);
    chars.zip(shifted).fold(0, |bits, (one, next)| {
        let pair = u64::from(u32::from(one)) << 32 | u64::from(u32::from(next));
        // Fibonacci hashing: the upper seven bits of the product are well mixed.
        bits | 1 << (pair.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nearness(one: &str, other: &str) -> Option<f64> {
        Name::of(one).unwrap().nearness(&Name::of(other).unwrap())
    }

    #[test]
    fn slips_case_width_order_and_missing_words_are_forgiven() {
        for (one, other) in
            [("Ruby Vincent", "vincent, ruby"), ("ＲＵＢＹ", "ruby"), ("王 小明", "小明 王")]
        {
            assert_eq!(nearness(one, other), Some(1.0), "{one} {other}");
        }
        for (one, other) in [
            ("sarah whitre", "sarsh white"),
            ("thomas alagich", "thoams alagich"),
            ("王小明", "王晓明"),
            ("benjamin camens", "camens"),
        ] {
            assert!(nearness(one, other).is_some_and(|it| it < 1.0), "{one} {other}");
        }
        for (one, other) in [
            ("jacobie tilleq", "blake moody"),
            ("王小明", "李小红"),
            ("王明", "李明"),
            ("li", "lu"),
        ] {
            assert_eq!(nearness(one, other), None, "{one} {other}");
        }
        assert_eq!(Name::of(" -· "), None);
    }

    proptest! {
        #[test]
        fn nearness_does_not_ask_who_comes_first(one in "[a-c王李 ]{1,9}", other in "[a-c王李 ]{1,9}") {
            if let (Some(one), Some(other)) = (Name::of(&one), Name::of(&other)) {
                prop_assert_eq!(one.nearness(&other), other.nearness(&one));
                prop_assert_eq!(one.nearness(&one), Some(1.0));
            }
        }
    }
}
