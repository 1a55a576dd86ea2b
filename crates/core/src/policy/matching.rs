use crate::canonical::{self, bare_mobile, folded};

/// Whether a canonical value never matches anybody (identity page, "Values that never match").
/// `type_key` is the key of an identity type, `mobile` or `email` for those attributes.
pub fn is_blocked(type_key: &str, canonical: &str) -> bool {
    let lower = canonical.to_lowercase();
    is_placeholder(&lower)
        || is_without_a_word(canonical)
        || is_masked(canonical, MASK_MIN)
        || match type_key {
            "mobile" => {
                is_no_number(&lower) || is_masked(&lower, 1) || is_made_up_mobile(canonical)
            }
            "email" => !lower.contains('@') || is_masked(&lower, 1) || is_made_up_email(&lower),
            _ => false,
        }
}

/// What systems write where there is nothing, what people do, and what spreadsheets do.
const PLACEHOLDERS: &[&str] = &[
    "null",
    "none",
    "nan",
    "undefined",
    "n/a",
    "unknown",
    "anonymous",
    "guest",
    "true",
    "false",
    "0",
    "-1",
    "[object object]",
    "无",
    "暂无",
    "没有",
    "未填",
    "未填写",
    "未提供",
    "未知",
    "不详",
    "匿名",
    "游客",
    "保密",
    "空",
    "是",
    "否",
    "#n/a",
    "#ref!",
    "#value!",
    "#name?",
    "#null!",
    "#num!",
    "#div/0!",
];

fn is_placeholder(lower: &str) -> bool {
    PLACEHOLDERS.contains(&lower)
}

/// Only zeros, and the dashes, slashes and dots that people put where there is nothing.
fn is_without_a_word(text: &str) -> bool {
    let is_nothing = |c: char| {
        matches!(c, '0' | '０' | '‐'..='―' | '。' | '、' | '…')
            || matches!(c, '-' | '/' | '\\' | '.' | '_' | '*' | '?' | '#' | ',')
            || matches!(c, '－' | '／' | '＼' | '．' | '＿' | '＊' | '？' | '＃' | '，')
    };
    !text.is_empty() && text.chars().all(is_nothing)
}

/// Stars in a row by which a value of any type is one that somebody masked.
const MASK_MIN: usize = 3;

/// Whether a part of it is hidden: `138****0001` stands for a thousand people.
fn is_masked(text: &str, stars: usize) -> bool {
    let mut run = 0;
    text.chars().any(|c| {
        run = if matches!(c, '*' | '＊') { run + 1 } else { 0 };
        run >= stars
    })
}

/// Whether a mobile is none: it has no digit, or letters stand for some that are hidden (`138xxxx0001`).
fn is_no_number(lower: &str) -> bool {
    !lower.chars().any(char::is_numeric) || lower.contains("xxx")
}

/// Digits of a mobile that is one key behind the other, at least.
const TYPED_MIN: usize = 5;

fn is_made_up_mobile(text: &str) -> bool {
    let bare = bare_mobile(text);
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    let mut bytes = digits.bytes();
    let repeated = bytes.next().is_some_and(|first| {
        first.is_ascii_digit() && digits.len() > 1 && bytes.all(|byte| byte == first)
    });
    repeated
        || (digits.len() >= TYPED_MIN && "12345678901".starts_with(digits))
        || matches!(digits, "11234567890" | "12345678910" | "10123456789")
}

fn is_made_up_email(lower: &str) -> bool {
    let local = lower.split_once('@').map_or("", |(local, _)| local);
    matches!(local, "unknown" | "noemail" | "none" | "null" | "anonymous")
        || matches!(lower, "test@test.com" | "a@a.com")
}

/// A pattern of blocked values in the form in which it is kept and compared: that of the values it
/// is to meet, in lower case. A mobile with a `*` in it is no number, so only what people put
/// between digits is dropped.
pub(super) fn canonical_pattern(type_key: &str, pattern: &str) -> String {
    let text = canonical::cleaned(pattern);
    let has_wildcard = text.contains('*');
    folded(&match type_key {
        "mobile" if has_wildcard => bare_mobile(&text),
        _ => canonical::identity_value(type_key, &text),
    })
}

