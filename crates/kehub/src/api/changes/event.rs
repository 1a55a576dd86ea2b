//! One event as the feed and webhooks tell it.

use crate::api::customers::body::Shown;
use crate::api::shapes::NumberedBody;
use crate::server::access::Access;
use crate::wire::time;
use kehub_core::attribute::{Attribute, FieldKey};
use kehub_core::conflict::{Conflict, ConflictKind};
use kehub_core::feed::{self, Cursor, Event};
use kehub_core::journal::{ClaimedField, Entry, PolicyState};
use kehub_core::{CustomerId, IdentityNumber};
use kehub_store::FeedPage;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// An event with what its texts are read from.
#[derive(Debug)]
pub(crate) struct EventBody<'a> {
    pub(crate) place: Cursor,
    pub(crate) entry: &'a Entry,
    pub(crate) event: Event<'a>,
    pub(crate) page: &'a FeedPage,
    pub(crate) access: &'a Access,
}

impl<'a> EventBody<'a> {
    /// The events of a page, each with its place, in order.
    pub(crate) fn of(
        page: &'a FeedPage,
        access: &'a Access,
    ) -> impl Iterator<Item = EventBody<'a>> {
        page.entries.iter().flat_map(move |entry| {
            let position = entry.position;
            (0_u32..).zip(feed::events(entry)).map(move |(index, event)| {
                let place = Cursor { position, index };
                EventBody { place, entry, event, page, access }
            })
        })
    }

    fn identity(&self, number: IdentityNumber) -> NumberedBody<'a> {
        NumberedBody::of(number, self.page.identities.get(&number))
    }

    fn special<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match &self.event {
            Event::Created { rev, fields, .. } => {
                map.serialize_entry("rev", rev)?;
                map.serialize_entry("fields", &FieldsBody(fields))
            }
            Event::Updated { rev, fields, named, .. } => {
                map.serialize_entry("rev", rev)?;
                map.serialize_entry("fields", &FieldsBody(fields))?;
                let named: Vec<_> = named.iter().map(|number| self.identity(*number)).collect();
                map.serialize_entry("namedIdentities", &named)
            }
            Event::Merged { rev, merged, merge, .. } => {
                map.serialize_entry("rev", rev)?;
                map.serialize_entry("mergedId", merged)?;
                map.serialize_entry("mergeId", merge)
            }
            Event::IdentityAttached { identity, .. }
            | Event::IdentityReleased { identity, .. }
            | Event::Quarantined { identity }
            | Event::Released { identity } => {
                map.serialize_entry("identity", &self.identity(*identity))
            }
            Event::ConflictOpened { conflict, .. } => {
                let identity = self.identity(conflict.identity);
                map.serialize_entry("conflict", &ConflictBody::of(conflict, identity))
            }
            Event::Deleted { .. } => Ok(()),
            Event::Unmerged { .. }
            | Event::Extracted { .. }
            | Event::IdentityMoved { .. }
            | Event::Restored { .. }
            | Event::Erased { .. }
            | Event::ConflictResolved { .. }
            | Event::CannotLinkSet { .. }
            | Event::CannotLinkRemoved { .. } => self.decided(map),
            Event::PolicyChanged { before, after } => {
                map.serialize_entry("before", &PolicyBody::of(*before))?;
                map.serialize_entry("after", &PolicyBody::of(*after))
            }
            Event::TypeChanged { kind, .. } => {
                map.serialize_entry("identityType", &self.page.types.get(kind))
            }
        }
    }

    /// What people decided.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller has chosen among all")]
    fn decided<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match &self.event {
            Event::Unmerged { rev, revived, revived_rev, merge, .. } => {
                map.serialize_entry("rev", rev)?;
                map.serialize_entry("revivedId", revived)?;
                map.serialize_entry("revivedRev", revived_rev)?;
                map.serialize_entry("mergeId", merge)
            }
            Event::Extracted { rev, extracted, .. } => {
                map.serialize_entry("rev", rev)?;
                map.serialize_entry("extractedId", extracted)
            }
            Event::IdentityMoved { from, identity, .. } => {
                map.serialize_entry("fromCustomerId", from)?;
                map.serialize_entry("identity", &self.identity(*identity))
            }
            Event::Restored { rev, .. } => map.serialize_entry("rev", rev),
            Event::Erased { ids, .. } => map.serialize_entry("erasedIds", ids),
            Event::ConflictResolved { conflict, settlement } => {
                map.serialize_entry("conflictId", conflict)?;
                map.serialize_entry("settlement", settlement.name())
            }
            Event::CannotLinkSet { link } | Event::CannotLinkRemoved { link } => {
                map.serialize_entry("homes", &[link.low, link.high])
            }
            _ => Ok(()),
        }
    }
}

impl Serialize for EventBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("seq", &self.entry.seq)?;
        map.serialize_entry("index", &self.place.index)?;
        map.serialize_entry("kind", self.event.kind().name())?;
        map.serialize_entry("at", &time::precise(self.entry.at))?;
        map.serialize_entry("app", &self.access.app_id(self.entry.app))?;
        map.serialize_entry("requestId", &self.entry.request)?;
        map.serialize_entry("customerId", &self.event.customer())?;
        self.special(&mut map)?;
        map.end()
    }
}

/// The fields that were written, with the values that they show now; `null` is a clear. A flag
/// stands beside its number or address if it is true.
pub(crate) struct FieldsBody<'a>(pub(crate) &'a [&'a ClaimedField]);

impl Serialize for FieldsBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for field in self.0 {
            let FieldKey::Builtin(attribute) = &field.key else { continue };
            let value = Shown::of(*attribute, field.value.as_ref());
            map.serialize_entry(attribute.name(), &value)?;
            let flag = match &field.key {
                FieldKey::Builtin(Attribute::Mobile) => Attribute::MobileVerified,
                FieldKey::Builtin(Attribute::Email) => Attribute::EmailVerified,
                FieldKey::Builtin(_) | FieldKey::Custom(_) => continue,
            };
            if field.verified {
                map.serialize_entry(flag.name(), &true)?;
            }
        }
        let custom = CustomBody(self.0);
        if custom.fields().next().is_some() {
            map.serialize_entry("attr", &custom)?;
        }
        map.end()
    }
}

struct CustomBody<'a>(&'a [&'a ClaimedField]);

impl<'a> CustomBody<'a> {
    fn fields(&self) -> impl Iterator<Item = (&'a str, Shown<'a>)> {
        self.0.iter().filter_map(|field| match &field.key {
            FieldKey::Custom(key) => {
                Some((&**key, field.value.as_ref().map_or(Shown::Null, Shown::Value)))
            }
            FieldKey::Builtin(_) => None,
        })
    }
}

impl Serialize for CustomBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields())
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConflictBody<'a> {
    id: i64,
    kind: &'static str,
    rule: &'static str,
    identity: NumberedBody<'a>,
    homes: Vec<CustomerId>,
}

impl<'a> ConflictBody<'a> {
    fn of(conflict: &Conflict, identity: NumberedBody<'a>) -> ConflictBody<'a> {
        ConflictBody {
            id: conflict.id.0,
            kind: match conflict.kind {
                ConflictKind::Refused => "refused",
                ConflictKind::Review => "review",
            },
            rule: conflict.rule.name(),
            identity,
            homes: [conflict.left].into_iter().chain(conflict.right).collect(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyBody {
    preset: &'static str,
    on_conflict: &'static str,
}

impl PolicyBody {
    fn of(policy: PolicyState) -> PolicyBody {
        PolicyBody { preset: policy.preset.name(), on_conflict: policy.on_conflict.name() }
    }
}
