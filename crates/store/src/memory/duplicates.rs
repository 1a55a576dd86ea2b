//! Customers that look like one person: the same finder as in the engines, over facts.

use kehub_core::attribute::Attribute;
use kehub_core::canonical;
use kehub_core::customer::Customer;
use kehub_core::duplicates::{Duplicates, Finder, Suspect, Traits};
use kehub_core::facts::TenantFacts;
use std::convert::Infallible;

/// The duplicates among live customers.
pub(super) fn duplicates(facts: &TenantFacts, live: &[&Customer]) -> Duplicates {
    let policy = facts.policy();
    let mut finder = Finder::new(policy);
    for customer in live {
        let text = |attribute| customer.fold.text(attribute);
        let (mobile, email) = (
            text(Attribute::Mobile).map(canonical::mobile),
            text(Attribute::Email).map(canonical::email),
        );
        let traits = Traits {
            mobile: mobile.as_deref(),
            email: email.as_deref(),
            name: text(Attribute::Name),
            birthday: text(Attribute::Birthday),
            postcode: text(Attribute::Postcode),
        };
        finder.customer(customer.id, traits);
    }
    for identity in facts.identities() {
        if let Some(owner) = facts.owner(identity.number) {
            finder.identity(identity.key.kind, &identity.key.value, owner);
        }
    }
    let suspect = |id| {
        let customer = facts.survivor(id);
        let suspect = |customer| Suspect::of(customer, facts.held_by(id), policy);
        Ok::<_, Infallible>(customer.map(suspect))
    };
    let are_apart = |one, other| facts.cannot_link(&facts.homes_of(one), &facts.homes_of(other));
    match Duplicates::among(finder.candidates(), suspect, are_apart) {
        Ok(found) => found,
    }
}
