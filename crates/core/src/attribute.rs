//! The attributes a customer has, their types and limits, and how a value from outside becomes one.
//!
//! The table follows section 2.1 of the fact file; limits are wire W33.

use crate::Micros;
use crate::canonical;
use crate::limits::{ADDRESS_CHARS_MAX, IMAGE_CHARS_MAX, REMARK_CHARS_MAX, TEXT_CHARS_MAX};
pub use crate::misfit::FieldProblem;
use crate::misfit::{Expected, Found, counted};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// What an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text of at most this many characters, trimmed.
    Text(usize),
    /// 0 unknown, 1 male, 2 female.
    Gender,
    /// A whole number.
    Integer,
    /// A number with a fraction, of at most 15 significant digits.
    Decimal,
    /// True or false.
    Flag,
    /// A day, kept as `yyyy-MM-dd`.
    Date,
    /// A moment, kept as [`Micros`] in a [`Value::Integer`].
    Time,
}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The sender.
    Written,
    /// The sender, as part of the value of `mobile` or `email` (identity page, step 7).
    PartOf(Attribute),
    /// The hub; what a sender gives for it is ignored.
    Derived,
}

macro_rules! attributes {
    ($($variant:ident $name:literal $kind:expr, $access:expr, $about:literal;)*) => {
        /// A built-in attribute, in the order in which answers list them (wire W2).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Attribute {
            $(#[doc = $about] $variant,)*
        }

        impl Attribute {
            /// Every built-in attribute, in the order of an answer.
            pub const ALL: &[Attribute] = &[$(Attribute::$variant,)*];

            /// The key on the wire and in the store.
            pub const fn name(self) -> &'static str {
                match self { $(Attribute::$variant => $name,)* }
            }

            /// What it holds.
            pub const fn kind(self) -> Kind {
                match self { $(Attribute::$variant => $kind,)* }
            }

            /// Who sets it.
            pub const fn access(self) -> Access {
                match self { $(Attribute::$variant => $access,)* }
            }

            /// One line for people.
            pub const fn about(self) -> &'static str {
                match self { $(Attribute::$variant => $about,)* }
            }

            /// The attribute of this exact name.
            pub fn named(name: &str) -> Option<Attribute> {
                match name { $($name => Some(Attribute::$variant),)* _ => None }
            }
        }
    };
}

const TEXT: Kind = Kind::Text(TEXT_CHARS_MAX);
const ADDRESS: Kind = Kind::Text(ADDRESS_CHARS_MAX);
use Access::{Derived, PartOf, Written};

