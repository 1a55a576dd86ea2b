//! Receipts: what is remembered of a request that came with an idempotency key, so that the same
//! request, sent again, changes nothing and gets the same answer.
//!
//! A receipt holds ids, numbers, verdicts and settings and no content of a customer: the answer is
//! rendered again from the customer as it stood. So an erasure has nothing to look for here.

use crate::canonical::cleaned;
use crate::command::{Command, Idempotency, IdentitySent, Request};
use crate::conflict::Settlement;
use crate::customer::Customer;
use crate::identity::Identity;
use crate::import::ImportOutcome;
use crate::journal::Route;
use crate::limits::{IDENTITY_NAME_CHARS_MAX, RECEIPT_LIFE_MICROS};
use crate::merge::CannotLink;
use crate::outcome::{
    ConflictView, IdentityOutcome, IdentityVerdict, Outcome, PolicySet, Resolution, ResultKind,
    Warning,
};
use crate::people::PeopleOutcome;
use crate::policy::{OnConflict, Policy, Preset, TypeSettings};
use crate::webhook::WebhookOutcome;
use crate::wechat::WechatOutcome;
use crate::{
    AppNumber, ConflictId, CustomerId, IdentityNumber, ImportId, MergeId, Micros, Seq, TypeNumber,
    WebhookId, WechatId,
};
use serde::{Deserialize, Serialize};

/// Whose key it is, within a tenant. Two apps may use one key for different requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptKey {
    /// The app.
    pub app: AppNumber,
    /// A keyed hash of the key that it sent.
    pub key: [u8; 16],
}

impl ReceiptKey {
    /// Under what a request is remembered; `None` if it is not to be. A dry run stores nothing and
    /// looks at no key.
    pub fn of(request: &Request) -> Option<(ReceiptKey, Idempotency)> {
        let idempotency = request.idempotency.filter(|_| !request.dry_run)?;
        Some((ReceiptKey { app: request.origin.app, key: idempotency.key }, idempotency))
    }
}

/// What is remembered of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whose key it came with.
    pub key: ReceiptKey,
    /// A keyed hash of what was asked.
    pub request: [u8; 16],
    /// When it was answered. It is forgotten a day later.
    pub at: Micros,
    /// The last entry of the tenant's journal at that time: the answer showed things as of it.
    pub seq: Seq,
    /// What came of it.
    pub outcome: Remembered,
}

/// What came of a request, without content. Stored as serde derives it: a variant is only ever
/// added at the end, and so is a field, with a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remembered {
    /// An upsert, put or attachment was accepted.
    Resolved(RememberedResolution),
    /// A customer was deleted.
    Deleted(CustomerId),
    /// The policy stood like this.
    Policy(RememberedPolicy),
    /// An app was changed, or created.
    App {
        /// The app.
        number: AppNumber,
        /// Whether it was new.
        created: bool,
    },
    /// A webhook was created, changed or deleted.
    Webhook(WebhookId),
    /// A quarantined identity was released.
    Released {
        /// The identity.
        identity: IdentityNumber,
        /// Who owned it.
        owner: Option<CustomerId>,
    },
    /// Two customers were merged by hand.
    Merged {
        /// The merge.
        merge: MergeId,
        /// The customer that answers for both.
        customer: CustomerId,
        /// The one that redirects to it.
        merged: CustomerId,
        /// Conflicts between the two that it settled.
        settled: Vec<ConflictId>,
        /// What the sender was told.
        warnings: Vec<Warning>,
        /// The entry; `None` in a dry run, here and below.
        seq: Option<Seq>,
    },
    /// A merge was undone.
    Unmerged {
        /// The merge.
        merge: MergeId,
        /// The customer that keeps the id, and the one that is there again.
        customers: (CustomerId, CustomerId),
        /// Claims that nobody has decided.
        undecided: Vec<Seq>,
        /// The entry.
        seq: Option<Seq>,
    },
    /// Identities were taken out of a customer.
    Extracted {
        /// The customer that held them, and the new one.
        customers: (CustomerId, CustomerId),
        /// The identities.
        identities: Vec<IdentityNumber>,
        /// The claims that went with them.
        claims: Vec<Seq>,
        /// Review entries that it opened.
        reviews: Vec<ConflictId>,
        /// The entry.
        seq: Option<Seq>,
    },
    /// A claim went to one side of an undone merge.
    ClaimDecided {
        /// The claim.
        claim: Seq,
        /// The home it belongs to.
        home: CustomerId,
        /// The customer it was taken from, and the one it belongs to.
        customers: (CustomerId, CustomerId),
        /// The entry.
        seq: Option<Seq>,
    },
    /// A customer was restored.
    Restored {
        /// The customer.
        customer: CustomerId,
        /// The entry.
        seq: Option<Seq>,
    },
    /// A customer was erased.
    Erased {
        /// Every id that stood for it.
        customers: Vec<CustomerId>,
        /// How many identities lost their texts.
        identities: usize,
        /// How many claims lost their fields.
        claims: usize,
        /// The entry.
        seq: Option<Seq>,
    },
    /// A conflict was settled.
    Settled {
        /// The conflict.
        conflict: ConflictId,
        /// What was decided.
        settlement: Option<Settlement>,
        /// The customers of its two sides.
        customers: (CustomerId, Option<CustomerId>),
        /// The entry.
        seq: Option<Seq>,
    },
    /// Two homes are different people, or may be one again.
    Linked {
        /// The two homes.
        link: CannotLink,
        /// Whether they are different people.
        apart: bool,
        /// The entry; `None` if it was so before, too.
        seq: Option<Seq>,
    },
    /// A WeChat account was bound, changed or unbound.
    Wechat(WechatId),
    /// An import was begun, is to end, or was forgotten.
    Import(ImportId),
    /// A user was created or changed.
    User {
        /// The user, by its app.
        app: AppNumber,
        /// Whether it was a new one.
        created: bool,
    },
}

