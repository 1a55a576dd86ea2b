//! What was decided for a group, made ready to be written.

use super::connection::{Bound, Connection};
use super::load::{Before, TenantBefore};
use super::trouble::Trouble;
use super::write::{self, Written};
use super::{imports, people, webhooks, wechat};
use crate::tables::changes::Changes;
use crate::tables::codec::indexed;
use crate::tables::group::{Part, decide};
use kehub_core::attribute::Attribute;
use kehub_core::command::Request;
use kehub_core::facts::{Counters, Dirty, Facts, TenantFacts};
use kehub_core::identity::IdentityKey;
use kehub_core::outcome::Outcome;
use kehub_core::{CustomerId, IdentityNumber, TenantId};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What was decided, and what is to be written.
pub(super) struct Decided {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) changes: Changes,
    /// Whether it was in want of something that was not loaded: it has to be decided again.
    pub(super) has_missed: bool,
    /// What that changes, if it is a matter of one tenant alone.
    pub(super) wrote: Option<Arc<Wrote>>,
    written: Written,
    facts: Facts,
    before: Before,
}

impl Decided {
    /// Decides; `None` if that panics.
    pub(super) fn of(
        requests: &[Request],
        parts: &[Part],
        mut facts: Facts,
        before: Before,
    ) -> Result<Option<Box<Decided>>, Trouble> {
        let decided = catch_unwind(AssertUnwindSafe(|| decide(requests, parts, &mut facts)));
        let Ok(outcomes) = decided else { return Ok(None) };
        let has_missed = facts.tenants.values().any(TenantFacts::has_missed);
        let changes = Changes::take(&mut facts);
        let now = requests.iter().map(|request| request.origin.at).max();
        let now = now.filter(|_| !changes.is_empty());
        let written = Written::of(&facts, &changes, &before, now)?;
        let wrote = Wrote::of(&facts, &changes, &before).map(Arc::new);
        Ok(Some(Box::new(Decided { outcomes, changes, has_missed, wrote, written, facts, before })))
    }

    /// Writes what tenants share, and makes ready what else is to be written.
    pub(super) async fn bound(&self, conn: &Connection) -> Result<Vec<Bound<'_>>, Trouble> {
        let Decided { changes, facts, before, .. } = self;
        if changes.directory {
            write::directory(conn, &facts.directory, &before.directory).await?;
        }
        if changes.webhooks {
            webhooks::write(conn, &facts.webhooks, &before.webhooks).await?;
        }
        if changes.wechat {
            wechat::write(conn, &facts.wechat, &before.wechat).await?;
        }
        if changes.imports {
            imports::write(conn, &facts.imports, &before.imports).await?;
        }
        if changes.people {
            people::write(conn, &facts.people, &before.people).await?;
        }
        self.written.bound(conn).await
    }

    /// Writes all of it.
    pub(super) async fn write(&self, conn: &Connection) -> Result<(), Trouble> {
        conn.send_all(&self.bound(conn).await?).await
    }
}

/// What a group has changed of one tenant.
#[derive(Debug)]
pub(super) struct Wrote {
    pub(super) tenant: TenantId,
    /// The numbers of the tenant before and after it.
    pub(super) from: Counters,
    pub(super) to: Counters,
    pub(super) customers: HashSet<CustomerId>,
    pub(super) identities: HashSet<IdentityNumber>,
    pub(super) values: HashSet<IdentityKey>,
    /// Of customers, as they were shown before and are now.
    pub(super) contacts: HashSet<(Attribute, String)>,
    /// Whether it has changed something else, such as a policy.
    pub(super) is_more: bool,
}

impl Wrote {
    /// Of the facts after the decision; `None` where it is not a matter of one tenant.
    fn of(facts: &Facts, changes: &Changes, before: &Before) -> Option<Wrote> {
        let [(tenant, dirty)] = &changes.tenants[..] else { return None };
        let before = before.tenants.get(tenant)?;
        Some(Wrote::of_tenant(before.counters?, facts.tenants.get(tenant)?, dirty, before))
    }

    fn of_tenant(
        from: Counters,
        facts: &TenantFacts,
        dirty: &Dirty,
        before: &TenantBefore,
    ) -> Wrote {
        let is_more = dirty.policy
            || !(dirty.types.is_empty()
                && dirty.undecided.is_empty()
                && dirty.rewritten.is_empty());
        let mut wrote = Wrote {
            tenant: facts.tenant(),
            from,
            to: facts.counters(),
            customers: dirty.customers.union(&dirty.homes).copied().collect(),
            identities: HashSet::new(),
            values: HashSet::new(),
            contacts: HashSet::new(),
            is_more,
        };
        for merge in dirty.merges.iter().filter_map(|id| facts.merge(*id)) {
            wrote.customers.extend([merge.left, merge.right]);
        }
        for link in &dirty.links {
            wrote.customers.extend([link.low, link.high]);
        }
        for conflict in dirty.conflicts.iter().filter_map(|id| facts.conflict(*id)) {
            wrote.identities.insert(conflict.identity);
            wrote.customers.insert(conflict.left);
            wrote.customers.extend(conflict.right);
        }
        for identity in dirty.identities.iter().filter_map(|number| facts.identity(*number)) {
            wrote.identities.insert(identity.number);
            wrote.values.insert(identity.key.clone());
            wrote.customers.extend(identity.home);
        }
        for id in &dirty.customers {
            let now = facts.customer(*id).and_then(|it| indexed(facts.tenant(), it).ok());
            let before = before.customers.get(id);
            for row in now.iter().chain(before) {
                let contacts =
                    [(Attribute::Mobile, &row.mobile_key), (Attribute::Email, &row.email_key)];
                for (attribute, contact) in contacts {
                    let contact = contact.as_ref().map(|contact| (attribute, contact.to_string()));
                    wrote.contacts.extend(contact);
                }
            }
        }
        wrote
    }
}
