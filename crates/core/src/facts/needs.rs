use crate::attribute::{Attribute, FieldKey};
use crate::canonical;
use crate::command::{Command, IdentitySent, Request, SetPolicy, Upsert};
use crate::identity::IdentityKey;
use crate::import::ImportChange;
use crate::limits::IDENTITIES_MAX;
use crate::people::PeopleChange;
use crate::policy::{Policy, Setting};
use crate::receipt::ReceiptKey;
use crate::webhook::{Delivery, WebhookChange};
use crate::wechat::WechatChange;
use crate::{
    ConflictId, CustomerId, IdentityNumber, ImportId, MergeId, Seq, TenantId, TypeNumber, WebhookId,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a command looks at of the webhooks of its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeededWebhooks {
    /// All of them, without what they have not delivered.
    Settings,
    /// All of them, and this one with what it has not delivered.
    Whole(WebhookId),
}

/// What a command looks at of the imports of its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeededImports {
    /// All of them.
    All,
    /// This one.
    One(ImportId),
}

/// What a tenant's commands in a batch will look at: what an engine has to load.
///
/// To be loaded beside it: the owner of each identity, whole (see
/// [`super::TenantFacts::load_customer`]); each customer, whole, and if it was deleted its newest
/// entry with the identities that this names; for each match key the first
/// [`crate::limits::CARRIERS_MAX`] live customers that show it and [`Needs::removable`] more,
/// whole, unless they are left out ([`super::TenantFacts::may_be_asked_for`]); cannot-links of all homes; conflicts
/// about the identities; whether each type has any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Identities that may exist.
    pub identities: BTreeSet<IdentityKey>,
    /// Identities named by number.
    pub numbers: BTreeSet<IdentityNumber>,
    /// Customers named by id.
    pub customers: BTreeSet<CustomerId>,
    /// Customers whose conflicts and review entries are needed, by both sides, beside themselves.
    pub reviews: BTreeSet<CustomerId>,
    /// Customers whose history is needed, all of it, beside themselves: see [`crate::history::connected`].
    /// With it go the identities that it names, and their owners whole.
    pub histories: BTreeSet<CustomerId>,
    /// Those among them who are to be erased: with the histories of all who own an identity that
    /// their claims gave its name, and with the companions of identities that nobody owns and that
    /// are quarantined.
    pub erasures: BTreeSet<CustomerId>,
    /// Merges that are to be undone. Their customers whole, with the history since the merge.
    pub merges: BTreeSet<MergeId>,
    /// Undecided claims that are to be decided, with the merges that were undone. The customers of
    /// both ends whole, and whoever the claim belongs to by now, with all of their histories.
    pub decisions: BTreeSet<(MergeId, Seq)>,
    /// Conflicts and review entries that are to be settled. The customers of both sides whole, with
    /// the conflicts and review entries of both.
    pub conflicts: BTreeSet<ConflictId>,
    /// Attributes by which a customer may be found, in canonical form, with the identities that each of
    /// the requests with it brings.
    pub match_keys: BTreeMap<(Attribute, String), Vec<Arc<[IdentityKey]>>>,
    /// Keys under which a request may have been answered before.
    pub receipts: BTreeSet<ReceiptKey>,
    /// Types of which it is asked whether they have identities.
    pub types: BTreeSet<TypeNumber>,
}

