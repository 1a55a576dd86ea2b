//! Who is who: customers, identities and claims, and the decisions about them.
//!
//! This crate touches nothing: no clock, no disk, no randomness, no SQL, no JSON. An engine loads
//! [`facts::Facts`], calls [`decide::decide_batch`], and writes what became dirty.
//!
//! Read in this order: [`identity`] and [`customer`] say what is kept, [`journal`] what happened,
//! [`facts`] what an entry means and [`feed`] what it tells others, [`policy`] the rules as data,
//! [`decide`] how an upsert is decided, [`receipt`] how a request that is sent again is answered.

pub mod attribute;
pub mod canonical;
pub mod command;
pub mod conflict;
pub mod customer;
pub mod decide;
pub mod directory;
pub mod duplicates;
pub mod explain;
pub mod facts;
pub mod feed;
pub mod filter;
pub mod history;
pub mod identity;
pub mod import;
pub mod journal;
pub mod limits;
pub mod merge;
pub mod misfit;
pub mod outcome;
pub mod people;
pub mod policy;
pub mod receipt;
mod stored;
pub mod webhook;
pub mod wechat;

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A tenant: its data is invisible to every other tenant. From 1, at most 2^22.
    TenantId(u32)
);
number!(
    /// A customer of one tenant. Sequential from 1, so that it fits 32 bits for as long as
    /// possible (wire W11); at most 2^40. A customer's id is also the name of its home.
    CustomerId(i64)
);
number!(
    /// The stable number of an identity row within its tenant, from 1.
    IdentityNumber(i64)
);
number!(
    /// The number of an identity type within its tenant, from 1.
    TypeNumber(u16)
);
number!(
    /// The place of an entry in a tenant's journal, from 1, without gaps.
    Seq(i64)
);
number!(
    /// A live or undone merge of one tenant, from 1.
    MergeId(i64)
);
number!(
    /// A conflict or review entry of one tenant, from 1.
    ConflictId(i64)
);
number!(
    /// A webhook of one tenant, from 1.
    WebhookId(i64)
);
number!(
    /// A WeChat account of one tenant, from 1.
    WechatId(i64)
);
number!(
    /// An import of one tenant, from 1.
    ImportId(i64)
);
number!(
    /// An app (a set of credentials) of the hub, from 1, at most 2^24.
    AppNumber(u32)
);
