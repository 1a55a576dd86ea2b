//! What a list is asked for, and the address that asks for it: filters are written as `/api` reads
//! them, so that an address of a page and a call mean the same.

use super::position;
use crate::api::customers::filter;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::console::reasons;
use crate::console::words::Language;
use crate::wire::query::Query;
use kehub_core::attribute::Attribute;
use kehub_core::filter::{Condition, Filter, Order, Position, SortKey, Test};
use url::form_urlencoded::Serializer;

/// Columns of whoever chose none; the name is always there.
const USUAL: [Attribute; 6] = [
    Attribute::Mobile,
    Attribute::Email,
    Attribute::City,
    Attribute::Stage,
    Attribute::Source,
    Attribute::LastUpdated,
];
/// Columns at most.
const COLUMNS_MAX: usize = 40;

/// Fields in whose order an index leads, however many customers there are.
const SORTED: [Attribute; 6] = [
    Attribute::Id,
    Attribute::Name,
    Attribute::Stage,
    Attribute::Source,
    Attribute::DateCreated,
    Attribute::LastUpdated,
];

/// What a list shows, apart from how far it was turned.
#[derive(Clone, Debug, Default)]
pub(super) struct Address {
    /// What is looked for.
    pub(super) search: String,
    /// Filters: names and values of parameters.
    pub(super) filters: Vec<(String, String)>,
    /// The chosen order, if one was chosen.
    pub(super) sort: Option<Order>,
    /// The chosen columns, if some were chosen.
    pub(super) columns: Option<Vec<SortKey>>,
}

impl Address {
    /// The order that is shown: the chosen one, or the one that is quick.
    pub(super) fn order(&self) -> Order {
        // The order of ids is the one that indexes of filters keep.
        let is_plain = self.filters.is_empty();
        let usual = if is_plain { Attribute::LastUpdated } else { Attribute::Id };
        let usual = || Order { by: SortKey::Attribute(usual), descending: true };
        self.sort.clone().unwrap_or_else(usual)
    }

    /// The columns that are shown beside the name.
    pub(super) fn shown_columns(&self) -> Vec<SortKey> {
        let usual = || USUAL.iter().map(|attribute| SortKey::Attribute(*attribute)).collect();
        self.columns.clone().unwrap_or_else(usual)
    }

    /// The address.
    pub(super) fn text(&self) -> String {
        self.with(&[])
    }

    /// What stands behind the question mark of the address.
    pub(super) fn query(&self) -> String {
        self.query_with(&[])
    }

    fn query_with(&self, more: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in self.parameters() {
            query.append_pair(&name, &value);
        }
        query.extend_pairs(more);
        query.finish()
    }

    /// The address with further parameters.
    pub(super) fn with(&self, more: &[(&str, &str)]) -> String {
        let query = self.query_with(more);
        let begin = if query.is_empty() { "" } else { "?" };
        format!("/console/customers{begin}{query}")
    }

    /// What the address says, for forms that say it again.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        if !self.search.is_empty() {
            parameters.push(("q".to_owned(), self.search.clone()));
        }
        parameters.extend(self.filters.iter().cloned());
        if let Some(sort) = &self.sort {
            parameters.push(("sort".to_owned(), named(sort)));
        }
        if let Some(columns) = &self.columns {
            parameters.push(("columns".to_owned(), listed(columns)));
        }
        parameters
    }

    /// The same without one of its filters.
    pub(super) fn without_filter(&self, place: usize) -> Address {
        let mut address = self.clone();
        if place < address.filters.len() {
            address.filters.remove(place);
        }
        address
    }

    /// The same in the order of a field, from its other end if it is in this order already; `None`
    /// if no index leads in that order.
    pub(super) fn sorted_by(&self, by: &SortKey) -> Option<Address> {
        let SortKey::Attribute(attribute) = by else { return None };
        let is_name = *attribute == Attribute::DisplayName;
        let attribute = if is_name { Attribute::Name } else { *attribute };
        if !SORTED.contains(&attribute) {
            return None;
        }
        let by = SortKey::Attribute(attribute);
        let order = self.order();
        let descending = if order.by == by { !order.descending } else { false };
        Some(Address { sort: Some(Order { by, descending }), ..self.clone() })
    }

    /// Where a file of all who match is, with the same columns.
    pub(super) fn export(&self, format: &str, language: Language) -> String {
        let mut columns = vec![SortKey::Attribute(Attribute::DisplayName)];
        columns.extend(self.shown_columns());
        let mut query = Serializer::new(String::new());
        query.append_pair("format", format);
        query.append_pair("fields", &listed(&columns));
        if format != "ndjson" {
            let headings = match language {
                Language::Zh => "zh",
                Language::En => "names",
            };
            query.append_pair("headings", headings);
        }
        query.extend_pairs(&self.filters);
        format!("/console/customers/export?{}", query.finish())
    }
}