/// A policy, as far as the request that set it told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedPolicy {
    /// The preset.
    pub preset: Preset,
    /// What happens on a conflict.
    pub on_conflict: OnConflict,
    /// Its version.
    #[serde(default)]
    pub version: u32,
    /// The types that the request named, and what was set for them.
    #[serde(default)]
    pub types: Vec<(TypeNumber, TypeSettings)>,
}

/// A [`Resolution`] without content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedResolution {
    /// In one word.
    pub result: ResultKind,
    /// The customer that was answered.
    pub customer: CustomerId,
    /// How it was found.
    pub route: Route,
    /// One per identity sent: its number, what came of it, who owned it afterwards.
    pub identities: Vec<(Option<IdentityNumber>, IdentityVerdict, Option<CustomerId>)>,
    /// Ids that redirected from then on.
    pub merged: Vec<CustomerId>,
    /// Conflicts and review entries that it ran into.
    pub conflicts: Vec<ConflictView>,
    /// What the sender was told.
    pub warnings: Vec<Warning>,
    /// The journal entry of the request.
    pub seq: Option<Seq>,
    /// Whether the state before was told as well.
    pub tells_before: bool,
}

impl Receipt {
    /// What is to be remembered of an answered request; `None` if nothing is: a refusal may turn
    /// out otherwise the next time, and what no tenant's key can reach has none.
    pub(crate) fn of(request: &Request, outcome: &Outcome, seq: Seq) -> Option<Receipt> {
        let (key, idempotency) = ReceiptKey::of(request)?;
        let outcome = Remembered::of(outcome)?;
        Some(Receipt { key, request: idempotency.request, at: request.origin.at, seq, outcome })
    }

    /// Whether it is to be forgotten: nobody asks any more whether a request of yesterday arrived.
    pub fn has_expired(&self, now: Micros) -> bool {
        self.at <= expired_at(now)
    }
}

/// What was answered then or earlier is to be forgotten now.
pub fn expired_at(now: Micros) -> Micros {
    now.saturating_sub(RECEIPT_LIFE_MICROS)
}

