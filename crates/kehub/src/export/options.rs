//! What an export may be asked for, and what fits together.

use crate::api::customers::body;
use crate::wire::json::shortened;
use crate::wire::time;
use kehub_core::attribute::Attribute;
use kehub_core::filter::SortKey;
use kehub_store::Survey;

/// A choice that is made by a word.
pub(crate) trait Word: Copy + Sized + 'static {
    /// What there is to choose from.
    const ALL: &'static [Self];

    /// Its word.
    fn name(self) -> &'static str;

    /// The choice of this word.
    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|choice| choice.name() == word)
    }

    /// All words, for people.
    fn names() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|choice| choice.name()).collect();
        names.join(", ")
    }
}

macro_rules! words {
    ($($(#[doc = $about:literal])* $choice:ident { $($(#[doc = $of:literal])* $variant:ident $word:literal,)* })*) => {
        $(
            $(#[doc = $about])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(crate) enum $choice {
                $($(#[doc = $of])* $variant,)*
            }

            impl Word for $choice {
                const ALL: &'static [$choice] = &[$($choice::$variant,)*];

                fn name(self) -> &'static str {
                    match self { $($choice::$variant => $word,)* }
                }
            }
        )*
    };
}

words! {
    /// What a file is.
    Format {
        /// A table as text.
        Csv "csv",
        /// A JSON object a line.
        Ndjson "ndjson",
        /// A spreadsheet.
        Xlsx "xlsx",
    }
    /// How it is packed.
    Compression {
        /// Not at all.
        None "none",
        /// As `.gz`.
        Gzip "gzip",
        /// As `.zst`.
        Zstd "zstd",
    }
    /// In which language a table is.
    Headings {
        /// For people who read Chinese: headings, sexes, yes and no.
        Zh "zh",
        /// The names and values of the API.
        Names "names",
    }
    /// Where identities stand.
    Identities {
        /// A column for each type.
        Columns "columns",
        /// A row for each identity.
        Rows "rows",
        /// Nowhere.
        None "none",
    }
}

/// A field that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Rev,
    Attribute(Attribute),
    Custom(Box<str>),
    /// All custom attributes that somebody shows.
    AllCustom,
}

/// Fields that were asked for; the id always comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(super) in_order: Vec<Field>,
    /// The same, as `/api` answers them.
    pub(super) of_body: body::Fields,
}

impl Fields {
    /// What a list of names must be, for people.
    pub(crate) const EXPECTED: &'static str =
        "names of fields, `attr.` and a key, `attr` or `rev`, parted by commas";

    /// The fields of these names, as the lists of `/api` know them; or the first name that is none.
    pub(crate) fn named(names: &str) -> Result<Fields, String> {
        let mut of_body = body::Fields::default();
        let mut in_order = vec![Field::Attribute(Attribute::Id)];
        for name in names.split(',').map(str::trim) {
            let unknown = || format!("`{}`", shortened(name));
            if !of_body.add(name) {
                return Err(unknown());
            }
            let field = match (name, SortKey::named(name)) {
                ("rev", _) => Field::Rev,
                ("attr", _) => Field::AllCustom,
                (_, Some(SortKey::Attribute(attribute))) => Field::Attribute(attribute),
                (_, Some(SortKey::Custom(key))) => Field::Custom(key),
                (_, None) => return Err(unknown()),
            };
            if !in_order.contains(&field) {
                in_order.push(field);
            }
        }
        Ok(Fields { in_order, of_body })
    }
}

/// What was asked for, where anything was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) compression: Option<Compression>,
    pub(crate) fields: Option<Fields>,
    pub(crate) identities: Option<Identities>,
    pub(crate) headings: Option<Headings>,
    pub(crate) delimiter: Option<u8>,
    /// Whether cells of a CSV file are written as they are, also those that a spreadsheet would run.
    pub(crate) raw: bool,
    /// How many seconds from UTC moments are told.
    pub(crate) utc_offset: Option<i32>,
}

/// What does not fit the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// The name of the parameter under `/api`.
    pub(crate) parameter: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) found: &'static str,
}

/// What becomes of a walk.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    /// Those that somebody shows, unless chosen.
    pub(super) fields: Option<Fields>,
    pub(super) identities: Identities,
    pub(super) headings: Headings,
    pub(super) delimiter: u8,
    pub(super) raw: bool,
    pub(super) utc_offset: i32,
}

impl Asked {
    /// With what is usual for the format where nothing was asked for; or all that does not fit it.
    pub(crate) fn of(self, format: Format) -> Result<Options, Vec<Unfit>> {
        let mut unfit = Vec::new();
        let mut refuse = |is_asked, parameter, expected| {
            if is_asked {
                unfit.push(Unfit { parameter, expected, found: format.name() });
            }
        };
        if format != Format::Csv {
            refuse(self.delimiter.is_some(), "delimiter", "the format csv");
            refuse(self.raw, "raw", "the format csv");
        }
        if format == Format::Ndjson {
            let tables = "the format csv or xlsx";
            let is_table = |it| matches!(it, Identities::Columns | Identities::Rows);
            let nested = "`none`, or the format csv or xlsx";
            refuse(self.identities.is_some_and(is_table), "identities", nested);
            refuse(self.headings.is_some(), "headings", tables);
            refuse(self.utc_offset.is_some(), "utcOffset", tables);
        }
        if !unfit.is_empty() {
            return Err(unfit);
        }
        let usual = if format == Format::Xlsx { Headings::Zh } else { Headings::Names };
        Ok(Options {
            format,
            compression: self.compression.unwrap_or(Compression::None),
            fields: self.fields,
            identities: self.identities.unwrap_or(Identities::Columns),
            headings: self.headings.unwrap_or(usual),
            delimiter: self.delimiter.unwrap_or(b','),
            raw: self.raw,
            utc_offset: self.utc_offset.unwrap_or(0),
        })
    }
}

impl Options {
    /// What has to be found out before the first row.
    pub(crate) fn survey(&self) -> Survey {
        let is_open = self.fields.as_ref().is_none_or(|it| it.in_order.contains(&Field::AllCustom));
        if self.format != Format::Ndjson && is_open { Survey::Fields } else { Survey::Count }
    }
}

/// What a delimiter must be, for people.
pub(crate) const DELIMITER: &str = "one ASCII character that is no quote and no line end, or `tab`";

/// Reads a delimiter.
pub(crate) fn delimiter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Some(b'\t'),
        [byte] if byte.is_ascii() && !b"\"\r\n\0".contains(byte) => Some(*byte),
        _ => None,
    }
}

/// What an offset must be, for people.
pub(crate) const UTC_OFFSET: &str = "an offset such as `+08:00`, or `Z`";

/// Reads an offset, in seconds.
pub(crate) fn utc_offset(text: &str) -> Option<i32> {
    time::offset_seconds(text)
}
