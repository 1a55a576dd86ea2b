//! What was said about the columns of earlier imports, for files that are like theirs.

use super::headings::Sayings;
use super::job::{PIPED, Settings};
use super::mapping::Choices;
use super::names::Names;
use kehub_core::ImportId;
use kehub_core::import;
use std::sync::Arc;

/// What a file is called that came over the API and that nobody has named.
pub(crate) const UNNAMED: &str = "upload";

/// What was said about the columns of an earlier import.
pub(crate) struct Remembered {
    pub(crate) import: ImportId,
    /// What its file was called.
    pub(crate) source: Box<str>,
    pub(crate) choices: Choices,
}

/// What is said about the columns of a file, now and before.
#[derive(Clone)]
pub(crate) struct Said {
    /// Earlier imports, newest first.
    pub(crate) before: Arc<[import::Import]>,
    /// What the file is called.
    pub(crate) source: String,
    pub(crate) now: Choices,
    /// Whether nothing is taken over.
    pub(crate) is_new: bool,
    /// What the tenant has names for.
    pub(crate) names: Names,
}

impl Said {
    /// What is taken over for a file with these headings.
    pub(crate) fn remembered(&self, headings: &[String]) -> Option<Remembered> {
        remembered(&self.before, &self.source, headings).filter(|_| !self.is_new)
    }

    /// All of it, and what columns are that are called like something of the tenant.
    pub(crate) fn choices(&self, headings: &[String]) -> Choices {
        let mut choices = self.told(headings);
        choices.know(&self.names, headings);
        choices
    }

    /// All of it. What is said now wins.
    fn told(&self, headings: &[String]) -> Choices {
        let mut choices = self.remembered(headings).map(|it| it.choices).unwrap_or_default();
        choices.extend(self.now.clone());
        choices
    }
}

impl Sayings for Said {
    fn choices(&self, headings: &[String]) -> Choices {
        Said::choices(self, headings)
    }

    fn said(&self, headings: &[String]) -> Choices {
        self.told(headings)
    }
}

/// What was said about the columns of the newest earlier import of this source, as far as it fits, or else
/// of one with the same headings; nothing if nothing was said then. `imports` come newest first.
fn remembered(imports: &[import::Import], source: &str, headings: &[String]) -> Option<Remembered> {
    let read = |import: &'_ import::Import| Settings::read(&import.plan.settings);
    let mut named = imports.iter().filter(|it| !is_nameless(source) && &*it.plan.source == source);
    let of_source = named.find_map(|import| Some((import, read(import)?)));
    let of_source = of_source.and_then(|(import, settings)| {
        let choices = settings.choices()?;
        if settings.has_headings(headings) {
            return Some((import, choices));
        }
        Some((import, choices.fitting(headings))).filter(|(_, choices)| !choices.is_empty())
    });
    let alike = || {
        let mut read = imports.iter().filter_map(|import| Some((import, read(import)?)));
        let (import, settings) = read.find(|(_, settings)| settings.has_headings(headings))?;
        Some((import, settings.choices()?))
    };
    let mixed = || {
        let mut read = imports.iter().filter_map(|import| Some((import, read(import)?)));
        let (import, settings) = read.find(|(_, settings)| settings.has_members(headings))?;
        Some((import, settings.choices()?.fitting(headings)))
    };
    let (import, choices) = of_source.or_else(alike).or_else(mixed)?;
    let source = import.plan.source.clone();
    (!choices.is_empty()).then_some(Remembered { import: import.id, source, choices })
}

/// Whether a file is called like any other that nobody has named.
fn is_nameless(source: &str) -> bool {
    [PIPED, UNNAMED].contains(&source)
}

#[cfg(test)]
mod tests {
    use super::super::job::tests::{headings, kept, wishes};
    use super::*;
    use kehub_core::attribute::{FieldKey, Value};
    use kehub_core::customer::{Apps, Cell, Customer, Fold, State};
    use kehub_core::policy::Policy;
    use kehub_core::{CustomerId, Seq};

    /// A customer with these custom attributes.
    fn customer(keys: &str) -> Customer {
        let cell = Cell {
            value: Some(Value::Text("x".into())),
            verified: false,
            seq: Seq(1),
            at: 0,
            apps: Apps::default(),
        };
        let fields = keys.split(' ').map(|key| (FieldKey::custom(key).unwrap(), cell.clone()));
        Customer {
            id: CustomerId(1),
            state: State::Live,
            fold: Fold(fields.collect()),
            homes: 1,
            rev: 1,
            head: Seq(1),
            created_at: 0,
            updated_at: 0,
            seen_at: 0,
        }
    }

    #[test]
    fn who_says_the_same_again_asks_for_the_same() {
        let columns = headings("name,卡号");
        let choices = |before: &[import::Import]| {
            let now = wishes(&["卡号=identity:card"]).choices;
            let names = Names::default();
            let said =
                Said { before: before.into(), source: "a".into(), now, is_new: false, names };
            said.choices(&columns)
        };
        let before = kept(1, "a", "name,卡号", &["卡号=identity:card"]);
        assert_eq!(choices(&[before]), choices(&[]));
    }

