//! What the columns of a file are taken for: by their headings, by what was said before, and by what
//! somebody chooses.

use super::asked::Pick;
use super::columns::SHOWN_MAX;
use crate::files::mapping::{Choices, Mapping, MappingError, Target, is_same, numbered};
use std::collections::{BTreeMap, BTreeSet};

/// How many columns may be another one over again.
const TWICE_MAX: usize = 50;
/// What stands for a column that says nothing,
pub(super) const NOTHING: &str = "-";
/// for one of ids of customers of this hub,
pub(super) const CUSTOMER: &str = "id";
/// and for a list of identities.
const IDENTITIES: &str = "identities";

/// What the columns are.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) choices: Choices,
    pub(super) mapping: Mapping,
    /// What does not fit of what was chosen, by the places of columns. Until it does, they say nothing.
    pub(super) wrong: BTreeMap<usize, Wrong>,
    /// Columns that say nothing, because by their headings they are what another one is.
    pub(super) spare: BTreeMap<usize, usize>,
}

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There is no such target.
    Unknown,
    /// This column is it already.
    Taken(usize),
}

/// What a target is in forms.
pub(super) fn name_of(target: &Target) -> String {
    match target {
        Target::Ignored(_) => NOTHING.to_owned(),
        Target::Customer => CUSTOMER.to_owned(),
        Target::Attribute(_)
        | Target::Custom(_)
        | Target::Identity(_)
        | Target::Identities
        | Target::Part(_) => target.to_string(),
    }
}

/// Takes columns for what was said `before`, or their headings say, but for those that somebody picks.
pub(super) fn choose(
    headings: &[String],
    before: Choices,
    picks: &BTreeMap<usize, Pick>,
    is_open: bool,
) -> Result<Chosen, MappingError> {
    let (mut choices, mut spare, mut wrong) = (before, BTreeMap::new(), BTreeMap::new());
    let base = settled(headings, &mut choices, is_open, |one, other| {
        (spare.insert(other, one).is_none() && spare.len() <= TWICE_MAX).then_some(other)
    })?;
    let mut picked = BTreeSet::new();
    for (place, pick) in picks.iter().filter(|(place, _)| **place < SHOWN_MAX) {
        let Some(column) = base.columns.get(*place) else { continue };
        let target = pick.whole(&column.heading);
        let is_given =
            [CUSTOMER, IDENTITIES].contains(&&*target) || column.target == Target::Customer;
        if is_given || target == name_of(&column.target) {
            continue;
        }
        spare.remove(place);
        match choices.add_target(&key(headings, *place), &target) {
            Ok(()) => drop(picked.insert(*place)),
            Err(_) => drop(wrong.insert(*place, Wrong::Unknown)),
        }
    }
    let mapping = settled(headings, &mut choices, is_open, |one, other| {
        let (keeps, loses) = if picked.contains(&one) && !picked.contains(&other) {
            (other, one)
        } else {
            (one, other)
        };
        let is_new = wrong.insert(loses, Wrong::Taken(keeps)).is_none();
        (is_new && wrong.len() <= TWICE_MAX).then_some(loses)
    })?;
    Ok(Chosen { choices, mapping, wrong, spare })
}

/// What columns are, where none is what another one is: `loser` says which of two is left out.
fn settled(
    headings: &[String],
    choices: &mut Choices,
    is_open: bool,
    mut loser: impl FnMut(usize, usize) -> Option<usize>,
) -> Result<Mapping, MappingError> {
    loop {
        let error = match Mapping::new(headings, choices.clone(), is_open) {
            Ok(mapping) => return Ok(mapping),
            Err(error) => error,
        };
        let MappingError::TargetTwice { one, other, .. } = &error else { return Err(error) };
        let Some(loser) = loser(one - 1, other - 1) else { return Err(error) };
        choices.add_target(&key(headings, loser), NOTHING)?;
    }
}

