//! Why a value cannot be that of its field, told by names, so that pages say it in any language. The English
//! sentence of each stands here, once: answers, reports and logs have that one.

use std::fmt;

/// Makes an enum of what is told without a value, some with one number, and the rest as a text.
macro_rules! told {
    (
        $(#[doc = $about:literal])* $name:ident;
        { $($(#[doc = $said:literal])* $variant:ident $text:literal;)* }
        { $($(#[doc = $counts:literal])* $counted:ident $before:literal $behind:literal;)* }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $said])* $variant,)*
            $($(#[doc = $counts])* $counted(u64),)*
            /// Something that no page tells.
            Other(String),
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($name::$variant => f.write_str($text),)*
                    $($name::$counted(number) => {
                        write!(f, concat!($before, "{}", $behind), number)
                    })*
                    $name::Other(text) => f.write_str(text),
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> $name {
                $name::Other(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> $name {
                $name::Other(text.to_owned())
            }
        }
    };
}

told! {
    /// What a field takes.
    Expected;
    {
    /// Text.
    Text "text";
    /// Text without the sign that ends texts.
    TextWithoutNul "text without U+0000";
    /// A gender by its number.
    Gender "0, 1 or 2";
    /// A gender as files write it.
    GenderWord "男 (男性, 先生, male, man, m), 女 (女性, 女士, 小姐, female, woman, f), 未知 (保密, 不详, unknown), or 1, 2, 0";
    /// A whole number.
    WholeNumber "a whole number";
    /// A number.
    Number "a number";
    /// A number that 64 bits hold.
    NumberInRange "a number below 2^63";
    /// A number of no more digits than are kept.
    FewDigits "a number of at most 15 significant digits";
    /// A flag.
    Flag "true or false";
    /// A flag as files write it.
    FlagWord "是 (真, yes, y, √, ✓, ✔), 否 (假, no, n, ×, ✗, ✘), or true, false, 1, 0";
    /// A day.
    Date "a date like 1990-01-31";
    /// A moment.
    Time "a time like 2017-01-31T08:00:00Z";
    /// What a custom attribute holds.
    Custom "text, a number, a boolean or null";
    /// Whatever says something.
    Value "a value";
    /// All digits of something that a spreadsheet takes for a number.
    AllDigits "all digits";
    /// The same where it can only be told as text.
    AllDigitsAsText "all digits, as text";
    /// What names a customer of the hub.
    CustomerId "the id of a customer of this hub, such as 12";
    /// Identities in one cell.
    IdentityList "a list of objects with `type` and `value`";
    /// Both parts of an identity.
    IdentityParts "a type and a value of an identity";
    /// No more than one value for a field.
    OneValue "one value";
    /// A row that says something.
    IdentityOrField "an identity, or a value of a field";
    /// Text of a filter.
    ValueOrEmpty "a value, or `:empty=1` for unset fields";
    /// A field whose values come before and after each other.
    OrderedField "a field with an order";
    /// A field of text.
    TextField "a field that holds text";
    /// Where a text begins.
    Beginning "the beginning of a text";
    /// Yes or no in an address.
    OneOrZero "1 or 0";
    /// What names a customer in an address.
    CustomerNumber "the number of a customer";
    /// What names an entry of the journal in an address.
    EntryNumber "the number of an entry";
    /// A number of things, of which there is one at least.
    CountFromOne "a whole number from 1";
    /// A moment, as a field of a page writes it.
    LocalTime "a time like 2026-05-04T09:02";
    /// What there is to do on a conflict.
    OnConflict "merge, keep or reject";
    /// By what rows of a file find their customers.
    FoundBy "some of id, identity, mobile and email, parted by commas";
    /// The same, of which one is always there.
    FoundByIdentity "`identity` among them: an identity has one owner, and always finds it";
    /// The zone of times.
    UtcOffset "an offset such as `+08:00`, or `Z`";
    /// What a file is encoded in.
    EncodingName "a name such as gb18030";
    /// What parts the values of a file.
    Delimiter "one ASCII character that is no letter, digit or quote, or `tab`";
    /// What a filter is about.
    FilteredField "an attribute, or `attr.` and a key";
    /// How a filter compares.
    FilterOperator "not, in, gt, gte, lt, lte, prefix, empty behind the colon";
    }
    {
    /// Text of no more characters.
    Chars "at most " " characters";
    /// No more values.
    Values "at most " " values";
    /// As many values as there are columns.
    Cells "" " values";
    /// A name of no more characters.
    NameOfChars "a name of at most " " characters";
    /// No more custom attributes.
    OnCustomer "at most " " on a customer";
    /// The same as a line before.
    SameAsLine "what line " " says of the same customer, or nothing";
    }
}

told! {
    /// What a value is instead: its kind or its length, never the value itself, which may be personal.
    Found;
    {
    /// Explicitly nothing.
    Null "null";
    /// Nothing at all.
    Nothing "nothing";
    /// Text.
    Text "text";
    /// Text that says something else.
    OtherText "other text";
    /// Text with the sign that ends texts.
    TextWithNul "text with U+0000";
    /// A whole number.
    WholeNumber "a whole number";
    /// A number.
    Number "a number";
    /// A number that stands for nothing.
    OtherNumber "another number";
    /// A number that is too large.
    LargerNumber "a larger one";
    /// A number that may stand for several.
    ManyDigits "a number of too many digits";
    /// A flag.
    Flag "a boolean";
    /// A field of a flag.
    FlagField "true or false";
    /// Several values.
    Array "an array";
    /// A value of parts.
    Object "an object";
    /// One without the parts that are needed.
    ObjectWithout "an object without them";
    /// A type without a value, or the other way around.
    OnePart "one without the other";
    /// A second value for the same.
    SecondColumn "a second column that gives it";
    /// What differs.
    OtherValue "another value";
    /// A field that holds something else.
    OtherField "another field";
    /// Neither of two.
    Neither "neither";
    /// Text that was read in another encoding than it was written in.
    Damaged "damaged characters: the file may have another encoding";
    /// What a spreadsheet shows where it cannot compute.
    FormulaError "an error of a spreadsheet formula";
    /// A number that lost digits.
    Rounded "a number that a spreadsheet has rounded";
    /// The same, told by its length.
    RoundedLong "a number of more than 15 digits, which a spreadsheet has rounded";
    }
    {
    /// Text of so many characters.
    Chars "" " characters";
    /// A number of so many digits.
    Digits "" " digits";
    /// So many.
    Count "" "";
    }
}

/// Why a value cannot be that of its field: what was expected, what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct FieldProblem {
    /// What the field takes.
    pub expected: Expected,
    /// What the value is instead.
    pub found: Found,
}

impl FieldProblem {
    /// What was expected, and what was found.
    pub fn new(expected: impl Into<Expected>, found: impl Into<Found>) -> FieldProblem {
        FieldProblem { expected: expected.into(), found: found.into() }
    }
}

/// A number of things, for [`Expected`] and [`Found`].
pub fn counted(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