impl Needs {
    /// What the commands of one tenant need.
    pub fn of(tenant: TenantId, batch: &[Request], policy: &Policy) -> Needs {
        let mut needs = Needs::default();
        for request in batch.iter().filter(|request| request.tenant == tenant) {
            needs.receipts.extend(ReceiptKey::of(request).map(|(key, _)| key));
            match &request.command {
                Command::Upsert(upsert) => {
                    let keys = upsert.identities.iter();
                    let keys: Arc<[_]> = keys.filter_map(|it| identity_key(it, policy)).collect();
                    needs.customers.extend(upsert.matching.customer);
                    needs.fields(upsert, &keys, policy);
                    needs.identities.extend(keys.iter().cloned());
                    let record = upsert.record.as_ref();
                    needs.identities.extend(record.and_then(|it| identity_key(it, policy)));
                }
                Command::Put(put) => {
                    needs.customers.insert(put.customer);
                }
                Command::Attach(attach) => {
                    needs.customers.insert(attach.customer);
                    needs.identities.extend(identity_key(&attach.identity, policy));
                }
                Command::Delete(customer) | Command::Restore(customer) => {
                    needs.customers.insert(*customer);
                }
                Command::SetPolicy(wanted) => needs.policy(wanted, policy),
                Command::Release(identity) => {
                    needs.numbers.insert(*identity);
                }
                Command::Merge(merge) => needs.reviews.extend([merge.one, merge.other]),
                Command::Unmerge(merge) => {
                    needs.merges.insert(*merge);
                }
                Command::Extract(extract) => {
                    needs.histories.insert(extract.customer);
                }
                Command::DecideClaim(decision) => {
                    needs.histories.insert(decision.customer);
                    needs.decisions.insert((decision.merge, decision.claim));
                }
                Command::Erase(customer) => {
                    needs.reviews.insert(*customer);
                    needs.histories.insert(*customer);
                    needs.erasures.insert(*customer);
                }
                Command::SettleConflict(settle) => {
                    needs.conflicts.insert(settle.conflict);
                }
                Command::SetCannotLink(link) => {
                    needs.customers.extend([link.one, link.other]);
                }
                Command::CreateTenant(_)
                | Command::ChangeApp(_)
                | Command::Probe
                | Command::Webhook(_)
                | Command::Deliver(_)
                | Command::Wechat(_)
                | Command::Import(_)
                | Command::People(_) => (),
            }
        }
        needs
    }

    /// Whether a command looks at tenants, apps and users.
    pub fn directory(command: &Command) -> bool {
        match command {
            Command::SetPolicy(_)
            | Command::CreateTenant(_)
            | Command::ChangeApp(_)
            | Command::People(_) => true,
            Command::Upsert(_)
            | Command::Put(_)
            | Command::Attach(_)
            | Command::Delete(_)
            | Command::Webhook(_)
            | Command::Deliver(_)
            | Command::Wechat(_)
            | Command::Import(_)
            | Command::Release(_)
            | Command::Probe
            | Command::Merge(_)
            | Command::Unmerge(_)
            | Command::Extract(_)
            | Command::DecideClaim(_)
            | Command::Restore(_)
            | Command::Erase(_)
            | Command::SettleConflict(_)
            | Command::SetCannotLink(_) => false,
        }
    }

    /// What a command looks at of the webhooks of its tenant; `None` if it is not about them.
    pub fn webhooks(command: &Command) -> Option<NeededWebhooks> {
        match command {
            Command::Webhook(
                WebhookChange::Set { id, .. }
                | WebhookChange::Rotate { id, .. }
                | WebhookChange::Replay { id, .. }
                | WebhookChange::Retry { id, .. },
            )
            | Command::Deliver(Delivery::Progress { id, .. }) => Some(NeededWebhooks::Whole(*id)),
            Command::Webhook(WebhookChange::Create { .. } | WebhookChange::Delete(_))
            | Command::Deliver(Delivery::Lease(_)) => Some(NeededWebhooks::Settings),
            Command::Upsert(_)
            | Command::Wechat(_)
            | Command::Put(_)
            | Command::Attach(_)
            | Command::Delete(_)
            | Command::SetPolicy(_)
            | Command::Release(_)
            | Command::CreateTenant(_)
            | Command::ChangeApp(_)
            | Command::Import(_)
            | Command::People(_)
            | Command::Probe
            | Command::Merge(_)
            | Command::Unmerge(_)
            | Command::Extract(_)
            | Command::DecideClaim(_)
            | Command::Restore(_)
            | Command::Erase(_)
            | Command::SettleConflict(_)
            | Command::SetCannotLink(_) => None,
        }
    }

