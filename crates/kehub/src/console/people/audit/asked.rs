//! What the address of the log asks for. It names people and things by numbers, so that it can be shared
//! and tells nobody's name.

use super::super::AUDIT;
use super::super::words::Words;
use super::form::Known;
use crate::api::audit::cursor;
use crate::api::audit::filter::same;
use crate::api::problem::Problem;
use crate::console::visitor::Visitor;
use crate::wire::query::Query;
use crate::wire::time;
use kehub_core::filter::Period;
use kehub_core::people::audit::{About, AuditFilter, AuditPlace, Deed};
use kehub_core::{AppNumber, Micros};
use std::collections::BTreeSet;
use url::form_urlencoded::Serializer;

const DAY_MICROS: Micros = 86_400 * 1_000_000;
/// The parameters, in the order of the form.
pub(super) const NAMES: [&str; 6] = ["who", "deed", "on", "id", "from", "to"];
/// Kinds of what is chosen by a number that somebody types.
pub(super) const NUMBERED: [&str; 4] = ["customer", "import", "webhook", "wechatAccount"];

/// Deeds that people ask for together: how the address names them, and which they are.
pub(super) const GROUPS: [(&str, &[Deed]); 6] = [
    ("in-full", &[Deed::CustomerRevealed, Deed::CustomersRead, Deed::CustomersExported]),
    ("sign-ins", &[Deed::SignedIn, Deed::SignInFailed, Deed::SignedOut, Deed::SignedOutEverywhere]),
    (
        "users",
        &[
            Deed::UserCreated,
            Deed::UserRenamed,
            Deed::RoleChanged,
            Deed::PasswordChanged,
            Deed::UserDisabled,
            Deed::UserEnabled,
        ],
    ),
    ("apps", &[Deed::AppCreated, Deed::AppPermitted, Deed::AppSecretChanged, Deed::AppRevoked]),
    (
        "webhooks",
        &[
            Deed::WebhookCreated,
            Deed::WebhookChanged,
            Deed::WebhookSecretChanged,
            Deed::WebhookReplayed,
            Deed::WebhookDeleted,
        ],
    ),
    ("wechat", &[Deed::WechatBound, Deed::WechatChanged, Deed::WechatUnbound]),
];

/// What somebody asks for, as it stands in the address.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Of each of [`NAMES`] what was said, empty for nothing.
    said: [String; NAMES.len()],
    /// Where the page begins.
    pub(super) before: Option<AuditPlace>,
    /// Whether that is said to be a place that is none.
    pub(super) is_astray: bool,
    /// Whether something is there that says nothing, as an empty field of a form.
    pub(super) is_wordy: bool,
}

/// Of which parameter something does not fit, and why.
pub(super) type Wrong = (&'static str, &'static str);

impl Asked {
    pub(super) fn read(visitor: &Visitor) -> Asked {
        let mut asked = Asked::default();
        for (name, value) in Query::new(visitor.call.query()).decoded() {
            let (Some(name), Some(value)) = (name, value) else { continue };
            if name == "before" {
                asked.before = cursor::read(&value);
                asked.is_wordy |= value.is_empty();
                asked.is_astray = asked.before.is_none() && !value.is_empty();
            } else if let Some(place) = NAMES.iter().position(|known| *known == name) {
                asked.is_wordy |= value.is_empty();
                if let Some(said) = asked.said.get_mut(place) {
                    *said = value;
                }
            }
        }
        asked
    }

    /// What a parameter says; empty if nothing.
    pub(super) fn said(&self, name: &str) -> &str {
        let place = NAMES.iter().position(|known| *known == name);
        place.and_then(|place| self.said.get(place)).map_or("", |said| said)
    }

    /// Whether it asks for everything.
    pub(super) fn is_plain(&self) -> bool {
        self.said.iter().all(String::is_empty)
    }

    /// The same without these parameters.
    pub(super) fn without(&self, names: &[&str]) -> Asked {
        let mut asked = Asked { before: None, is_astray: false, ..self.clone() };
        for (name, said) in NAMES.iter().zip(&mut asked.said) {
            if names.contains(name) {
                said.clear();
            }
        }
        asked
    }