/// Whether a value fits a pattern, in which `*` stands for any characters, none included. Both are
/// in lower case. Each part between stars is looked for once, so the time is that of reading both.
pub(super) fn fits(pattern: &str, value: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = value.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, value) in [
            ("test", "test"),
            ("*@shop.cn", "a@shop.cn"),
            ("*@shop.cn", "@shop.cn"),
            ("138*", "138"),
            ("1*2*3", "1x2y23"),
            ("a**b", "ab"),
            ("*test*", "a test b"),
        ] {
            assert!(fits(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in
            [("test", "tests"), ("138*", "0138"), ("ab*ba", "aba"), ("a*b*c", "acb"), ("*x", "xy")]
        {
            assert!(!fits(pattern, value), "{pattern} {value}");
        }
    }

    #[test]
    fn a_pattern_has_the_form_of_what_it_meets() {
        assert_eq!(canonical_pattern("mobile", "+86 138-0000-0001"), "13800000001");
        assert_eq!(canonical_pattern("mobile", " 138 0000 *"), "1380000*");
        assert_eq!(canonical_pattern("email", "＊@Shop.CN "), "*@shop.cn");
        assert_eq!(canonical_pattern("crm-id", " TEST-* "), "test-*");
    }

    /// The plain way to say what a star means.
    fn fits_plainly(pattern: &[char], value: &[char]) -> bool {
        match (pattern.split_first(), value.split_first()) {
            (None, None) => true,
            (Some(('*', pattern)), _) => {
                (0..=value.len()).any(|skip| fits_plainly(pattern, &value[skip..]))
            }
            (Some((p, pattern)), Some((v, value))) => p == v && fits_plainly(pattern, value),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn any_pattern_means_what_it_says(pattern in "[ab*]{0,7}", value in "[ab]{0,9}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let plainly = fits_plainly(&chars(&pattern), &chars(&value));
            prop_assert_eq!(fits(&pattern, &value), plainly);
        }
    }

    #[test]
    fn placeholders_never_match() {
        for value in
            ["null", "None", "NaN", "N/A", "0", "-1", "[object Object]", "0000", "--", "-", "——"]
        {
            assert!(is_blocked("crm-id", value), "{value}");
        }
        for value in
            ["无", " 暂无 ", "没有", "未填写", "匿名", "/", "／", "\\", "？", "...", "***", "。"]
        {
            assert!(is_blocked("crm-id", &canonical::identity_value("crm-id", value)), "{value}");
            assert!(is_blocked("mobile", &canonical::mobile(value)), "{value}");
            assert!(is_blocked("email", &canonical::email(value)), "{value}");
        }
        for error in ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!", "#DIV/0!"] {
            assert!(is_blocked("crm-id", error), "{error}");
        }
        for mobile in [
            "11111111111",
            "12345678901",
            "00000000000",
            "222-2222-2222",
            "+11111111111",
            "12345",
            "1234 567 890",
        ] {
            assert!(is_blocked("mobile", mobile), "{mobile}");
        }
        for email in ["noemail@shop.cn", "test@test.com", "a@a.com", "NULL@x.com"] {
            assert!(is_blocked("email", email), "{email}");
        }
    }

    #[test]
    fn what_is_masked_or_no_number_never_matches() {
        for mobile in
            ["138****0001", "138＊＊＊＊0001", "138 0000 xxxx", "1380000XXXX", "同上", "ask-me"]
        {
            assert!(is_blocked("mobile", &canonical::mobile(mobile)), "{mobile}");
        }
        for email in ["z***@qq.com", "z*@qq.com", "abc", "同上"] {
            assert!(is_blocked("email", &canonical::email(email)), "{email}");
        }
        assert!(is_blocked("card", "6222****1234"));
        assert!(!is_blocked("card", "a*b") && !is_blocked("card", "xxx-1"));
    }

    #[test]
    fn what_a_newcomer_types_first_matches() {
        for (kind, value) in [
            ("crm-id", "test"),
            ("email", "test@example.com"),
            ("crm-id", "100"),
            ("mobile", "13800000001"),
            ("crm-id", "11111111111"),
            ("crm-id", "12345"),
            ("crm-id", "无忧"),
            ("crm-id", "a/b"),
            ("mobile", "123"),
            ("mobile", "12346"),
            ("mobile", "400-800-1234"),
            ("mobile", "010-88886666 转 12"),
            ("email", "xxx@shop.cn"),
        ] {
            assert!(!is_blocked(kind, value), "{kind} {value}");
        }
    }
}
