use super::{cleaned, is_plain};
use unicode_normalization::UnicodeNormalization;

/// An e-mail address as it is compared: NFKC, lower case.
pub fn email(text: &str) -> String {
    if is_plain(text) {
        return text.trim().to_ascii_lowercase();
    }
    let folded: String = cleaned(text).nfkc().collect();
    let lower: String = folded.to_lowercase().nfkc().collect();
    cleaned(&lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_width_do_not_matter() {
        assert_eq!(email("Li@X.com "), "li@x.com");
        assert_eq!(email("ｌｉ＠ｘ．ｃｏｍ"), "li@x.com");
    }

    proptest! {
        #[test]
        fn canonical_twice_is_canonical_once(text in "\\PC{0,40}") {
            let once = email(&text);
            prop_assert_eq!(email(&once), once);
        }
    }
}