/// How a column is named where it is told what it is: by its heading, so that this holds for the next file,
/// unless others have the same.
fn key(headings: &[String], place: usize) -> String {
    let heading = headings.get(place).map_or("", |heading| heading.trim());
    let alike = headings.iter().filter(|other| is_same(heading, other)).count();
    // One that reads like a number would be that of another column.
    let is_telling = !heading.is_empty() && alike == 1 && numbered(heading).is_none();
    if is_telling { heading.to_owned() } else { format!("#{}", place + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headings(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    fn told(columns: &str, picks: &[(usize, &str)]) -> (String, Vec<(usize, Wrong)>) {
        let picks = picks.iter().map(|(place, target)| {
            (*place, Pick { target: (*target).to_owned(), name: String::new() })
        });
        let chosen =
            choose(&headings(columns), Choices::default(), &picks.collect(), false).unwrap();
        let targets = chosen.mapping.columns.iter().map(|column| name_of(&column.target));
        (targets.collect::<Vec<_>>().join(" "), chosen.wrong.into_iter().collect())
    }

    #[test]
    fn a_choice_wins_over_a_heading_and_keeps_what_it_does_not_speak_of() {
        let columns = "姓名,会员号,喜好";
        assert_eq!(told(columns, &[]).0, "name membershipNo -");
        let picks = [(1, "identity:member-card"), (2, "-"), (0, "name"), (7, "name")];
        assert_eq!(told(columns, &picks), ("name identity:member-card -".to_owned(), Vec::new()));
    }

    #[test]
    fn of_two_columns_that_are_one_thing_only_one_is() {
        assert_eq!(told("手机,手机号", &[]), ("mobile -".to_owned(), Vec::new()));
        assert_eq!(told("手机,手机号", &[(0, "telephone")]).0, "telephone -");
        let both = [(0, "-"), (1, "mobile")];
        assert_eq!(told("手机,手机号", &both), ("- mobile".to_owned(), Vec::new()));
        // The one that was chosen says nothing until that is settled.
        let wrong = vec![(0, Wrong::Taken(1))];
        assert_eq!(told("x,手机", &[(0, "mobile")]), ("- mobile".to_owned(), wrong));
        let alike = vec!["手机".to_owned(); 60];
        assert!(choose(&alike, Choices::default(), &BTreeMap::new(), false).is_err());
    }

    #[test]
    fn so_many_columns_are_chosen_for_one_thing_and_no_more() {
        let chosen = |count: usize| {
            let columns: Vec<String> = (0..count).map(|place| format!("x{place}")).collect();
            let pick = Pick { target: "mobile".to_owned(), name: String::new() };
            let picks = (0..count).map(|place| (place, pick.clone())).collect();
            choose(&columns, Choices::default(), &picks, false)
        };
        let most = chosen(TWICE_MAX + 1).unwrap();
        assert_eq!((most.wrong.len(), most.mapping.says_something()), (TWICE_MAX, true));
        assert!(matches!(chosen(TWICE_MAX + 2), Err(MappingError::TargetTwice { .. })));
    }

    #[test]
    fn a_heading_that_reads_like_a_number_is_its_own_column() {
        let said = |picks: &[(usize, &str)]| told("#3,a,", picks);
        assert_eq!(said(&[(2, "name")]), ("- - name".to_owned(), Vec::new()));
        assert_eq!(said(&[(0, "name")]), ("name - -".to_owned(), Vec::new()));
        let both = [(0, "identity:card"), (2, "name")];
        assert_eq!(said(&both), ("identity:card - name".to_owned(), Vec::new()));
        assert_eq!(told("#1,#2", &[(0, "name")]).0, "name -");
    }

    #[test]
    fn what_is_no_target_is_told_beside_its_column() {
        let wrong = |place| vec![(place, Wrong::Unknown)];
        assert_eq!(told("喜好,b", &[(0, "attr.")]), ("- -".to_owned(), wrong(0)));
        assert_eq!(told("喜好,size", &[(1, "attr.")]).0, "- attr.size");
        assert_eq!(told("a,b", &[(1, "burn")]), ("- -".to_owned(), wrong(1)));
        // Whoever comes back from matching by id has a column of ids that says nothing.
        assert_eq!(told("id,name", &[(0, "id")]), ("- name".to_owned(), Vec::new()));
    }
}
