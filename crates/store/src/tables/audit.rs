//! How entries of the audit log, and the roles of users, look in columns, and where entries are looked
//! for.

use super::Broken;
use super::codec::keys_of;
use kehub_core::people::audit::{About, AuditFilter, AuditPlace, Deed, Details};
use kehub_core::people::user::Role;
use kehub_core::{Micros, TenantId};

/// Where entries are looked for, in the order of their places.
pub(crate) struct Range {
    pub(crate) tenant: i64,
    /// The first moment within.
    pub(crate) from: Micros,
    /// The place that all of them stand before: a moment,
    pub(crate) at: Micros,
    /// and a key.
    pub(crate) key: i64,
    /// How many at most.
    pub(crate) limit: i64,
}

impl Range {
    /// Where entries of a filter are, before a place.
    pub(crate) fn of(
        tenant: TenantId,
        filter: &AuditFilter,
        before: Option<AuditPlace>,
        limit: usize,
    ) -> Range {
        let key = |number: i64| keys_of(tenant, &(number..=number)).0;
        let end = filter.within.before.map_or((Micros::MAX, i64::MAX), |at| (at, i64::MIN));
        let place = before.map_or(end, |place| (place.at, key(place.number.0)));
        let (at, key) = place.min(end);
        Range {
            tenant: tenant.0.into(),
            from: filter.within.from.unwrap_or(Micros::MIN),
            at,
            key,
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        }
    }
}

/// The deeds by name that entries of a filter may tell: those of which it says something, or all that
/// there are; but only those about customers, if it is about nothing else.
pub(crate) fn deeds(filter: &AuditFilter) -> Vec<&'static str> {
    let any = filter.deeds.is_empty();
    let is_customer = |about: &About| matches!(about, About::Customer(_));
    let of_customers = !filter.about.is_empty() && filter.about.iter().all(is_customer);
    let all = if of_customers { Deed::ABOUT_CUSTOMERS } else { Deed::ALL };
    let wanted = all.iter().filter(|deed| any || filter.deeds.contains(deed));
    wanted.map(|deed| deed.name()).collect()
}

/// Details as JSON, `None` if there are none.
pub(crate) fn details_text(details: &Details) -> Result<Option<String>, Broken> {
    if details.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(details).map(Some).map_err(Broken::because)
}

/// The details that were stored as this.
pub(crate) fn details(text: Option<&str>) -> Result<Details, Broken> {
    text.map_or_else(
        || Ok(Details::new()),
        |text| serde_json::from_str(text).map_err(Broken::because),
    )
}

/// What an entry is about, of its kind and number.
pub(crate) fn about(kind: Option<Box<str>>, number: Option<i64>) -> Result<Option<About>, Broken> {
    let (Some(kind), Some(number)) = (kind, number) else { return Ok(None) };
    let about = About::of(&kind, number);
    about.map(Some).ok_or_else(|| Broken::because(format!("nothing is `{kind}` {number}")))
}

/// The deed of this name.
pub(crate) fn deed(name: &str) -> Result<Deed, Broken> {
    Deed::named(name).ok_or_else(|| Broken::because(format!("no deed `{name}`")))
}

/// The role of this name.
pub(crate) fn role(name: &str) -> Result<Role, Broken> {
    Role::named(name).ok_or_else(|| Broken::because(format!("no role `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kehub_core::{AppNumber, CustomerId};

    #[test]
    fn about_customers_only_what_is_done_to_them_is_looked_for() {
        let (customer, user) = (About::Customer(CustomerId(7)), About::User(AppNumber(7)));
        let filter = |about: &[About], wanted: &[Deed]| {
            let (about, wanted) = (about.iter().copied().collect(), wanted.iter().copied());
            deeds(&AuditFilter { about, deeds: wanted.collect(), ..AuditFilter::default() })
        };
        let whole = ["customerRevealed", "customersRead", "customersExported"];
        assert_eq!(filter(&[customer], &[]), whole);
        let other = About::Customer(CustomerId(8));
        assert_eq!(
            filter(&[customer, other], &[Deed::CustomersRead, Deed::SignedIn]),
            ["customersRead"]
        );
        for about in [&[][..], &[user], &[customer, user]] {
            assert_eq!(filter(about, &[]).len(), Deed::ALL.len(), "{about:?}");
        }
        assert_eq!(filter(&[user], &[Deed::SignedIn]), ["signedIn"]);
    }
}
