//! Sentences about files, each told by a name and by what stands in it. Some are kept with an import, as text: which
//! one it was is read from that, so that pages say it in any language, also where an earlier version has kept it.

/// Makes an enum of sentences: how each is told, and which one a text is.
macro_rules! sentences {
    (
        $(#[doc = $about:literal])* $name:ident;
        $(
            $(#[doc = $said:literal])*
            $variant:ident $({ $($field:ident: $kind:ty),+ })? $text:literal;
        )*
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[doc = $said])* $variant $({ $($field: $kind),+ })?,)*
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $($name::$variant $({ $($field),+ })? => write!(f, $text),)*
                }
            }
        }

        impl std::error::Error for $name {}

        impl $name {
            /// The sentence that a text is, if it is one of these.
            pub(crate) fn read(text: &str) -> Option<$name> {
                $(
                    let read = || {
                        let values = $crate::files::sentence::values_of($text, text)?;
                        let [$($($field),+)?] = values.as_slice() else { return None };
                        Some($name::$variant $({ $($field: $field.parse().ok()?),+ })?)
                    };
                    if let Some(found) = read() {
                        return Some(found);
                    }
                )*
                None
            }
        }
    };
}
pub(super) use sentences;

/// What stands in a text at the places of a template, such as `at most {limit} bytes`, each name once; `None` if
/// the text does not come of it.
pub(super) fn values_of<'t>(template: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let (before, places) =
        template.split_once('{').map_or((template, None), |(before, rest)| (before, Some(rest)));
    let mut rest = text.strip_prefix(before)?;
    let mut found: Vec<(&str, &str)> = Vec::new();
    let mut places = places.into_iter().flat_map(|places| places.split('{')).peekable();
    while let Some(place) = places.next() {
        let (name, behind) = place.split_once('}')?;
        let end = match places.peek() {
            Some(_) => rest.find(behind)?,
            None => rest.strip_suffix(behind)?.len(),
        };
        let value = rest.get(..end)?;
        rest = rest.get(end + behind.len()..)?;
        match found.iter().find(|(known, _)| *known == name) {
            None => found.push((name, value)),
            Some((_, first)) if *first == value => (),
            Some(_) => return None,
        }
    }
    rest.is_empty().then(|| found.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    sentences! {
        /// For the tests.
        Told;
        /// Without a value.
        Plain "nothing";
        /// With a number.
        Many { most: u32, found: u32 } "at most {most}, found {found}";
        /// Read only where the one before is not.
        Other { most: u32, found: String } "at most {most}, found {found}";
        /// With the same twice.
        Twice { one: u32, other: u32 } "{one} and {other}: leave {other} out";
    }

    #[test]
    fn a_text_is_known_by_its_template() {
        for (text, expected) in [
            ("nothing", Some(Told::Plain)),
            ("at most 3, found 4", Some(Told::Many { most: 3, found: 4 })),
            ("at most 3, found `4`", Some(Told::Other { most: 3, found: "`4`".to_owned() })),
            ("at most 3, found ", Some(Told::Other { most: 3, found: String::new() })),
            ("1 and 2: leave 2 out", Some(Told::Twice { one: 1, other: 2 })),
            ("1 and 2: leave 1 out", None),
            ("nothing else", None),
            ("at most many, found 4", None),
            ("", None),
        ] {
            assert_eq!(Told::read(text), expected, "{text}");
            if let Some(told) = expected {
                assert_eq!(told.to_string(), text);
            }
        }
    }
}