impl Remembered {
    /// An outcome without content; `None` for one that is not remembered.
    pub fn of(outcome: &Outcome) -> Option<Remembered> {
        match outcome {
            Outcome::Resolved(resolution) => {
                Some(Remembered::Resolved(RememberedResolution::of(resolution)))
            }
            Outcome::Deleted(customer) => Some(Remembered::Deleted(*customer)),
            Outcome::Policy(set) => Some(Remembered::Policy(RememberedPolicy::of(set))),
            Outcome::Released(released) => Some(Remembered::Released {
                identity: released.identity.number,
                owner: released.owner,
            }),
            Outcome::App { app, created } => {
                Some(Remembered::App { number: app.number, created: *created })
            }
            Outcome::Webhook(WebhookOutcome::Stands(webhook)) => {
                Some(Remembered::Webhook(webhook.id))
            }
            Outcome::Import(ImportOutcome::Begun(import) | ImportOutcome::Stands(import)) => {
                Some(Remembered::Import(import.id))
            }
            Outcome::Import(ImportOutcome::Forgotten(id)) => Some(Remembered::Import(*id)),
            Outcome::Merged(_)
            | Outcome::Unmerged(_)
            | Outcome::Extracted(_)
            | Outcome::ClaimDecided(_)
            | Outcome::Restored { .. }
            | Outcome::Erased { .. }
            | Outcome::Settled(_)
            | Outcome::Linked { .. } => Remembered::of_decision(outcome),
            Outcome::Webhook(WebhookOutcome::Deleted(id)) => Some(Remembered::Webhook(*id)),
            Outcome::Wechat(WechatOutcome::Stands { account, .. }) => {
                Some(Remembered::Wechat(account.id))
            }
            Outcome::Wechat(WechatOutcome::Unbound(id)) => Some(Remembered::Wechat(*id)),
            Outcome::People(people) => Remembered::of_people(people),
            Outcome::Webhook(WebhookOutcome::Lease(_) | WebhookOutcome::Kept)
            | Outcome::Tenant(_)
            | Outcome::Written
            | Outcome::Repeated(_)
            | Outcome::Refused(_) => None,
        }
    }

    /// What concerns users. Sessions are nobody's who may send a request twice.
    fn of_people(outcome: &PeopleOutcome) -> Option<Remembered> {
        match outcome {
            PeopleOutcome::User { user, created, .. } => {
                Some(Remembered::User { app: user.app, created: *created })
            }
            PeopleOutcome::Session(_)
            | PeopleOutcome::Ended
            | PeopleOutcome::Failed(_)
            | PeopleOutcome::Saved(_)
            | PeopleOutcome::Forgotten
            | PeopleOutcome::Noted(_) => None,
        }
    }

    /// What people decide afterwards.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller has chosen among all")]
    fn of_decision(outcome: &Outcome) -> Option<Remembered> {
        Some(match outcome {
            Outcome::Merged(merged) => {
                let (one, other) = (merged.before.0.id, merged.before.1.id);
                Remembered::Merged {
                    merge: merged.merge.id,
                    customer: merged.customer.id,
                    merged: one.max(other),
                    settled: merged.settled.clone(),
                    warnings: merged.warnings.clone(),
                    seq: merged.seq,
                }
            }
            Outcome::Unmerged(undone) => Remembered::Unmerged {
                merge: undone.merge,
                customers: (undone.customers.0.id, undone.customers.1.id),
                undecided: undone.undecided.clone(),
                seq: undone.seq,
            },
            Outcome::Extracted(taken) => Remembered::Extracted {
                customers: (taken.from.id, taken.to.id),
                identities: taken.identities.clone(),
                claims: taken.claims.clone(),
                reviews: taken.reviews.clone(),
                seq: taken.seq,
            },
            Outcome::ClaimDecided(decided) => Remembered::ClaimDecided {
                claim: decided.claim,
                home: decided.home,
                customers: (decided.customers.0.id, decided.customers.1.id),
                seq: decided.seq,
            },
            Outcome::Restored { customer, seq } => {
                Remembered::Restored { customer: customer.id, seq: *seq }
            }
            Outcome::Erased { erased, seq } => Remembered::Erased {
                customers: erased.customers.clone(),
                identities: erased.identities.len(),
                claims: erased.claims.len(),
                seq: *seq,
            },
            Outcome::Settled(settled) => Remembered::Settled {
                conflict: settled.conflict.id,
                settlement: settled.conflict.settlement,
                customers: settled.customers,
                seq: settled.seq,
            },
            Outcome::Linked { link, apart, seq } => {
                Remembered::Linked { link: *link, apart: *apart, seq: *seq }
            }
            _ => return None,
        })
    }
}

