//! Whom a text names: `#12` a customer, `@7` an identity by its number, `mobile:13800000001` one by type
//! and value; anything else the identity of this value, or the customer of this id.

use crate::api::explanations::sides::Side;
use crate::api::{Call, Problem};
use kehub_core::{CustomerId, IdentityNumber};

/// Whom a text names.
#[derive(Debug)]
pub(in crate::console) enum Named {
    One(Box<Side>),
    Nobody,
    /// Identities of this value: type, owner and number of each.
    Several(Vec<(Box<str>, CustomerId, IdentityNumber)>),
}

impl Named {
    fn of(side: Option<Side>) -> Named {
        side.map_or(Named::Nobody, |side| Named::One(Box::new(side)))
    }
}

/// Looks up whom a text names.
pub(in crate::console) async fn named(call: &Call, text: &str) -> Result<Named, Problem> {
    let (store, tenant) = (call.store(), call.tenant());
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number > 0);
    if let Some(id) = text.strip_prefix('#').and_then(number) {
        return customer(call, id).await;
    }
    if let Some(at) = text.strip_prefix('@').and_then(number) {
        let found = store.identities_numbered(tenant, &[IdentityNumber(at)]).await?;
        return Ok(Named::of(found.into_iter().next().map(Side::Identity)));
    }
    if let Some((kind, value)) = text.split_once(':') {
        let found = store.identity(tenant, kind, value).await?;
        if let Some(found) = found {
            return Ok(Named::of(Some(Side::Identity(found))));
        }
    }
    let found = store.identities_named(tenant, None, text).await?;
    match found.as_slice() {
        [] => match number(text) {
            Some(id) => customer(call, id).await,
            None => Ok(Named::Nobody),
        },
        [one] => {
            let found = store.identities_numbered(tenant, &[one.identity.number]).await?;
            Ok(Named::of(found.into_iter().next().map(Side::Identity)))
        }
        several => {
            let several = several.iter().map(|it| (it.kind.clone(), it.owner, it.identity.number));
            Ok(Named::Several(several.collect()))
        }
    }
}

/// A customer of this id, whatever has become of it.
async fn customer(call: &Call, id: i64) -> Result<Named, Problem> {
    let id = CustomerId(id);
    let row = call.store().customer_row(call.tenant(), id).await?;
    Ok(Named::of(row.map(|_| Side::Customer(id))))
}
