//! What the columns of a file are.

mod error;

pub(crate) use error::MappingError;

use super::labels::{self, Part, REV, REV_ZH, folded, zh};
use kehub_core::attribute::{Access, Attribute, FieldKey};
use kehub_core::canonical::{cleaned, type_key};
use kehub_core::limits::IDENTITY_TYPE_CHARS_MAX;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Columns that a report of refused rows has more than its file; read again they say nothing.
pub(crate) const REPORT_COLUMNS: [&str; 3] = [LINE_COLUMN, REASON_COLUMN, TEXT_COLUMN];
/// Whether only a report has a column of this heading.
pub(super) fn is_of_report(heading: &str) -> bool {
    REPORT_COLUMNS.contains(&heading.trim())
}

/// Where a refused row stood.
pub(crate) const LINE_COLUMN: &str = "kehub line";
/// Why it was refused.
pub(crate) const REASON_COLUMN: &str = "kehub reason";
/// What stood there, where it was no row at all.
pub(crate) const TEXT_COLUMN: &str = "kehub text";

const IDENTITY: &str = "identity:";
const CUSTOM: &str = "attr.";
/// The member of a JSON object that lists the identities of a customer.
const IDENTITIES: &str = "identities";
/// The member that lists ids which redirect to a customer.
const MERGED_IDS: &str = "mergedIds";

/// What a column is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// An attribute that senders give.
    Attribute(Attribute),
    /// A custom attribute.
    Custom(FieldKey),
    /// Identities of this type.
    Identity(Box<str>),
    /// Identities of any type: a list of objects.
    Identities,
    /// A part of an identity.
    Part(Part),
    /// The id of a customer of the hub.
    Customer,
    /// Nothing; why, for people.
    Ignored(Ignored),
}

/// Why a column is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ignored {
    /// Somebody said so.
    Chosen,
    /// No label is known that reads like this.
    Unknown,
    /// The hub sets this attribute itself.
    Derived(Attribute),
    /// An export has it, and the hub sets it itself.
    System,
    /// It has no heading.
    Unnamed,
    /// A report of refused rows has it.
    Report,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Attribute(attribute) => attribute.fmt(f),
            Target::Custom(key) => key.fmt(f),
            Target::Identity(kind) => write!(f, "{IDENTITY}{kind}"),
            Target::Identities => f.write_str(IDENTITIES),
            Target::Part(part) => f.write_str(part.name()),
            Target::Customer => f.write_str("id (of a customer of this hub)"),
            Target::Ignored(why) => match why {
                Ignored::Chosen => f.write_str("-"),
                Ignored::Unknown => f.write_str("- (no known label)"),
                Ignored::Derived(attribute) => write!(f, "- (`{attribute}` is set by the hub)"),
                Ignored::System => f.write_str("- (set by the hub)"),
                Ignored::Unnamed => f.write_str("- (no heading)"),
                Ignored::Report => f.write_str("- (from a report of refused rows)"),
            },
        }
    }
}

impl Target {
    /// Nothing, for want of a label.
    const UNKNOWN: Target = Target::Ignored(Ignored::Unknown);

