//! Customers: what is seen, and the folds it is combined from.

use crate::attribute::{Attribute, FieldKey, Value};
use crate::{AppNumber, CustomerId, Micros, Seq};
use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Apps that have supplied one value.
pub type Apps = SmallVec<[AppNumber; 2]>;

/// One field as it stands, with where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The value; `None` is a clear, which is a value with a time (identity page, step 7).
    pub value: Option<Value>,
    /// For `mobile` and `email`: whether this number or address is verified.
    pub verified: bool,
    /// The journal entry that wrote it.
    pub seq: Seq,
    /// When it was observed; the arrival unless the sender said otherwise.
    pub at: Micros,
    /// Apps that have supplied this very value, the first one first. It is seldom another one than that.
    pub apps: Apps,
}

/// The fields of one home, or the combination of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fold(pub LiteMap<FieldKey, Cell>);

impl Fold {
    /// The cell of a field, a cleared one included.
    pub fn cell(&self, key: &FieldKey) -> Option<&Cell> {
        self.0.get(key)
    }

    /// The value shown for a field.
    pub fn value(&self, key: &FieldKey) -> Option<&Value> {
        self.0.get(key)?.value.as_ref()
    }

    /// The value shown for a built-in attribute that senders write.
    pub fn attribute(&self, attribute: Attribute) -> Option<&Value> {
        self.value(&FieldKey::Builtin(attribute))
    }

    /// The text shown for a built-in attribute.
    pub fn text(&self, attribute: Attribute) -> Option<&str> {
        self.attribute(attribute)?.text()
    }

    /// Custom attributes and their values, in the order of their keys.
    pub fn custom(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().filter_map(|(key, cell)| match (key, &cell.value) {
            (FieldKey::Custom(key), Some(value)) => Some((&**key, value)),
            (FieldKey::Custom(_), None) | (FieldKey::Builtin(_), _) => None,
        })
    }
}

/// What has become of a customer id. An id never disappears (promise 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It is a customer.
    Live,
    /// It was merged: this one answers for it, for as long as the merge lives.
    MergedInto(CustomerId),
    /// It was deleted and can be restored.
    Deleted,
    /// Everything about it was erased; this tombstone remains.
    Erased,
}

/// One customer id. The fields of a customer without merges are its own single fold; those of a
/// merged one are the combination of the folds of its homes; those of a merged-away id are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// What has become of it.
    pub state: State,
    /// What is seen.
    pub fold: Fold,
    /// How many homes it is combined from; 1 without merges, 0 for a merged-away id.
    pub homes: u32,
    /// Its version: rises by one with every visible change.
    pub rev: u64,
    /// The newest journal entry that touched it.
    pub head: Seq,
    /// When it was created.
    pub created_at: Micros,
    /// When it last changed visibly. Never runs backwards.
    pub updated_at: Micros,
    /// When the newest entry that touched it happened, visible or not: no later entry is earlier.
    pub seen_at: Micros,
}

impl Customer {
    /// The value of any built-in attribute as it is answered and sorted; `None` means unset, also
    /// where the answer shows a default (`gender` 0, flags `false`).
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other attributes are plain fields")]
    pub fn shown(&self, attribute: Attribute) -> Option<Value> {
        match attribute {
            Attribute::Id => Some(Value::Integer(self.id.0)),
            Attribute::DisplayName => {
                let name = self.fold.attribute(Attribute::Name);
                name.or_else(|| self.fold.attribute(Attribute::NickName)).cloned()
            }
            Attribute::MobileVerified => self.verified(Attribute::Mobile),
            Attribute::EmailVerified => self.verified(Attribute::Email),
            Attribute::DateCreated => Some(Value::Integer(self.created_at)),
            Attribute::LastUpdated => Some(Value::Integer(self.updated_at)),
            Attribute::DateJoin => {
                let joined = self.fold.attribute(Attribute::DateJoin).cloned();
                joined.or(Some(Value::Integer(self.created_at)))
            }
            other => self.fold.attribute(other).cloned(),
        }
    }

    fn verified(&self, attribute: Attribute) -> Option<Value> {
        let cell = self.fold.cell(&FieldKey::Builtin(attribute))?;
        cell.value.is_some().then_some(Value::Flag(cell.verified))
    }
}
