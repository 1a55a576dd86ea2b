/// Trims Unicode white space and removes control and zero-width characters.
pub fn cleaned(text: &str) -> String {
    if is_plain(text) {
        return text.trim().to_owned();
    }
    let kept: String = text.chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    kept.trim().to_owned()
}

/// Whether a text shows nothing: white space, control and zero-width characters only.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// Whether nothing but its ends may have to change: the case of most identities.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// A text without its case.
pub fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// The form in which identity types are compared: trimmed, lower case (wire W29).
pub fn type_key(name: &str) -> String {
    folded(&cleaned(name))
}

/// Characters that take no width and carry no meaning in an identity: zero-width space, joiners,
/// direction marks, word joiner, byte order mark, soft hyphen.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{061C}' | '\u{180E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_seen_is_removed() {
        assert_eq!(cleaned("\u{3000}\u{FEFF} oAb\u{200B}C\t\n"), "oAbC");
        assert_eq!(type_key("WeChat "), "wechat");
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(text in "\\PC*|.*") {
            let once = cleaned(&text);
            prop_assert_eq!(cleaned(&once), once);
        }

        #[test]
        fn folding_twice_is_folding_once(text in "\\PC*") {
            let once = folded(&cleaned(&text));
            prop_assert_eq!(folded(&cleaned(&once)), once);
        }
    }
}