    /// Whether a command looks at the WeChat accounts of its tenant.
    pub fn wechat(command: &Command) -> bool {
        matches!(command, Command::Wechat(_))
    }

    /// What a command looks at of the imports of its tenant; `None` if it is not about them.
    pub fn imports(command: &Command) -> Option<NeededImports> {
        let Command::Import(change) = command else { return None };
        Some(match change {
            ImportChange::Begin { .. } => NeededImports::All,
            ImportChange::Take { id, .. }
            | ImportChange::Step { id, .. }
            | ImportChange::End { id, .. }
            | ImportChange::Cancel(id)
            | ImportChange::Forget(id) => NeededImports::One(*id),
        })
    }

    /// Whether the audit log is told of a command that is not about people who sign in.
    pub fn noted(command: &Command) -> bool {
        let is_bound = |change: &WechatChange| {
            matches!(change, WechatChange::Bind { .. } | WechatChange::Unbind(_))
        };
        matches!(command, Command::ChangeApp(_) | Command::Webhook(_))
            || matches!(command, Command::Wechat(change) if is_bound(change))
    }

    /// What a command changes of people who sign in, if it is about them.
    pub fn people(command: &Command) -> Option<&PeopleChange> {
        if let Command::People(change) = command { Some(change) } else { None }
    }

    /// How many carriers of a match key the commands of a tenant may take away from those that come
    /// later: an upsert as many as it may merge, any other command one.
    pub fn removable(tenant: TenantId, batch: &[Request]) -> usize {
        let theirs = batch.iter().filter(|request| request.tenant == tenant);
        theirs
            .map(|request| match &request.command {
                Command::Upsert(upsert) => upsert.identities.len().clamp(1, IDENTITIES_MAX),
                Command::Put(_)
                | Command::Attach(_)
                | Command::Delete(_)
                | Command::SetPolicy(_)
                | Command::Release(_)
                | Command::CreateTenant(_)
                | Command::ChangeApp(_)
                | Command::Probe
                | Command::Webhook(_)
                | Command::Deliver(_)
                | Command::Wechat(_)
                | Command::Import(_)
                | Command::People(_)
                | Command::Merge(_)
                | Command::Unmerge(_)
                | Command::Extract(_)
                | Command::DecideClaim(_)
                | Command::Restore(_)
                | Command::Erase(_)
                | Command::SettleConflict(_)
                | Command::SetCannotLink(_) => 1,
            })
            .sum()
    }

    fn policy(&mut self, wanted: &SetPolicy, policy: &Policy) {
        let with_case = wanted.types.iter().filter(|(_, change)| change.case != Setting::Keep);
        let known = with_case.filter_map(|(name, _)| policy.type_named(name));
        self.types.extend(known.map(|kind| kind.number));
    }

    fn fields(&mut self, upsert: &Upsert, beside: &Arc<[IdentityKey]>, policy: &Policy) {
        let matching = upsert.matching;
        let contacts = [Attribute::Mobile, Attribute::Email].into_iter();
        // Whoever is named by an id is not looked for.
        for attribute in contacts.filter(|it| matching.customer.is_none() && matching.allows(*it)) {
            let sent = upsert.fields.values.get(&FieldKey::Builtin(attribute));
            let Some(text) = sent.and_then(|value| value.as_ref()?.text()) else { continue };
            let value = canonical::identity_value(attribute.name(), text);
            // The identity of the same value tells whether it is quarantined.
            if let Some(kind) = policy.type_named(attribute.name()) {
                let value = value.clone().into();
                self.identities.insert(IdentityKey { kind: kind.number, value });
            }
            self.match_keys.entry((attribute, value)).or_default().push(Arc::clone(beside));
        }
    }
}

fn identity_key(sent: &IdentitySent, policy: &Policy) -> Option<IdentityKey> {
    let kind = policy.type_named(&sent.kind)?;
    Some(IdentityKey { kind: kind.number, value: kind.canonical(&sent.value).into() })
}