impl RememberedPolicy {
    fn of(set: &PolicySet) -> RememberedPolicy {
        let Policy { preset, on_conflict, version, .. } = set.after;
        let types = set.types.iter().map(|kind| (kind.number, kind.settings.clone())).collect();
        RememberedPolicy { preset, on_conflict, version, types }
    }
}

impl RememberedResolution {
    fn of(resolution: &Resolution) -> RememberedResolution {
        let identities = resolution.identities.iter();
        RememberedResolution {
            result: resolution.result,
            customer: resolution.customer.id,
            route: resolution.route,
            identities: identities.map(|it| (it.number, it.verdict, it.owner)).collect(),
            merged: resolution.merged.clone(),
            conflicts: resolution.conflicts.clone(),
            warnings: resolution.warnings.clone(),
            seq: resolution.seq,
            tells_before: resolution.before.is_some(),
        }
    }

    /// The numbers of the identities that were sent.
    pub fn numbers(&self) -> Vec<IdentityNumber> {
        self.identities.iter().filter_map(|(number, ..)| *number).collect()
    }

    /// The resolution again: with the customer as it stood then, and before; with the texts of
    /// identities from their rows, each with the name of its type; and with what the same command
    /// says that stands in no row. A display name that the command did not send is the one that
    /// stands now.
    pub fn told<'r>(
        &self,
        customer: Customer,
        before: Option<Customer>,
        command: &Command,
        row: impl Fn(IdentityNumber) -> Option<(&'r str, &'r Identity)>,
        type_named: impl Fn(&str) -> Option<&'r str>,
    ) -> Resolution {
        let sent = sent_by(command);
        let kind_of = |sent: &IdentitySent, verdict| {
            let known = type_named(&sent.kind).filter(|_| verdict != IdentityVerdict::Invalid);
            known.map_or_else(|| cleaned(&sent.kind).into(), Box::from)
        };
        let identities =
            self.identities.iter().zip(sent).map(|((number, verdict, owner), sent)| {
                let row = number.and_then(&row);
                IdentityOutcome {
                    number: *number,
                    kind: row.map_or_else(|| kind_of(sent, *verdict), |(kind, _)| kind.into()),
                    value: row
                        .map_or_else(|| cleaned(&sent.value).into(), |(_, it)| it.raw.clone()),
                    name: self.name_of(*number, command).or_else(|| row?.1.name.clone()),
                    verdict: *verdict,
                    owner: *owner,
                }
            });
        Resolution {
            result: self.result,
            customer,
            before,
            route: self.route,
            identities: identities.collect(),
            merged: self.merged.clone(),
            conflicts: self.conflicts.clone(),
            warnings: self.warnings.clone(),
            seq: self.seq,
        }
    }

    /// The display name that the command gave to an identity of the customer.
    fn name_of(&self, number: Option<IdentityNumber>, command: &Command) -> Option<Box<str>> {
        let places = self.identities.iter().zip(sent_by(command));
        let mut theirs = places.filter(|((other, verdict, _), _)| {
            number.is_some() && *other == number && verdict.is_the_customers()
        });
        theirs.find_map(|(_, sent)| name_taken(sent))
    }
}

/// The identities that a command carries, in order. Of a record that was left out there is no outcome.
fn sent_by(command: &Command) -> impl Iterator<Item = &IdentitySent> {
    let (listed, record): (&[IdentitySent], _) = match command {
        Command::Upsert(upsert) => (&upsert.identities, upsert.record.as_ref()),
        Command::Attach(attach) => (std::slice::from_ref(&attach.identity), None),
        Command::Put(_)
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
        | Command::SetCannotLink(_) => (&[], None),
    };
    listed.iter().chain(record)
}

/// The display name that an identity takes over, as far as it fits.
pub(crate) fn name_taken(sent: &IdentitySent) -> Option<Box<str>> {
    let name = sent.name.as_deref().map(cleaned).filter(|name| !name.is_empty())?;
    Some(name.chars().take(IDENTITY_NAME_CHARS_MAX).collect::<String>().into())
}