attributes! {
    Id "id" Kind::Integer, Derived, "Customer id";
    DisplayName "displayName" TEXT, Derived, "`name` if it is not empty, else `nickName`";
    Name "name" TEXT, Written, "Name";
    NickName "nickName" TEXT, Written, "Nickname";
    Img "img" Kind::Text(IMAGE_CHARS_MAX), Written, "Address of an avatar";
    Gender "gender" Kind::Gender, Written, "0 unknown, 1 male, 2 female";
    Mobile "mobile" TEXT, Written, "Mobile number to contact the customer by";
    MobileVerified "mobileVerified" Kind::Flag, PartOf(Attribute::Mobile), "Whether `mobile` is verified";
    Email "email" TEXT, Written, "E-mail address to contact the customer by";
    EmailVerified "emailVerified" Kind::Flag, PartOf(Attribute::Email), "Whether `email` is verified";
    Birthday "birthday" Kind::Date, Written, "Birthday, `yyyy-MM-dd`";
    Wechat "wechat" TEXT, Written, "WeChat account name (not the openid)";
    Weibo "weibo" TEXT, Written, "Weibo account";
    Qq "qq" TEXT, Written, "QQ number";
    Country "country" TEXT, Written, "Country";
    Province "province" TEXT, Written, "Province";
    City "city" TEXT, Written, "City";
    County "county" TEXT, Written, "District";
    Region "region" TEXT, Written, "Region";
    Street "street" TEXT, Written, "Street";
    Postcode "postcode" TEXT, Written, "Postcode";
    HomeAddress "homeAddress" ADDRESS, Written, "Home address";
    OfficeAddress "officeAddress" ADDRESS, Written, "Office address";
    Company "company" TEXT, Written, "Company";
    Industry "industry" TEXT, Written, "Industry";
    Title "title" TEXT, Written, "Job title";
    Website "website" TEXT, Written, "Web site";
    Telephone "telephone" TEXT, Written, "Landline";
    EmployeeNumber "employeeNumber" Kind::Integer, Written, "Size of the company in people";
    AnnualRevenue "annualRevenue" Kind::Decimal, Written, "Annual revenue";
    Stage "stage" TEXT, Written, "Stage of the life cycle, such as `Subscriber`";
    Source "source" TEXT, Written, "Where the customer came from";
    ContentName "contentName" TEXT, Written, "Content the customer came from";
    Source1 "source1" TEXT, Written, "Further source, level 1";
    Source2 "source2" TEXT, Written, "Further source, level 2";
    Source3 "source3" TEXT, Written, "Further source, level 3";
    Source4 "source4" TEXT, Written, "Further source, level 4";
    Source5 "source5" TEXT, Written, "Further source, level 5";
    Source6 "source6" TEXT, Written, "Further source, level 6";
    Source7 "source7" TEXT, Written, "Further source, level 7";
    Source8 "source8" TEXT, Written, "Further source, level 8";
    CampaignId "campaignId" TEXT, Written, "Id of the campaign";
    CampaignName "campaignName" TEXT, Written, "Name of the campaign";
    UtmMedium "utmMedium" TEXT, Written, "UTM medium";
    UtmTerm "utmTerm" TEXT, Written, "UTM term";
    Remark "remark" Kind::Text(REMARK_CHARS_MAX), Written, "Remark";
    ExternalId "externalId" TEXT, Written, "Foreign key: channel type, `-`, foreign id";
    CreateFrom "createFrom" TEXT, Written, "What created the customer";
    CreateFromName "createFromName" TEXT, Written, "Name of what created the customer";
    CreateMethod "createMethod" TEXT, Written, "How the customer was created";
    UpdateMethod "updateMethod" TEXT, Written, "How the customer was updated";
    IsEmployee "isEmployee" Kind::Flag, Written, "Own staff";
    IsMember "isMember" Kind::Flag, Written, "Member of the loyalty programme";
    IsReferrer "isReferrer" Kind::Flag, Written, "Refers others";
    IsAnonymous "isAnonymous" Kind::Flag, Written, "Not known by name";
    Referrer "referrer" TEXT, Written, "Who referred the customer";
    ReferrerName "referrerName" TEXT, Written, "Name of who referred the customer";
    OwnerId "ownerId" TEXT, Written, "Id of the responsible person";
    OwnerName "ownerName" TEXT, Written, "Name of the responsible person";
    AcceptEmail "acceptEmail" Kind::Flag, Written, "Wants e-mail";
    AcceptSms "acceptSMS" Kind::Flag, Written, "Wants text messages";
    NotAcceptEmail "notAcceptEmail" Kind::Flag, Written, "Refuses e-mail";
    NotAcceptSms "notAcceptSMS" Kind::Flag, Written, "Refuses text messages";
    MembershipLevel "membershipLevel" TEXT, Written, "Level of the membership";
    MembershipNo "membershipNo" TEXT, Written, "Number of the membership";
    MembershipScore "membershipScore" Kind::Decimal, Written, "Points of the membership";
    DateMemberReg "dateMemberReg" Kind::Time, Written, "When the membership began";
    LatestEngageDate "latestEngageDate" Kind::Time, Written, "Latest engagement";
    Code "code" TEXT, Written, "Code";
    Status "status" TEXT, Written, "Status";
    Tags "tags" TEXT, Written, "Tags, separated by commas";
    Type "type" TEXT, Written, "Type";
    TypeName "typeName" TEXT, Written, "Name of the type";
    WechatCity "wechatCity" TEXT, Written, "City in the WeChat profile";
    WechatNickName "wechatNickName" TEXT, Written, "Nickname in the WeChat profile";
    Language "language" TEXT, Written, "Language in the WeChat profile";
    SubscribeScene "subscribeScene" TEXT, Written, "How a WeChat fan subscribed";
    DateJoin "dateJoin" Kind::Time, Written, "Business creation time; the creation time if never set";
    DateCreated "dateCreated" Kind::Time, Derived, "When the hub created the customer";
    LastUpdated "lastUpdated" Kind::Time, Derived, "When the hub last changed the customer";
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The key of a field: a built-in attribute, or a custom one inside `attr`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldKey {
    /// An attribute of the table, one with [`Access::Written`].
    Builtin(Attribute),
    /// A custom attribute, matching `[A-Za-z_][A-Za-z0-9_.-]{0,63}` (wire W35).
    Custom(Box<str>),
}

impl FieldKey {
    /// The custom attribute of this key, if the key has the allowed form.
    pub fn custom(key: &str) -> Option<FieldKey> {
        let mut chars = key.chars();
        let first = chars.next()?;
        let rest_fits = chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        let fits = (first.is_ascii_alphabetic() || first == '_')
            && rest_fits
            && key.len() <= crate::limits::CUSTOM_KEY_CHARS_MAX;
        fits.then(|| FieldKey::Custom(key.into()))
    }
}

impl fmt::Display for FieldKey {
    /// `mobile`, `attr.attr1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldKey::Builtin(attribute) => attribute.fmt(f),
            FieldKey::Custom(key) => write!(f, "attr.{key}"),
        }
    }
}