/// An order as an address names it.
fn named(order: &Order) -> String {
    let sign = if order.descending { "-" } else { "" };
    format!("{sign}{}", order.by)
}

fn listed(columns: &[SortKey]) -> String {
    let names: Vec<String> = columns.iter().map(ToString::to_string).collect();
    names.join(",")
}

/// Which part of the list.
#[derive(Clone, Debug)]
pub(super) enum Way {
    First,
    /// What stands behind a place.
    Behind(Position),
    /// What stands before a place, which is behind it in the reversed order.
    Before(Position),
}

/// Why a list cannot be filtered like this.
#[derive(Debug, PartialEq)]
pub(super) enum Trouble {
    /// Filters that cannot be read.
    Unfit(Problem),
    /// One by which somebody would come closer to what is masked.
    Feels,
}

impl Trouble {
    /// All of it, a line each.
    pub(super) fn lines(&self, language: Language) -> Vec<String> {
        match self {
            Trouble::Unfit(problem) => reasons::lines(problem, language),
            Trouble::Feels => vec![language.words().filter_feels.to_owned()],
        }
    }
}

/// What an address asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) address: Address,
    pub(super) filter: Filter,
    pub(super) way: Way,
    /// What the form of filters or columns was filled in for.
    pub(super) leads_to: Option<Address>,
    /// Filters that cannot be read, each in a line.
    pub(super) trouble: Option<Trouble>,
    /// What was filled in, if it cannot be read.
    pub(super) filled: Filled,
}

/// The form of filters as it was filled in.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled {
    pub(super) field: String,
    pub(super) custom: String,
    pub(super) operator: String,
    pub(super) value: String,
}

impl Filled {
    /// The parameter that says this; `None` if the form was not sent.
    fn parameter(&self) -> Option<(String, String)> {
        let field = match (self.field.as_str(), self.custom.as_str()) {
            ("", "") => return None,
            ("attr" | "", custom) => format!("attr.{custom}"),
            (field, _) => field.to_owned(),
        };
        Some(match self.operator.as_str() {
            "" | "is" => (field, self.value.clone()),
            "empty" => (format!("{field}:empty"), "1".to_owned()),
            "set" => (format!("{field}:empty"), "0".to_owned()),
            operator => (format!("{field}:{operator}"), self.value.clone()),
        })
    }
}

impl Asked {
    pub(super) fn read(query: Option<&str>) -> Asked {
        let mut address = Address::default();
        let (mut filled, mut way) = (Filled::default(), (String::new(), String::new()));
        let (mut chosen, mut is_chosen, mut custom) = (Vec::new(), false, String::new());
        let decoded = Query::new(query).decoded();
        for (name, value) in decoded.filter_map(|(name, value)| Some((name?, value?))) {
            match name.as_str() {
                "q" => address.search = value,
                "sort" => address.sort = order(&value),
                "columns" => address.columns = Some(columns(&value)),
                "after" => way.0 = value,
                "before" => way.1 = value,
                "field" => filled.field = value,
                "key" => filled.custom = value,
                "operator" => filled.operator = value,
                "value" => filled.value = value,
                "column" => chosen.extend(SortKey::named(&value)),
                "choose" => is_chosen = true,
                "keys" => custom = value,
                _ => address.filters.push((name, value)),
            }
        }
        let mut leads_to = None;
        if is_chosen {
            let keys = custom.split([',', '，']).map(str::trim).filter(|key| !key.is_empty());
            chosen.extend(keys.filter_map(|key| SortKey::named(&format!("attr.{key}"))));
            chosen.truncate(COLUMNS_MAX);
            leads_to = Some(Address { columns: Some(chosen), ..address.clone() });
        }
        let mut tried = address.clone();
        if let Some(parameter) = filled.parameter() {
            tried.filters.retain(|(name, _)| *name != parameter.0);
            tried.filters.push(parameter);
            leads_to = Some(tried.clone());
        }
        let mut parameters = Parameters::given(tried.filters);
        let filter = filter::read(&mut parameters);
        let trouble = parameters.end().err().map(Trouble::Unfit);
        let order = address.order();
        let way = match (position(&order, &way.0), position(&super::reversed(&order), &way.1)) {
            (Some(behind), _) => Way::Behind(behind),
            (None, Some(before)) => Way::Before(before),
            (None, None) => Way::First,
        };
        Asked { address, filter, way, leads_to, trouble, filled }
    }

