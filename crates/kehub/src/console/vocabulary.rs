//! What the words of one page are made with: each stands once, with both languages beside it, so that a
//! language that lacks one does not compile, and a word that nobody says is a warning. What a number decides
//! stands as [`fill`](super::words::fill) reads it: `{} [row|rows]`.

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
                assert_eq!(en.matches("{}").count(), zh.matches("{}").count(), "{name}");
                let marks = |mark| en.matches(mark).count();
                assert_eq!([marks("["), marks("|")], [marks("]"); 2], "{name}");
                assert!(!en.is_empty() && !zh.is_empty(), "{name}");
            }
        }
    };
}
pub(in crate::console) use vocabulary;
