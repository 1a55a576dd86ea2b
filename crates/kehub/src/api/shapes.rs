//! Shapes that several nouns share: identities by number, and who wrote an entry when.

use super::describe::object;
use super::problem::Problem;
use crate::server::access::Access;
use crate::wire::time;
use kehub_core::history::Past;
use kehub_core::identity::Identity;
use kehub_core::journal::Entry;
use kehub_core::{IdentityNumber, Seq, TenantId};
use kehub_store::{Store, TypedIdentity};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An identity that something names by its number; without its texts if they were erased.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NumberedBody<'a> {
    number: i64,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    value: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'a> NumberedBody<'a> {
    pub(crate) fn of(number: IdentityNumber, known: Option<&'a TypedIdentity>) -> Self {
        let known = known.filter(|known| !known.identity.is_erased());
        NumberedBody {
            number: number.0,
            kind: known.map(|known| &*known.kind),
            value: known.map(|known| &*known.identity.raw),
            name: known.and_then(|known| known.identity.name.as_deref()),
        }
    }
}

/// The schema of [`NumberedBody`].
pub(crate) fn numbered_schema() -> Value {
    let text = json!({ "type": ["string", "null"] });
    let properties = json!({
        "number": { "type": "integer", "description": "Stays the same, also after an erasure" },
        "type": text,
        "value": text,
        "name": text,
    });
    object("An identity; its texts are `null` once they are erased.", &properties, &[])
}

/// Identities and entries that a list names, fetched at once.
#[derive(Debug, Default)]
pub(crate) struct Named {
    identities: BTreeMap<IdentityNumber, TypedIdentity>,
    entries: BTreeMap<Seq, Arc<Entry>>,
}

impl Named {
    pub(crate) async fn fetch(
        store: &dyn Store,
        tenant: TenantId,
        identities: Vec<IdentityNumber>,
        entries: Vec<Seq>,
    ) -> Result<Named, Problem> {
        let identities = store.identities_numbered(tenant, &identities).await?;
        let entries = store.entries(tenant, &entries).await?;
        Ok(Named {
            identities: identities.into_iter().map(|it| (it.identity.number, it)).collect(),
            entries: entries.into_iter().map(|entry| (entry.seq, Arc::new(entry))).collect(),
        })
    }

    /// What a past names.
    pub(crate) fn of(past: &Past) -> Named {
        let typed = |identity: &Identity| {
            let kind = past.policy.type_of(identity.key.kind)?.name.clone();
            Some((identity.number, TypedIdentity { kind, identity: identity.clone() }))
        };
        let entries = past.entries.iter();
        Named {
            identities: past.identities.iter().filter_map(typed).collect(),
            entries: entries.map(|entry| (entry.seq, Arc::clone(entry))).collect(),
        }
    }

    /// Both together.
    pub(crate) fn and(mut self, other: Named) -> Named {
        self.identities.extend(other.identities);
        self.entries.extend(other.entries);
        self
    }

    /// What one person may be told: all about its own identities, of others only the values that it
    /// sent itself.
    pub(crate) fn told_to(
        mut self,
        own: &BTreeSet<IdentityNumber>,
        sent: &BTreeSet<IdentityNumber>,
    ) -> Named {
        self.identities.retain(|number, _| own.contains(number) || sent.contains(number));
        let others = self.identities.iter_mut().filter(|(number, _)| !own.contains(number));
        for (_, other) in others {
            (other.identity.name, other.identity.scope) = (None, None);
        }
        self
    }

    /// Learns of an identity.
    pub(crate) fn learn(&mut self, found: &TypedIdentity) {
        self.identities.insert(found.identity.number, found.clone());
    }

    /// The row of an identity.
    pub(crate) fn row(&self, number: IdentityNumber) -> Option<&Identity> {
        self.identities.get(&number).map(|known| &known.identity)
    }

    pub(crate) fn identity(&self, number: IdentityNumber) -> NumberedBody<'_> {
        NumberedBody::of(number, self.identities.get(&number))
    }

    pub(crate) fn identities(&self, numbers: &[IdentityNumber]) -> Vec<NumberedBody<'_>> {
        numbers.iter().map(|number| self.identity(*number)).collect()
    }

    pub(crate) fn written<'a>(&'a self, seq: Seq, access: &'a Access) -> WrittenBody<'a> {
        let entry = self.entries.get(&seq);
        WrittenBody {
            seq: seq.0,
            at: entry.and_then(|entry| time::precise(entry.at)),
            app: entry.and_then(|entry| access.app_id(entry.app)),
            request_id: entry.map(|entry| &*entry.request),
        }
    }
}

/// Which entry did it, when, and who asked for it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WrittenBody<'a> {
    seq: i64,
    at: Option<String>,
    /// `null` for the command line.
    app: Option<&'a str>,
    request_id: Option<&'a str>,
}

/// The schema of [`WrittenBody`].
pub(crate) fn written_schema() -> Value {
    let properties = json!({
        "seq": { "type": "integer", "description": "The place of the entry in the journal" },
        "at": { "type": ["string", "null"] },
        "app": { "type": ["string", "null"], "description": "`null` for the command line" },
        "requestId": { "type": ["string", "null"] },
    });
    object("Which entry of the journal did it, when, and who asked.", &properties, &[])
}

/// A part of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// `null` at the end.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The first `limit` of what was found, one more than which was asked for; `cursor` tells where
    /// to go on after an item.
    pub(crate) fn of<F>(
        mut found: Vec<F>,
        limit: usize,
        cursor: impl FnOnce(&F) -> String,
        body: impl FnMut(&F) -> T,
    ) -> Page<T> {
        let more = found.len() > limit;
        found.truncate(limit);
        let next_cursor = found.last().filter(|_| more).map(cursor);
        Page { items: found.iter().map(body).collect(), next_cursor }
    }
}

/// The schema of a [`Page`] of these items.
pub(crate) fn page_schema(about: &str, item: &str) -> Value {
    let properties = json!({
        "items": { "type": "array", "items": super::describe::schema(item) },
        "nextCursor": { "type": ["string", "null"], "description": "`null` at the end" },
    });
    object(about, &properties, &[])
}