    #[test]
    fn a_column_that_is_called_like_something_of_the_tenant_is_that() {
        let mut policy = Policy::default();
        for name in ["Member-ID", "mobile", "both"] {
            let kind = policy.new_type(name, &[]).unwrap();
            policy.add_type(kind);
        }
        let newest = [customer("size both city"), customer("shoe_size Size Level level")];
        let names = Names::new(policy, &newest);
        let choices = |columns, now: &[&str]| {
            let now = wishes(now).choices;
            let said = Said {
                before: [].into(),
                source: "a".into(),
                now,
                is_new: false,
                names: names.clone(),
            };
            let choices = said.choices(&headings(columns));
            let pairs = choices.pairs().map(|(column, target)| format!("{column}={target}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(choices("name,member-id,mobile,x", &[]), "member-id=identity:Member-ID");
        assert_eq!(choices("member-id", &["member-id=-"]), "member-id=-");
        assert_eq!(choices("member-id", &["#1=attr.x"]), "#1=attr.x");
        assert_eq!(choices("member-id,Member-ID", &[]), "");
        assert_eq!(choices("size,Shoe Size", &[]), "size=attr.size Shoe Size=attr.shoe_size");
        assert_eq!(choices("both,city,level,LEVEL ,attr.size", &[]), "both=identity:both");
        assert_eq!(choices("level,SIZE,weight", &["level=-"]), "level=-");
        assert_eq!(choices(" Level", &[]), "Level=attr.Level");
    }

    #[test]
    fn what_was_said_is_known_by_the_source_or_by_the_headings() {
        let imports = [
            kept(4, "plain.csv", "name,points", &[]),
            kept(3, "members-05.csv", "name,卡号", &["卡号=identity:card"]),
            kept(2, "crm", "name,卡号,喜好", &["卡号=identity:other", "#3=attr.x", "喜好=attr.y"]),
        ];
        let found = |source, columns| {
            let found = remembered(&imports, source, &headings(columns))?;
            let said = found.choices.pairs().map(|(column, target)| format!("{column}={target}"));
            Some((found.import.0, said.collect::<Vec<_>>().join(" ")))
        };
        let card = |id, text: &str| Some((id, text.to_owned()));
        assert_eq!(found("members-06.csv", "name,卡号"), card(3, "卡号=identity:card"));
        assert_eq!(found("crm", "卡号,name,喜好"), card(2, "卡号=identity:other 喜好=attr.y"));
        assert_eq!(
            found("crm", "name,卡号,喜好"),
            card(2, "卡号=identity:other #3=attr.x 喜好=attr.y")
        );
        assert_eq!(found("new.csv", "name,city"), None);
        // What was said of this source fits nothing here.
        assert_eq!(found("plain.csv", "name,卡号"), card(3, "卡号=identity:card"));
        assert_eq!(found("plain.csv", "name,points"), None);
        assert_eq!(found("crm", "name"), None);
    }

    #[test]
    fn refused_rows_have_the_columns_of_their_file() {
        let report = "name,卡号,,kehub line,kehub reason";
        let imports = [
            kept(2, "other.csv", "name,卡号,x", &["卡号=identity:other"]),
            kept(1, "shop.csv", "name,卡号,", &["卡号=identity:card", "#3=attr.x"]),
        ];
        let found = |imports: &[import::Import], headings_of| {
            let found = remembered(imports, "shop.refused.csv", &headings(headings_of))?;
            let said = found.choices.pairs().map(|(column, target)| format!("{column}={target}"));
            Some((found.import.0, said.collect::<Vec<_>>().join(" ")))
        };
        let said = "卡号=identity:card #3=attr.x";
        assert_eq!(found(&imports, report), Some((1, said.to_owned())));
        // And so has a report of what was refused of the report.
        let again = [kept(3, "shop.refused.csv", report, &["卡号=identity:card", "#3=attr.x"])];
        assert_eq!(found(&again, report), Some((3, said.to_owned())));
        assert_eq!(found(&again, "name,卡号,"), Some((3, said.to_owned())));
        // In one of JSON objects they stand by their names.
        let said = "卡号=identity:other";
        let mixed = "kehub line,kehub reason,name,x,卡号";
        assert_eq!(found(&imports, mixed), Some((2, said.to_owned())));
        assert_eq!(found(&imports, "name,x,卡号"), None);
        assert_eq!(found(&imports, "name,卡号,city,kehub line,kehub reason"), None);
    }

    #[test]
    fn a_file_without_a_name_is_known_by_its_headings_alone() {
        for source in ["-", "upload"] {
            let imports = [kept(1, source, "name,卡号", &["卡号=identity:card"])];
            assert!(remembered(&imports, source, &headings("卡号,city")).is_none(), "{source}");
            assert!(remembered(&imports, source, &headings("name,卡号")).is_some(), "{source}");
            assert!(remembered(&imports, "a", &headings("name,卡号")).is_some(), "{source}");
        }
    }
}