    /// What somebody says that a column is.
    fn chosen(text: &str) -> Result<Target, MappingError> {
        let text = text.trim();
        if text == "-" {
            return Ok(Target::Ignored(Ignored::Chosen));
        }
        let unknown =
            || MappingError::TargetUnknown { found: text.to_owned(), names: target_names() };
        if let Some(kind) = text.strip_prefix(IDENTITY) {
            return identity(kind).ok_or_else(unknown);
        }
        if let Some(key) = text.strip_prefix(CUSTOM) {
            return FieldKey::custom(key).map(Target::Custom).ok_or_else(unknown);
        }
        let part = Part::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(text));
        if let Some(part) = part {
            return Ok(Target::Part(part));
        }
        let named = |it: &&Attribute| it.name().eq_ignore_ascii_case(text);
        let attribute = Attribute::ALL.iter().find(named).copied();
        let given = attribute.filter(|it| it.access() != Access::Derived);
        given.map(Target::Attribute).ok_or_else(unknown)
    }

    /// What a heading says that its column is. A note in brackets at its end does not matter, unless it is known
    /// with that.
    pub(super) fn guessed(heading: &str) -> Target {
        let whole = Target::labelled(heading);
        let label = labels::without_note(heading).filter(|_| whole == Target::UNKNOWN);
        label.map_or(whole, Target::guessed)
    }

    /// What all of a heading says that its column is.
    fn labelled(heading: &str) -> Target {
        if heading.trim().is_empty() {
            return Target::Ignored(Ignored::Unnamed);
        }
        if is_of_report(heading) {
            return Target::Ignored(Ignored::Report);
        }
        let prefixed = prefixed(heading).and_then(|(prefix, rest)| match prefix.as_str() {
            "attr" => FieldKey::custom(rest.trim()).map(Target::Custom),
            _ => identity(rest),
        });
        let folded = folded(heading);
        let numbered = || {
            let digits = folded.strip_prefix("attr")?;
            let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
            FieldKey::custom(&folded).filter(|_| is_number).map(Target::Custom)
        };
        let labelled = || {
            labels::attribute(&folded).map(|attribute| match attribute.access() {
                Access::Derived => Target::Ignored(Ignored::Derived(attribute)),
                Access::Written | Access::PartOf(_) => Target::Attribute(attribute),
            })
        };
        let identified = || labels::identity(&folded).map(|it| Target::Identity(it.into()));
        let part = || Part::of(&folded).map(Target::Part);
        let system = || {
            let is_system = folded == REV || folded == REV_ZH || heading == MERGED_IDS;
            is_system.then_some(Target::Ignored(Ignored::System))
        };
        let found = prefixed.or_else(numbered).or_else(labelled).or_else(identified);
        let found = found.or_else(part).or_else(system);
        found.unwrap_or(Target::UNKNOWN)
    }

    /// Whether a row may give it once only.
    fn is_single(&self) -> bool {
        match self {
            Target::Attribute(_)
            | Target::Custom(_)
            | Target::Identities
            | Target::Part(_)
            | Target::Customer => true,
            Target::Identity(_) | Target::Ignored(_) => false,
        }
    }
}

/// What a heading such as `identity:wechat` or `attr.size` says that its column is, in folded form, and
/// of which kind.
fn prefixed(heading: &str) -> Option<(String, &str)> {
    let (prefix, rest) = heading.trim().split_once([':', '.'])?;
    let prefix = folded(prefix);
    ["identity", "identities", "attr"].contains(&&*prefix).then_some((prefix, rest))
}

/// Whether `kehub export` heads a column like this.
fn is_of_export(heading: &str) -> bool {
    let is_known = || {
        let mut parts = Part::ALL.into_iter();
        Attribute::named(heading).is_some()
            || Attribute::ALL.iter().any(|it| zh(*it) == heading)
            || parts.any(|it| [it.name(), it.zh()].contains(&heading))
            || [REV, REV_ZH, MERGED_IDS, IDENTITIES].contains(&heading)
            || REPORT_COLUMNS.contains(&heading)
    };
    prefixed(heading).is_some() || is_known()
}

fn identity(kind: &str) -> Option<Target> {
    let kind = cleaned(kind);
    let fits = !type_key(&kind).is_empty() && kind.chars().count() <= IDENTITY_TYPE_CHARS_MAX;
    fits.then(|| Target::Identity(kind.into()))
}

fn target_names() -> String {
    let given = Attribute::ALL.iter().filter(|it| it.access() != Access::Derived);
    let names = given.map(|it| it.name()).chain(Part::ALL.map(Part::name));
    names.collect::<Vec<_>>().join(", ")
}

/// What somebody says about columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    /// By heading, or `#` and number.
    pub(super) columns: Vec<(String, Target)>,
    /// Whether ids are those of customers of the hub.
    by_id: bool,
}

/// A mapping file: columns and targets.
#[derive(Deserialize)]
struct MappingFile(BTreeMap<String, String>);

impl Choices {
    /// Takes a column of ids for those of customers of the hub.
    pub(crate) fn match_by_id(&mut self) {
        self.by_id = true;
    }

    /// Adds `COLUMN=TARGET`. Later ones win.
    pub(crate) fn add(&mut self, pair: &str) -> Result<(), MappingError> {
        // A heading may hold `=`, a target cannot.
        let (column, target) = pair
            .rsplit_once('=')
            .ok_or_else(|| MappingError::NotAPair { found: pair.to_owned() })?;
        self.columns.push((column.trim().to_owned(), Target::chosen(target)?));
        Ok(())
    }

    /// Adds what a mapping file says.
    pub(crate) fn add_file(&mut self, text: &[u8]) -> Result<(), MappingError> {
        let text = text.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(text);
        let file: MappingFile = serde_json::from_slice(text)
            .map_err(|error| MappingError::NotAMapping { found: error.to_string() })?;
        for (column, target) in file.0 {
            self.columns.push((column.trim().to_owned(), Target::chosen(&target)?));
        }
        Ok(())
    }
}

