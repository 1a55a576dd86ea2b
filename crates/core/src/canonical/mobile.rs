use super::cleaned;

/// A mobile number as it is compared.
///
/// Mainland numbers become their bare 11 digits, foreign ones `+` and their digits, anything else
/// keeps its trimmed text. The rule is Kehub's own and knows no number plan, because plans change
/// and would move stored keys (identity page, "Canonical form").
pub fn mobile(text: &str) -> String {
    let trimmed = cleaned(text);
    let bare = bare_mobile(&trimmed);
    let mainland = ["+86", "0086", "86", "0", ""]
        .iter()
        .filter_map(|prefix| bare.strip_prefix(prefix))
        .find(|rest| is_mainland(rest));
    if let Some(number) = mainland {
        return number.to_owned();
    }
    let foreign = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00"));
    match foreign {
        Some(digits) if (8..=15).contains(&digits.len()) && all_digits(digits) => {
            format!("+{digits}")
        }
        Some(_) | None => trimmed,
    }
}

/// The beginning of a mobile number as it is compared to those in canonical form: of a mainland
/// number without its country, of a foreign one with `+`.
pub fn mobile_beginning(text: &str) -> String {
    let trimmed = cleaned(text);
    let bare = bare_mobile(&trimmed);
    let mainland = ["+86", "0086"].iter().find_map(|prefix| bare.strip_prefix(prefix));
    if let Some(rest) = mainland.filter(|rest| rest.starts_with('1') && all_digits(rest)) {
        return rest.to_owned();
    }
    let foreign = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00"));
    match foreign {
        Some(digits) if all_digits(digits) => format!("+{digits}"),
        None if all_digits(&bare) && !bare.is_empty() => bare,
        Some(_) | None => trimmed,
    }
}

/// A number without what people put between its digits, which may be none at all.
pub(crate) fn bare_mobile(text: &str) -> String {
    text.chars().map(fold_width).filter(|c| !is_separator(*c)).collect()
}

/// Whether a canonical mobile is a mainland number: eleven digits, the first of which is 1.
pub fn is_mainland(text: &str) -> bool {
    text.len() == 11 && text.starts_with('1') && all_digits(text)
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Full-width digits and the full-width plus become ASCII.
fn fold_width(c: char) -> char {
    match c {
        '\u{FF10}'..='\u{FF19}' => {
            char::from_u32(u32::from(c) - 0xFF10 + u32::from('0')).unwrap_or(c)
        }
        '＋' => '+',
        other => other,
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | '(' | ')' | '[' | ']' | '（' | '）' | '－' | '．' | '‐'..='―')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_of_a_mainland_number_is_one_number() {
        for text in [
            "13800000001",
            "+8613800000001",
            "008613800000001",
            "8613800000001",
            "013800000001",
            "138-0000-0001",
            " (138) 0000.0001 ",
            "１３８０００００００１",
            "+86 138 0000 0001",
        ] {
            assert_eq!(mobile(text), "13800000001", "{text}");
        }
    }

    #[test]
    fn foreign_numbers_keep_their_country() {
        assert_eq!(mobile("+45 12 34 56 78"), "+4512345678");
        assert_eq!(mobile("00 45-12345678"), "+4512345678");
    }

    #[test]
    fn what_is_no_number_keeps_its_text() {
        for text in ["010-8888", "ask-me", "+12", "----"] {
            assert_eq!(mobile(text), text);
        }
    }

    #[test]
    fn beginnings_fit_what_they_begin() {
        for (text, begins) in [
            ("138", "138"),
            ("+86 138-0", "1380"),
            ("0086 138", "138"),
            ("+1 (650)", "+1650"),
            ("001650", "+1650"),
            ("ask-", "ask-"),
            ("----", "----"),
        ] {
            assert_eq!(mobile_beginning(text), begins, "{text}");
        }
    }

    proptest! {
        #[test]
        fn canonical_twice_is_canonical_once(text in "[+0-9０-９ ().-]{0,20}|\\PC{0,20}") {
            let once = mobile(&text);
            prop_assert_eq!(mobile(&once), once);
        }
    }
}