/// A finite number with a fraction; `-0` is kept as `0`, so that equal numbers are equal bits.
#[derive(Clone, Copy, Debug)]
pub struct Real(f64);

impl Real {
    /// `None` if the number is infinite or not a number.
    pub fn new(number: f64) -> Option<Real> {
        number.is_finite().then_some(Real(number + 0.0))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Real {
    fn eq(&self, other: &Real) -> bool {
        self.0.total_cmp(&other.0) == Ordering::Equal
    }
}
impl Eq for Real {}

impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Numbers are equal if their bits are.
        self.0.to_bits().hash(state);
    }
}

/// One value of one field. Never an empty text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Text, a date as `yyyy-MM-dd` included.
    Text(Box<str>),
    /// A whole number; a moment in microseconds where the attribute is a [`Kind::Time`].
    Integer(i64),
    /// A number with a fraction.
    Decimal(Real),
    /// True or false.
    Flag(bool),
}

impl Value {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Decimal(_) | Value::Flag(_) => None,
        }
    }

    /// The order of list pages (wire W15): flags, then numbers, then text by its UTF-8 bytes.
    pub fn compare(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::Flag(a), Value::Flag(b)) => a.cmp(b),
            (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
            (Value::Decimal(a), Value::Decimal(b)) => a.0.total_cmp(&b.0),
            (Value::Integer(a), Value::Decimal(b)) => compare_mixed(*a, b.0),
            (Value::Decimal(a), Value::Integer(b)) => compare_mixed(*b, a.0).reverse(),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// Whether both are flags, both numbers, or both text: only such values are before or after
    /// each other for a test ([`crate::filter::Test`]).
    pub fn is_like(&self, other: &Value) -> bool {
        self.rank() == other.rank()
    }

    /// The place of its kind in the order of list pages: flags 1, numbers 2, text 3.
    pub fn rank(&self) -> u8 {
        match self {
            Value::Flag(_) => 1,
            Value::Integer(_) | Value::Decimal(_) => 2,
            Value::Text(_) => 3,
        }
    }
}

/// Compares a whole number and a fraction without rounding the whole number.
fn compare_mixed(whole: i64, real: f64) -> Ordering {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "exact bound: 2^63")]
    let bound = i64::MAX as f64;
    if real >= bound {
        return Ordering::Less;
    }
    if real < -bound {
        return Ordering::Greater;
    }
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "checked above")]
    let floor = real.floor() as i64;
    whole.cmp(&floor).then(if real.fract() == 0.0 { Ordering::Equal } else { Ordering::Less })
}

/// A value as it arrives, before it is known what it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw<'a> {
    /// Explicitly nothing.
    Null,
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent, or too large for 64 bits.
    Real(f64),
    /// True or false.
    Flag(bool),
    /// Several values, which no attribute holds.
    Array,
    /// A value of parts, which none holds either.
    Object,
}

impl Raw<'_> {
    fn found(self) -> Found {
        match self {
            Raw::Null => Found::Null,
            Raw::Text(_) => Found::Text,
            Raw::Integer(_) => Found::WholeNumber,
            Raw::Real(_) => Found::Number,
            Raw::Flag(_) => Found::Flag,
            Raw::Array => Found::Array,
            Raw::Object => Found::Object,
        }
    }
}