/// What was said before, for who says it again.
impl Choices {
    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Columns and targets, in the order in which they were said.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, String)> {
        self.columns.iter().map(|(column, target)| (column.as_str(), target.to_string()))
    }

    /// Whether ids are those of customers of the hub.
    pub(crate) fn are_by_id(&self) -> bool {
        self.by_id
    }

    /// Adds a column and its target. Later ones win.
    pub(crate) fn add_target(&mut self, column: &str, target: &str) -> Result<(), MappingError> {
        self.columns.push((column.to_owned(), Target::chosen(target)?));
        Ok(())
    }

    /// Adds all that others say, instead of what was said of the same columns.
    pub(crate) fn extend(&mut self, others: Choices) {
        let is_said = |column: &str| others.columns.iter().any(|(other, _)| is_same(column, other));
        self.columns.retain(|(column, _)| !is_said(column));
        self.columns.extend(others.columns);
        self.by_id |= others.by_id;
    }

    /// Whether anything is said of the column at a place, by its number or its heading.
    pub(super) fn mean(&self, place: usize, heading: &str) -> bool {
        let mut columns = self.columns.iter();
        columns.any(|(column, _)| is_meant(column, place, heading))
    }

    /// Whether anything is said of a column of this heading by that.
    pub(super) fn name(&self, heading: &str) -> bool {
        let mut columns = self.columns.iter().map(|(column, _)| column);
        !heading.is_empty()
            && columns.any(|column| numbered(column).is_none() && is_same(column, heading))
    }

    /// Without what is said of columns by their numbers, or of columns that are not among these once.
    pub(crate) fn fitting(mut self, headings: &[String]) -> Choices {
        self.columns.retain(|(column, _)| {
            let alike = headings.iter().filter(|heading| is_same(column, heading)).count();
            numbered(column).is_none() && alike == 1
        });
        self
    }
}

/// The columns of a file, and what each is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    choices: Choices,
    pub(crate) columns: Vec<Column>,
    /// Whether columns may come that are not known yet: those of JSON objects.
    is_open: bool,
    /// Whether all that it has is what an export has: then its values are in the form in which a hub
    /// keeps them.
    pub(crate) is_export: bool,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) heading: String,
    pub(crate) target: Target,
    /// Whether a text in it may be several values, parted by `|`.
    pub(crate) holds_several: bool,
}

impl Column {
    /// Whether it is headed as the id of a customer, of whichever hub.
    pub(crate) fn is_id(&self) -> bool {
        Target::guessed(&self.heading) == Target::Ignored(Ignored::Derived(Attribute::Id))
    }
}

impl Mapping {
    /// Gives the columns of a file their meaning. If more may come (`is_open`), choices about
    /// columns that are not there wait for them.
    pub(crate) fn new(
        headings: &[String],
        choices: Choices,
        is_open: bool,
    ) -> Result<Mapping, MappingError> {
        let mut known = headings.iter().map(|heading| heading.trim());
        let begins =
            known.next().is_some_and(|it| it == Attribute::Id.name() || it == zh(Attribute::Id));
        let is_export = begins && known.all(is_of_export);
        let mut mapping = Mapping { choices, columns: Vec::new(), is_open, is_export };
        mapping.extend(headings);
        mapping.check_choices()?;
        mapping.check_targets()?;
        Ok(mapping)
    }

    /// Adds columns that came later.
    pub(crate) fn extend(&mut self, headings: &[String]) {
        let mut noted = Vec::new();
        for heading in headings {
            let place = self.columns.len();
            let mut choices = self.choices.columns.iter().rev();
            let chosen = choices.find(|(column, _)| is_meant(column, place, heading));
            let chosen = chosen.map(|(_, target)| target.clone());
            if chosen.is_none() && Target::labelled(heading) == Target::UNKNOWN {
                noted.push(place);
            }
            let target = chosen.unwrap_or_else(|| self.guessed(heading));
            let holds_several = !self.is_open
                && prefixed(heading).is_some()
                && matches!(target, Target::Identity(_));
            self.columns.push(Column { heading: heading.clone(), target, holds_several });
        }
        self.leave_out(&noted);
    }

    /// Of columns that are known without a note in their headings, leaves those out that another column is
    /// without one: 姓名(拼音) beside 姓名.
    fn leave_out(&mut self, noted: &[usize]) {
        let own = self.columns.iter().enumerate().filter(|(place, _)| !noted.contains(place));
        let own: BTreeSet<Target> = own.map(|(_, column)| column.target.clone()).collect();
        for place in noted {
            if let Some(column) = self.columns.get_mut(*place)
                && column.target.is_single()
                && own.contains(&column.target)
            {
                column.target = Target::UNKNOWN;
            }
        }
    }