    /// Refuses filters by which somebody who sees mobiles and e-mails masked would come closer to what is
    /// behind the mask with each try: by a part, by what stands before it, by many at once.
    pub(super) fn refuse_feeling(&mut self) {
        if self.trouble.is_none() && self.filter.conditions.iter().any(feels) {
            self.trouble = Some(Trouble::Feels);
        }
    }
}

fn feels(condition: &Condition) -> bool {
    let contacts = [Attribute::Mobile, Attribute::Email].map(SortKey::Attribute);
    let Condition::Field(key, test) = condition else { return false };
    contacts.contains(key)
        && match test {
            Test::Is(values) => values.len() > 1,
            Test::IsNot(_) | Test::Stands(..) | Test::Begins(_) => true,
            Test::Empty | Test::NotEmpty => false,
        }
}

/// An order in which an index leads.
fn order(text: &str) -> Option<Order> {
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let by = SortKey::named(name)?;
    let is_quick = SORTED.iter().any(|attribute| by == SortKey::Attribute(*attribute));
    is_quick.then_some(Order { by, descending })
}

fn columns(text: &str) -> Vec<SortKey> {
    let names = text.split(',').filter_map(|name| SortKey::named(name.trim()));
    names.take(COLUMNS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(query: &str) -> String {
        let asked = Asked::read(Some(query));
        assert_eq!(asked.trouble, None, "{query}");
        asked.leads_to.unwrap_or(asked.address).text()
    }

    #[test]
    fn an_address_says_again_what_it_said() {
        let cases = [
            ("", ""),
            ("q=%E7%8E%8B", "?q=%E7%8E%8B"),
            ("city=Beijing&sort=-name", "?city=Beijing&sort=-name"),
            ("sort=city", ""),
            ("columns=city,attr.size,nonsense", "?columns=city%2Cattr.size"),
            ("field=city&operator=prefix&value=Bei", "?city%3Aprefix=Bei"),
            ("city=A&field=city&operator=is&value=B", "?city=B"),
            ("field=email&operator=set&value=", "?email%3Aempty=0"),
            ("field=attr&key=size&operator=gte&value=38", "?attr.size%3Agte=38"),
            (
                "choose=1&column=city&column=name&keys=size, vip",
                "?columns=city%2Cname%2Cattr.size%2Cattr.vip",
            ),
        ];
        for (query, expected) in cases {
            assert_eq!(address(query), format!("/console/customers{expected}"), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let asked = Asked::read(Some("field=gender&operator=is&value=x"));
        assert_eq!(asked.trouble.map(|it| it.lines(Language::En).len()), Some(1));
        assert_eq!(asked.filled.field, "gender");
        assert!(Asked::read(Some("shoe=38")).trouble.is_some());
    }

    #[test]
    fn an_order_turns_around_when_it_is_chosen_again() {
        let by = |name: &str| SortKey::named(name).unwrap();
        let first = Address::default().sorted_by(&by("displayName")).unwrap();
        assert_eq!(first.text(), "/console/customers?sort=name");
        assert_eq!(first.sorted_by(&by("name")).unwrap().text(), "/console/customers?sort=-name");
        assert!(first.sorted_by(&by("remark")).is_none());
    }
}