/// Reads a value for an attribute: JSON types and text alike (wire W8). `Ok(None)` means nothing
/// was given (`null`, or text that shows nothing).
///
/// `parse_time` reads a moment; it is an argument because calendars are not this crate's business.
pub fn parse(
    kind: Kind,
    raw: Raw<'_>,
    parse_time: &dyn Fn(&str) -> Option<Micros>,
) -> Result<Option<Value>, FieldProblem> {
    let raw = match raw {
        Raw::Null => return Ok(None),
        Raw::Text(text) if text.contains('\0') => {
            return Err(FieldProblem::new(Expected::TextWithoutNul, Found::TextWithNul));
        }
        Raw::Text(text) if canonical::is_blank(text) => return Ok(None),
        Raw::Text(text) => Raw::Text(text.trim()),
        Raw::Integer(_) | Raw::Real(_) | Raw::Flag(_) | Raw::Array | Raw::Object => raw,
    };
    match kind {
        Kind::Text(chars_max) => parse_text(raw, chars_max),
        Kind::Gender => parse_gender(raw),
        Kind::Integer => parse_integer(raw).map(Value::Integer),
        Kind::Decimal => parse_decimal(raw),
        Kind::Flag => parse_flag(raw).map(Value::Flag),
        Kind::Date => parse_date(raw),
        Kind::Time => match raw {
            Raw::Text(text) => parse_time(text)
                .map(Value::Integer)
                .ok_or_else(|| FieldProblem::new(Expected::Time, Found::OtherText)),
            Raw::Null
            | Raw::Integer(_)
            | Raw::Real(_)
            | Raw::Flag(_)
            | Raw::Array
            | Raw::Object => Err(FieldProblem::new(Expected::Time, raw.found())),
        },
    }
    .map(Some)
}

/// Reads the value of a custom attribute: text, number, boolean or null (wire W35).
pub fn parse_custom(raw: Raw<'_>) -> Result<Option<Value>, FieldProblem> {
    match raw {
        Raw::Null => Ok(None),
        Raw::Text(_) => parse(TEXT, raw, &|_| None),
        Raw::Integer(number) => Ok(Some(Value::Integer(number))),
        Raw::Real(_) => Ok(Some(whole_or_real(raw)?)),
        Raw::Flag(flag) => Ok(Some(Value::Flag(flag))),
        Raw::Array | Raw::Object => Err(FieldProblem::new(Expected::Custom, raw.found())),
    }
}

fn parse_text(raw: Raw<'_>, chars_max: usize) -> Result<Value, FieldProblem> {
    let text: Box<str> = match raw {
        Raw::Text(text) => text.into(),
        Raw::Integer(number) => number.to_string().into(),
        Raw::Real(number) => number.to_string().into(),
        Raw::Flag(flag) => flag.to_string().into(),
        Raw::Null | Raw::Array | Raw::Object => {
            return Err(FieldProblem::new(Expected::Text, raw.found()));
        }
    };
    let chars = text.chars().count();
    if chars > chars_max {
        return Err(FieldProblem::new(
            Expected::Chars(counted(chars_max)),
            Found::Chars(counted(chars)),
        ));
    }
    Ok(Value::Text(text))
}

fn parse_gender(raw: Raw<'_>) -> Result<Value, FieldProblem> {
    let problem = |found: Found| FieldProblem::new(Expected::Gender, found);
    match parse_integer(raw) {
        Ok(number @ 0..=2) => Ok(Value::Integer(number)),
        Ok(_) => Err(problem(Found::OtherNumber)),
        Err(_) => Err(problem(raw.found())),
    }
}

fn parse_integer(raw: Raw<'_>) -> Result<i64, FieldProblem> {
    let number = match raw {
        Raw::Integer(number) => Some(number),
        Raw::Text(text) => text.parse().ok().or_else(|| text.parse().ok().and_then(whole_number)),
        Raw::Real(number) => whole_number(number),
        Raw::Null | Raw::Flag(_) | Raw::Array | Raw::Object => None,
    };
    number.ok_or_else(|| FieldProblem::new(Expected::WholeNumber, raw.found()))
}

/// The whole number that this fraction is, within the range where every whole number is exact.
fn whole_number(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() != 0.0 || number.abs() > EXACT {
        return None;
    }
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "checked above")]
    Some(number as i64)
}

fn whole_or_real(raw: Raw<'_>) -> Result<Value, FieldProblem> {
    let number = match raw {
        Raw::Integer(number) => return Ok(Value::Integer(number)),
        Raw::Real(number) => Some(number),
        Raw::Text(text) => {
            // `f64::from_str` also reads `inf`, `nan` and the like: those are not numbers here.
            let digits = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
            digits.then(|| text.parse::<f64>().ok()).flatten()
        }
        Raw::Null | Raw::Flag(_) | Raw::Array | Raw::Object => None,
    };
    let real = number.and_then(Real::new);
    let real = real.ok_or_else(|| FieldProblem::new(Expected::Number, raw.found()))?;
    Ok(whole_number(real.get()).map_or(Value::Decimal(real), Value::Integer))
}

fn parse_decimal(raw: Raw<'_>) -> Result<Value, FieldProblem> {
    if let Raw::Text(text) = raw {
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
        if significant > 15 {
            return Err(FieldProblem::new(
                Expected::FewDigits,
                Found::Digits(counted(significant)),
            ));
        }
    }
    whole_or_real(raw)
}