    fn guessed(&self, heading: &str) -> Target {
        let guessed = Target::guessed(heading);
        let is_id = guessed == Target::Ignored(Ignored::Derived(Attribute::Id));
        let is_list = guessed == Target::UNKNOWN && heading == IDENTITIES;
        if is_id && self.choices.by_id {
            Target::Customer
        } else if is_list && self.is_open {
            Target::Identities
        } else {
            guessed
        }
    }

    /// Where a part of identities stands.
    pub(super) fn place_of(&self, part: Part) -> Option<usize> {
        self.columns.iter().position(|column| column.target == Target::Part(part))
    }

    fn check_choices(&self) -> Result<(), MappingError> {
        let has_ids = || self.columns.iter().any(|column| column.target == Target::Customer);
        if self.choices.by_id && !self.is_open && !has_ids() {
            return Err(MappingError::NoIds);
        }
        for (wanted, _) in &self.choices.columns {
            match self.places(wanted).as_slice() {
                [_] => (),
                [] if self.is_open => (),
                [] => {
                    let known = self.columns.iter().map(|column| format!("`{}`", column.heading));
                    let known = known.collect::<Vec<_>>().join(", ");
                    return Err(MappingError::ColumnUnknown { wanted: wanted.clone(), known });
                }
                [first, ..] => {
                    let (wanted, first) = (wanted.clone(), first + 1);
                    return Err(MappingError::ColumnAmbiguous { wanted, first });
                }
            }
        }
        Ok(())
    }

    /// The columns that somebody means by this.
    fn places(&self, wanted: &str) -> Vec<usize> {
        let columns = self.columns.iter().enumerate();
        let meant = columns.filter(|(place, column)| is_meant(wanted, *place, &column.heading));
        meant.map(|(place, _)| place).collect()
    }

    /// Columns that somebody spoke of and that never came.
    pub(crate) fn unmet(&self) -> impl Iterator<Item = &str> {
        let wanted = self.choices.columns.iter().map(|(wanted, _)| wanted.as_str());
        wanted.filter(|wanted| self.places(wanted).is_empty())
    }

    fn check_targets(&self) -> Result<(), MappingError> {
        let mut seen: BTreeMap<&Target, usize> = BTreeMap::new();
        for (place, column) in self.columns.iter().enumerate() {
            if !column.target.is_single() {
                continue;
            }
            if let Some(one) = seen.insert(&column.target, place) {
                let (one, other) = (one + 1, place + 1);
                let target = column.target.to_string();
                return Err(MappingError::TargetTwice { one, other, target });
            }
        }
        Ok(())
    }

    /// Whether any column says something.
    pub(crate) fn says_something(&self) -> bool {
        self.columns.iter().any(|column| !matches!(column.target, Target::Ignored(_)))
    }

    /// Whether any column tells who a row is. Without one, only the same row finds its customer again.
    pub(crate) fn names_anybody(&self) -> bool {
        self.columns.iter().any(|column| match &column.target {
            Target::Attribute(attribute) => {
                [Attribute::Mobile, Attribute::Email].contains(attribute)
            }
            Target::Identity(_) | Target::Identities | Target::Customer => true,
            Target::Part(part) => *part == Part::Value,
            Target::Custom(_) | Target::Ignored(_) => false,
        })
    }

    /// The heading of a column; its number if it has none.
    pub(crate) fn heading(&self, place: usize) -> String {
        let heading = self.columns.get(place).map(|column| column.heading.clone());
        heading.filter(|it| !it.is_empty()).unwrap_or_else(|| format!("#{}", place + 1))
    }
}

/// The place, from 0, of a column that is named by its number: `#3`. A heading may read like that, and is named
/// by its own number then.
pub(crate) fn numbered(wanted: &str) -> Option<usize> {
    let digits = wanted.strip_prefix('#')?;
    let number: usize =
        digits.parse().ok().filter(|number: &usize| number.to_string() == digits)?;
    number.checked_sub(1)
}

/// Whether this means the column at a place, by its number or its heading.
pub(super) fn is_meant(wanted: &str, place: usize, heading: &str) -> bool {
    numbered(wanted).map_or_else(|| is_same(wanted, heading), |number| number == place)
}

/// Whether this means a column of this heading.
pub(crate) fn is_same(wanted: &str, heading: &str) -> bool {
    wanted == heading || (!heading.is_empty() && folded(wanted) == folded(heading))
}

#[cfg(test)]
mod tests;
