//! What the words of one page are made with: each stands once, with both languages beside it, so that a
//! language that lacks one does not compile, and a word that nobody says is a warning. A number is followed
//! by both forms of its word: `{} [row|rows]`, of which `fill` takes the one that agrees.

/// Makes `Words`, a field for each word, and `words(language)`.
macro_rules! vocabulary {
    ($($name:ident $en:literal $zh:literal;)*) => {
        /// What these pages say in one language.
        #[derive(Debug)]
        pub(in crate::console) struct Words {
            $(pub(in crate::console) $name: &'static str,)*
        }

        const EN: Words = Words { $($name: $en,)* };
        const ZH: Words = Words { $($name: $zh,)* };

        /// What these pages say in a language.
        pub(in crate::console) const fn words(
            language: $crate::console::words::Language,
        ) -> &'static Words {
            match language {
                $crate::console::words::Language::En => &EN,
                $crate::console::words::Language::Zh => &ZH,
            }
        }

        #[cfg(test)]
        #[test]
        fn both_languages_have_places_for_the_same_values() {
            for (name, en, zh) in [$((stringify!($name), $en, $zh),)*] {
                assert!($crate::console::vocabulary::is_pair_whole(en, zh), "{name}");
            }
        }
    };
}
pub(in crate::console) use vocabulary;

/// Adds a text, and of each `[row|rows]` in it the form that agrees with the number before.
pub(super) fn push_agreeing(filled: &mut String, text: &str, is_one: bool) {
    let mut rest = text;
    while let Some((before, one, many, after)) = forms(rest) {
        filled.push_str(before);
        filled.push_str(if is_one { one } else { many });
        rest = after;
    }
    filled.push_str(rest);
}

/// The first `[one|many]` of a text: what stands before it, both forms, and what follows.
fn forms(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = text.split_once('[')?;
    let (one, rest) = rest.split_once('|')?;
    let (many, after) = rest.split_once(']')?;
    Some((before, one, many, after))
}

/// Whether both languages have places for the same values, and all forms of plurals are whole and
/// follow a number.
#[cfg(test)]
pub(in crate::console) fn is_pair_whole(en: &str, zh: &str) -> bool {
    let is_told = |text: &str| {
        let (before, after) = text.split_once("{}").unwrap_or((text, ""));
        let (mut one, mut many) = (String::new(), String::new());
        push_agreeing(&mut one, after, true);
        push_agreeing(&mut many, after, false);
        !text.is_empty() && ![before, &one, &many].iter().any(|it| it.contains(['[', ']', '|']))
    };
    en.matches("{}").count() == zh.matches("{}").count() && is_told(en) && is_told(zh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plural_that_nobody_would_read_is_seen() {
        let cases = [
            ("{} [row|rows]", "{} 行", true),
            ("{} [row|rows", "{} 行", false),
            ("[row|rows] {}", "{} 行", false),
            ("{} [rows]", "{} 行", false),
            ("{} rows", "行", false),
            ("{} rows", "", false),
        ];
        for (en, zh, expected) in cases {
            assert_eq!(is_pair_whole(en, zh), expected, "{en}");
        }
    }
}
