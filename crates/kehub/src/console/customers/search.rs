//! Finding customers by what people have in hand: an id, an identity, or the beginning of a mobile, an
//! e-mail or a name. Each way goes by an index and is cut off, so that it is as quick at a million
//! customers as at ten.

use crate::api::{Call, Problem};
use crate::console::show::Shower;
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use kehub_core::attribute::{Attribute, Value};
use kehub_core::customer::Customer;
use kehub_core::filter::{Condition, Filter, Order, SortKey, Test};
use kehub_core::{CustomerId, canonical};
use kehub_store::{PageRequest, Start};
use std::collections::BTreeSet;

/// Customers that one way shows.
const HITS_MAX: u32 = 25;
/// Signs from which on mobiles and e-mails are looked for by their beginning: fewer are the beginning
/// of too many.
const BEGINNING_CHARS: usize = 4;

/// By what a customer was found.
#[derive(Clone, Debug)]
pub(super) enum By {
    Id,
    /// An identity of this type.
    Identity(Box<str>),
    Mobile,
    Email,
    Name,
}

impl By {
    pub(super) fn told(&self, shower: Shower<'_>) -> String {
        let words = shower.words();
        match self {
            By::Id => words.found_id.to_owned(),
            By::Identity(kind) => fill(words.found_identity, &[kind]),
            By::Mobile => words.found_mobile.to_owned(),
            By::Email => words.found_email.to_owned(),
            By::Name => words.found_name.to_owned(),
        }
    }
}

/// A customer that was found.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) customer: Customer,
    pub(super) by: By,
}

/// What was found, the surest first, each customer once.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) hits: Vec<Hit>,
    /// Whether there are more.
    pub(super) is_cut: bool,
    known: BTreeSet<CustomerId>,
}

impl Found {
    fn add(&mut self, customers: Vec<Customer>, by: impl Fn(&Customer) -> By) {
        let shown = usize::try_from(HITS_MAX).unwrap_or(usize::MAX);
        self.is_cut |= customers.len() > shown;
        for customer in customers.into_iter().take(shown) {
            if self.known.insert(customer.id) {
                self.hits.push(Hit { by: by(&customer), customer });
            }
        }
    }
}

/// Looks in every way that fits the text, among the customers that match the filter. Who may not see
/// mobiles and e-mails in full finds them as a whole: sign by sign, they would soon be known.
pub(super) async fn search(
    visitor: &Visitor,
    filter: &Filter,
    text: &str,
) -> Result<Found, Problem> {
    let (call, feels) = (&visitor.call, visitor.may_reveal());
    let mut found = Found::default();
    let number = text.strip_prefix('#').unwrap_or(text).parse().ok().filter(|id| *id > 0);
    if let Some(id) = number {
        let is_this = Condition::IdIn(vec![CustomerId(id)]);
        found.add(matching(call, filter, is_this, Attribute::Id).await?, |_| By::Id);
    }
    let owned = call.store().identities_named(call.tenant(), None, text).await?;
    if !owned.is_empty() {
        let are_these = Condition::IdIn(owned.iter().map(|it| it.owner).collect());
        found.add(matching(call, filter, are_these, Attribute::Id).await?, |customer| {
            let identity = owned.iter().find(|it| it.owner == customer.id);
            By::Identity(identity.map(|it| it.kind.clone()).unwrap_or_default())
        });
    }
    let begins = |attribute, text: String| {
        Condition::Field(SortKey::Attribute(attribute), Test::Begins(text))
    };
    let contact = |attribute, beginning: String, whole: String| {
        if feels {
            return begins(attribute, beginning);
        }
        Condition::Field(SortKey::Attribute(attribute), Test::Is(vec![Value::Text(whole.into())]))
    };
    let mobile = canonical::mobile_beginning(text);
    if looks_like_mobile(text) && mobile.chars().count() >= BEGINNING_CHARS {
        let is_this = contact(Attribute::Mobile, mobile, canonical::mobile(text));
        found.add(matching(call, filter, is_this, Attribute::Id).await?, |_| By::Mobile);
    }
    let email = canonical::email(text);
    if looks_like_email(&email) && email.chars().count() >= BEGINNING_CHARS {
        let is_this = contact(Attribute::Email, email.clone(), email);
        found.add(matching(call, filter, is_this, Attribute::Id).await?, |_| By::Email);
    }
    if !text.starts_with('#') {
        // In the order of names, in which the index leads to them.
        let begins = begins(Attribute::Name, text.to_owned());
        found.add(matching(call, filter, begins, Attribute::Name).await?, |_| By::Name);
    }
    Ok(found)
}

async fn matching(
    call: &Call,
    filter: &Filter,
    condition: Condition,
    order: Attribute,
) -> Result<Vec<Customer>, Problem> {
    let mut filter = filter.clone();
    filter.conditions.push(condition);
    let order = Order { by: SortKey::Attribute(order), descending: false };
    let page = PageRequest { order, start: Start::Offset(0), limit: HITS_MAX + 1, counted: false };
    Ok(call.store().customers(call.tenant(), &filter, &page).await?.customers)
}

fn looks_like_mobile(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')'))
}

/// Whether an e-mail may begin like this: not with nothing but digits, of which there are many.
fn looks_like_email(text: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || ".@_+-".contains(c);
    text.chars().all(fits) && (text.contains('@') || text.is_ascii())
}