    /// The address of its first page, or of the page before a place.
    pub(super) fn address(&self, before: Option<AuditPlace>) -> String {
        let mut query = Serializer::new(String::new());
        for (name, said) in NAMES.iter().zip(&self.said).filter(|(_, said)| !said.is_empty()) {
            query.append_pair(name, said);
        }
        if let Some(place) = before {
            query.append_pair("before", &cursor::write(place));
        }
        let query = query.finish();
        if query.is_empty() { AUDIT.to_owned() } else { format!("{AUDIT}?{query}") }
    }

    /// The filter, or all that does not fit.
    pub(super) async fn filter(
        &self,
        visitor: &Visitor,
        known: &Known,
        words: &Words,
    ) -> Result<Result<AuditFilter, Vec<Wrong>>, Problem> {
        let mut wrong: Vec<Wrong> = Vec::new();
        let app = self.said("who").parse().ok().map(AppNumber).filter(|app| known.has(*app));
        if app.is_none() && !self.said("who").is_empty() {
            wrong.push(("who", words.unfit_who));
        }
        let deeds = deeds(self.said("deed"));
        if deeds.is_none() {
            wrong.push(("deed", words.unfit_deed));
        }
        let known_object = |about: Option<About>| match about {
            Some(about) if !known.has_object(about) => Err(("on", words.unfit_on)),
            about => Ok(about),
        };
        let about = self.object(words).and_then(known_object).unwrap_or_else(|unfit| {
            wrong.push(unfit);
            None
        });
        let within = self.within(visitor.look.offset_seconds, words).unwrap_or_else(|unfit| {
            wrong.push(unfit);
            Period::default()
        });
        if self.is_astray {
            wrong.push(("before", words.unfit_before));
        }
        if !wrong.is_empty() {
            return Ok(Err(wrong));
        }
        let (deeds, about) = (deeds.unwrap_or_default(), same(&visitor.call, about).await?);
        Ok(Ok(AuditFilter { app, deeds, about, within }))
    }

    /// What entries are to be about.
    pub(super) fn object(&self, words: &Words) -> Result<Option<About>, Wrong> {
        let number = self.said("id").trim_start_matches('#');
        match self.said("on") {
            "" if number.is_empty() => Ok(None),
            "" => Err(("on", words.unfit_on)),
            kind if NUMBERED.contains(&kind) => {
                let number = number.parse().ok().filter(|number| *number > 0);
                let about = number.and_then(|number| About::of(kind, number));
                about.map(Some).ok_or(("id", words.unfit_id))
            }
            // A user or an app is chosen with its number.
            chosen => {
                let parts = chosen.split_once(':');
                let parts = parts.filter(|(kind, _)| ["user", "app"].contains(kind));
                let about = parts.and_then(|(kind, number)| About::of(kind, number.parse().ok()?));
                about.map(Some).ok_or(("on", words.unfit_on))
            }
        }
    }

    /// From the first day to the last one, as whoever looks has days.
    fn within(&self, offset_seconds: i32, words: &Words) -> Result<Period, Wrong> {
        let day = |name| match self.said(name) {
            "" => Ok(None),
            text => {
                let begins = time::parse(&format!("{text}T00:00:00Z")).filter(|_| text.len() == 10);
                let begins = begins.map(|at| at - Micros::from(offset_seconds) * 1_000_000);
                begins.map(Some).ok_or((name, words.unfit_day))
            }
        };
        let (from, to) = (day("from")?, day("to")?);
        if from.zip(to).is_some_and(|(from, to)| to < from) {
            return Err(("to", words.unfit_to));
        }
        Ok(Period { from, before: to.map(|to| to.saturating_add(DAY_MICROS)) })
    }
}