fn parse_flag(raw: Raw<'_>) -> Result<bool, FieldProblem> {
    match raw {
        Raw::Flag(flag) => Ok(flag),
        Raw::Integer(0) => Ok(false),
        Raw::Integer(1) => Ok(true),
        Raw::Text(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(true),
        Raw::Text(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(false),
        Raw::Text(_) => Err(FieldProblem::new(Expected::Flag, Found::OtherText)),
        Raw::Null | Raw::Integer(_) | Raw::Real(_) | Raw::Array | Raw::Object => {
            Err(FieldProblem::new(Expected::Flag, raw.found()))
        }
    }
}

/// A day of the proleptic Gregorian calendar; a date-time is cut to its date (wire W12).
fn parse_date(raw: Raw<'_>) -> Result<Value, FieldProblem> {
    let problem = |found: Found| FieldProblem::new(Expected::Date, found);
    let Raw::Text(text) = raw else { return Err(problem(raw.found())) };
    let (date, rest) = match text.split_once(['T', ' ']) {
        Some((date, rest)) => (date, Some(rest)),
        None => (text, None),
    };
    let time_fits = rest.is_none_or(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | '+' | '-' | 'Z'))
    });
    if !is_date(date) || !time_fits {
        return Err(problem(Found::OtherText));
    }
    Ok(Value::Text(date.into()))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let digits = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) =
        (year.parse::<u16>(), month.parse::<u8>(), day.parse::<u8>())
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, raw: Raw<'_>) -> Result<Option<Value>, FieldProblem> {
        parse(kind, raw, &|_| None)
    }

    #[test]
    fn text_and_json_numbers_are_read_alike() {
        for raw in [Raw::Integer(2), Raw::Text("2"), Raw::Text(" 2 "), Raw::Real(2.0)] {
            assert_eq!(read(Kind::Gender, raw), Ok(Some(Value::Integer(2))), "{raw:?}");
        }
        assert_eq!(read(Kind::Flag, Raw::Text("TRUE")), Ok(Some(Value::Flag(true))));
        let decimal = read(Kind::Decimal, Raw::Text("12.50"));
        assert_eq!(decimal, read(Kind::Decimal, Raw::Real(12.5)));
    }

    #[test]
    fn what_cannot_be_read_is_a_problem_and_never_nothing() {
        let refused = [
            (Kind::Gender, Raw::Text("male")),
            (Kind::Gender, Raw::Integer(3)),
            (Kind::Integer, Raw::Text("12.5")),
            (Kind::Decimal, Raw::Text("inf")),
            (Kind::Decimal, Raw::Text("1234567890.1234567")),
            (Kind::Flag, Raw::Text("yes")),
            (Kind::Date, Raw::Text("1990-02-30")),
            (Kind::Date, Raw::Text("1990-01-01T")),
            (Kind::Date, Raw::Integer(19_900_101)),
            (Kind::Time, Raw::Text("soon")),
            (TEXT, Raw::Array),
            (TEXT, Raw::Text("a\0b")),
        ];
        for (kind, raw) in refused {
            assert!(read(kind, raw).is_err(), "{kind:?} {raw:?}");
        }
    }

    #[test]
    fn a_date_time_is_cut_to_its_date() {
        let day = Ok(Some(Value::Text("1990-02-28".into())));
        assert_eq!(read(Kind::Date, Raw::Text("1990-02-28T16:00:00Z")), day);
        assert_eq!(read(Kind::Date, Raw::Text("1990-02-28")), day);
    }

    #[test]
    fn whole_numbers_and_fractions_compare_without_rounding() {
        let large = Value::Integer(i64::MAX);
        let near = Value::Decimal(Real::new(9_223_372_036_854_775_807.0).unwrap());
        assert_eq!(large.compare(&near), Ordering::Less);
        let half = Value::Decimal(Real::new(-0.5).unwrap());
        assert_eq!(Value::Integer(0).compare(&half), Ordering::Greater);
        assert_eq!(Value::Integer(-1).compare(&half), Ordering::Less);
        assert_eq!(Value::Flag(true).compare(&large), Ordering::Less);
    }

    #[test]
    fn a_custom_key_has_the_form_of_a_name() {
        for key in ["attr1", "_x", "a.b-c"] {
            assert!(FieldKey::custom(key).is_some(), "{key}");
        }
        for key in ["", "1a", "a b", "名", "a'b", &"a".repeat(65)] {
            assert!(FieldKey::custom(key).is_none(), "{key}");
        }
    }
}