/// Deeds by the name of one, or of a group; all if nothing is said, and `None` if it is no name.
fn deeds(said: &str) -> Option<BTreeSet<Deed>> {
    if said.is_empty() {
        return Some(BTreeSet::new());
    }
    let group = GROUPS.iter().find(|(name, _)| *name == said).map(|(_, deeds)| *deeds);
    match group {
        Some(deeds) => Some(deeds.iter().copied().collect()),
        None => Deed::named(said).map(|deed| [deed].into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::words::words;
    use super::*;
    use crate::console::words::Language;
    use kehub_core::CustomerId;

    fn asked(said: [&str; 6]) -> Asked {
        Asked { said: said.map(str::to_owned), ..Asked::default() }
    }

    #[test]
    fn every_deed_is_in_one_group() {
        let mut grouped: Vec<Deed> = GROUPS.iter().flat_map(|(_, deeds)| *deeds).copied().collect();
        grouped.sort_unstable();
        assert_eq!(grouped, Deed::ALL);
        assert!(GROUPS.iter().all(|(name, _)| Deed::named(name).is_none()));
        assert_eq!(deeds("wechat").unwrap().len(), 3);
        assert_eq!(deeds("signedIn"), Some([Deed::SignedIn].into()));
        assert_eq!((deeds(""), deeds("x")), (Some(BTreeSet::new()), None));
    }

    #[test]
    fn an_address_says_what_was_asked_and_nothing_else() {
        let place = AuditPlace { at: 7, number: kehub_core::people::audit::AuditNumber(8) };
        let all = asked(["3", "in-full", "customer", "1007", "2026-05-01", "2026-05-31"]);
        let said = "who=3&deed=in-full&on=customer&id=1007&from=2026-05-01&to=2026-05-31";
        assert_eq!(all.address(None), format!("{AUDIT}?{said}"));
        assert_eq!(all.address(Some(place)), format!("{AUDIT}?{said}&before=7.8"));
        let fewer = all.without(&["on", "id", "from", "to"]);
        assert_eq!(fewer.address(None), format!("{AUDIT}?who=3&deed=in-full"));
        assert_eq!((fewer.said("who"), fewer.said("id"), fewer.said("x")), ("3", "", ""));
        assert_eq!(all.without(&NAMES).address(None), AUDIT);
    }

    #[test]
    fn what_it_is_about_is_chosen_with_its_number_or_needs_one() {
        let words = words(Language::En);
        let about = |on, id| asked(["", "", on, id, "", ""]).object(words);
        assert_eq!(about("", ""), Ok(None));
        assert_eq!(about("customer", "#7"), Ok(Some(About::Customer(CustomerId(7)))));
        assert_eq!(about("user:3", ""), Ok(Some(About::User(AppNumber(3)))));
        assert_eq!(about("app:4", "9"), Ok(Some(About::App(AppNumber(4)))));
        assert_eq!(about("", "7"), Err(("on", words.unfit_on)));
        for (on, id) in [("customer", ""), ("webhook", "x"), ("import", "0"), ("customer", "-1")] {
            assert_eq!(about(on, id), Err(("id", words.unfit_id)), "{on} {id}");
        }
        for on in ["user", "user:", "user:x", "customer:7", "nobody"] {
            assert_eq!(about(on, "7"), Err(("on", words.unfit_on)), "{on}");
        }
    }

    #[test]
    fn days_are_those_of_whoever_looks_and_the_last_one_is_among_them() {
        let words = words(Language::En);
        let within = |from, to| asked(["", "", "", "", from, to]).within(8 * 3600, words);
        let at = |text| time::parse(text);
        let may = within("2026-05-01", "2026-05-31").unwrap();
        assert_eq!(may.from, at("2026-05-01T00:00:00+08:00"));
        assert_eq!(may.before, at("2026-06-01T00:00:00+08:00"));
        assert_eq!(within("", ""), Ok(Period::default()));
        assert!(within("2026-05-01", "2026-05-01").is_ok());
        assert_eq!(within("2026-05-02", "2026-05-01"), Err(("to", words.unfit_to)));
        for day in ["2026-5-1", "yesterday", "2026-02-30", "2026-05-01T00:00:00"] {
            assert_eq!(within(day, ""), Err(("from", words.unfit_day)), "{day}");
        }
    }
}
