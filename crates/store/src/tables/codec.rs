//! How what is kept becomes columns, and back.
//!
//! A fold is stored as two things: its values, readable and sortable ([`OwnColumns`], and the rest as
//! JSON), and its cells, which say where each value came from and what was cleared. The
//! cells name the values by their place in the order of the fold, so that no key is stored twice.

use super::Broken;
use kehub_core::attribute::{Attribute, FieldKey, Real, Value};
use kehub_core::customer::{Apps, Cell, Customer, Fold, State};
use kehub_core::filter::{Condition, Filter};
use kehub_core::journal::Entry;
use kehub_core::policy::TypeSettings;
use kehub_core::receipt::Remembered;
use kehub_core::{Micros, Seq, TenantId, TypeNumber, canonical};
use litemap::LiteMap;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::RangeInclusive;

/// The bits of a packed key below the tenant.
const NUMBER_BITS: u32 = 40;
/// The bits of a packed type key below the tenant.
const TYPE_BITS: u32 = 16;
/// The first byte of stored cells and entries: the format of what follows.
const FORMAT: u8 = 1;

/// The packed key of a number of this tenant; `None` if it cannot be one, so that no number from
/// outside ever reaches into another tenant.
pub(crate) fn key(tenant: TenantId, number: i64) -> Option<i64> {
    let tenant = i64::from(tenant.0);
    (1..1 << NUMBER_BITS).contains(&number).then_some((tenant << NUMBER_BITS) | number)
}

/// The packed key of a number that we gave out ourselves.
pub(crate) fn own_key(tenant: TenantId, number: i64) -> Result<i64, Broken> {
    key(tenant, number).ok_or_else(|| Broken::because(format!("{number} is out of range")))
}

/// The first and the last key that a tenant can have.
pub(crate) fn key_range(tenant: TenantId) -> (i64, i64) {
    let first = i64::from(tenant.0) << NUMBER_BITS;
    (first, first | ((1 << NUMBER_BITS) - 1))
}

/// The first and the last key that these numbers of a tenant can have.
pub(crate) fn keys_of(tenant: TenantId, numbers: &RangeInclusive<i64>) -> (i64, i64) {
    let (first, last) = key_range(tenant);
    let key = |number: i64| first + number.clamp(0, last - first);
    (key(*numbers.start()), key(*numbers.end()))
}

/// The number within a packed key.
pub(crate) fn number_of(key: i64) -> i64 {
    key & ((1 << NUMBER_BITS) - 1)
}

/// The tenant within a packed key.
pub(crate) fn tenant_of(key: i64) -> Result<TenantId, Broken> {
    u32::try_from(key >> NUMBER_BITS).map(TenantId).map_err(Broken::because)
}

/// The packed key of an identity type.
pub(crate) fn type_key(tenant: TenantId, number: TypeNumber) -> i64 {
    (i64::from(tenant.0) << TYPE_BITS) | i64::from(number.0)
}

/// The tenant within the packed key of an identity type.
pub(crate) fn tenant_of_type(key: i64) -> Result<TenantId, Broken> {
    u32::try_from(key >> TYPE_BITS).map(TenantId).map_err(Broken::because)
}

/// The number within the packed key of an identity type.
pub(crate) fn type_of(key: i64) -> TypeNumber {
    TypeNumber(u16::try_from(key & i64::from(u16::MAX)).unwrap_or_default())
}

/// The values of a fold that stand in columns of their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OwnColumns {
    pub(crate) source: Option<Box<str>>,
    pub(crate) stage: Option<Box<str>>,
    pub(crate) name: Option<Box<str>>,
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) gender: Option<i64>,
}

impl OwnColumns {
    pub(crate) fn of(fold: &Fold) -> OwnColumns {
        let text = |attribute| fold.text(attribute).map(Box::from);
        OwnColumns {
            source: text(Attribute::Source),
            stage: text(Attribute::Stage),
            name: text(Attribute::Name),
            external_id: text(Attribute::ExternalId),
            gender: match fold.attribute(Attribute::Gender) {
                Some(Value::Integer(gender)) => Some(*gender),
                Some(_) | None => None,
            },
        }
    }

    /// The values that stand there.
    fn values(&self) -> impl Iterator<Item = (FieldKey, Value)> {
        let text = |attribute, text: &Option<Box<str>>| {
            text.clone().map(|text| (FieldKey::Builtin(attribute), Value::Text(text)))
        };
        let gender = self.gender.map(Value::Integer);
        [
            text(Attribute::Source, &self.source),
            text(Attribute::Stage, &self.stage),
            text(Attribute::Name, &self.name),
            text(Attribute::ExternalId, &self.external_id),
            gender.map(|gender| (FieldKey::Builtin(Attribute::Gender), gender)),
        ]
        .into_iter()
        .flatten()
    }
}

/// The rest of a fold as columns.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct FoldColumns {
    pub(crate) fields: Option<String>,
    pub(crate) cells: Option<Vec<u8>>,
}

/// What of a customer row stands in an index, as it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Indexed {
    pub(crate) live: Option<i64>,
    pub(crate) survivor: Option<i64>,
    pub(crate) updated_at: Micros,
    pub(crate) own: OwnColumns,
    pub(crate) mobile_key: Option<Box<str>>,
    pub(crate) email_key: Option<Box<str>>,
}

/// How many live customers a tenant has, and how many of them are of each gender that was told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Live {
    pub(crate) all: i64,
    pub(crate) male: i64,
    pub(crate) female: i64,
}

impl Live {
    /// Counts a row that has become another one.
    pub(crate) fn count(&mut self, before: Option<&Indexed>, now: &Indexed) {
        for (row, sign) in before.map(|before| (before, -1)).into_iter().chain([(now, 1)]) {
            if row.live.is_some() {
                self.all += sign;
                self.male += if row.own.gender == Some(1) { sign } else { 0 };
                self.female += if row.own.gender == Some(2) { sign } else { 0 };
            }
        }
    }

    /// How many match a filter, if that is counted.
    pub(crate) fn matching(filter: &Filter) -> Option<fn(Live) -> i64> {
        match &*filter.conditions {
            [] => Some(|live| live.all),
            // What nobody told is asked for as 0.
            [Condition::GenderIs(0)] => Some(|live| live.all - live.male - live.female),
            [Condition::GenderIs(1)] => Some(|live| live.male),
            [Condition::GenderIs(2)] => Some(|live| live.female),
            _ => None,
        }
    }
}

/// What of a customer row stands in an index.
pub(crate) fn indexed(tenant: TenantId, customer: &Customer) -> Result<Indexed, Broken> {
    let is_live = customer.state == State::Live;
    let survivor = match customer.state {
        State::MergedInto(survivor) => Some(own_key(tenant, survivor.0)?),
        State::Live | State::Deleted | State::Erased => None,
    };
    let match_key = |attribute, canonical: fn(&str) -> String| {
        let shown = customer.fold.text(attribute).filter(|_| is_live)?;
        Some(canonical(shown).into())
    };
    Ok(Indexed {
        live: is_live.then(|| i64::from(tenant.0)),
        survivor,
        updated_at: customer.updated_at,
        own: OwnColumns::of(&customer.fold),
        mobile_key: match_key(Attribute::Mobile, canonical::mobile),
        email_key: match_key(Attribute::Email, canonical::email),
    })
}

/// Whether a value stands in a column of its own instead of the JSON.
fn has_column(key: &FieldKey, value: &Value) -> bool {
    let FieldKey::Builtin(attribute) = key else { return false };
    #[expect(clippy::wildcard_enum_match_arm, reason = "five of eighty have a column")]
    match attribute {
        Attribute::Source | Attribute::Stage | Attribute::Name | Attribute::ExternalId => {
            matches!(value, Value::Text(_))
        }
        Attribute::Gender => matches!(value, Value::Integer(_)),
        _ => false,
    }
}

/// What of a fold has no column of its own.
pub(crate) fn fold_columns(fold: &Fold) -> Result<FoldColumns, Broken> {
    if fold.0.is_empty() {
        return Ok(FoldColumns::default());
    }
    let fields = serde_json::to_string(&FieldsOut(fold)).map_err(Broken::because)?;
    let fields = (fields != "{}").then_some(fields);
    Ok(FoldColumns { fields, cells: Some(encode(&Cells::of(fold))?) })
}

/// The fold that was made these columns.
pub(crate) fn fold(own: &OwnColumns, columns: FoldColumns) -> Result<Fold, Broken> {
    let mut values = match columns.fields {
        Some(fields) => serde_json::from_str::<FieldsIn>(&fields).map_err(Broken::because)?.0,
        None => LiteMap::new_vec(),
    };
    values.extend(own.values());
    match columns.cells {
        Some(cells) => decode::<Cells>(&cells)?.fold(values),
        None if values.is_empty() => Ok(Fold::default()),
        None => Err(Broken::because("values without cells")),
    }
}

/// Where the values of a fold came from. Most folds were written by one request, or few.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cells {
    stamps: Vec<(Seq, Micros, Apps)>,
    /// Per value shown, in the order of the fold, its stamp; empty if all have the first.
    shown: Vec<usize>,
    /// The places of the verified values among those shown.
    verified: Vec<usize>,
    /// Cleared fields: key, stamp, flag.
    cleared: Vec<(FieldKey, usize, bool)>,
}

impl Cells {
    fn of(fold: &Fold) -> Cells {
        let mut cells = Cells::default();
        for (key, cell) in &fold.0 {
            let stamp = cells.stamp(cell);
            if cell.value.is_none() {
                cells.cleared.push((key.clone(), stamp, cell.verified));
                continue;
            }
            if cell.verified {
                cells.verified.push(cells.shown.len());
            }
            cells.shown.push(stamp);
        }
        if cells.shown.iter().all(|stamp| *stamp == 0) {
            cells.shown.clear();
        }
        cells
    }

    fn stamp(&mut self, cell: &Cell) -> usize {
        let known = self
            .stamps
            .iter()
            .position(|(seq, at, apps)| (*seq, *at) == (cell.seq, cell.at) && *apps == cell.apps);
        known.unwrap_or_else(|| {
            self.stamps.push((cell.seq, cell.at, cell.apps.clone()));
            self.stamps.len() - 1
        })
    }

    fn fold(&self, values: LiteMap<FieldKey, Value>) -> Result<Fold, Broken> {
        if !self.shown.is_empty() && self.shown.len() != values.len() {
            return Err(Broken::because("the cells are those of another number of values"));
        }
        let mut fold = Fold(LiteMap::with_capacity(values.len() + self.cleared.len()));
        for (place, (key, value)) in values.into_iter().enumerate() {
            let stamp = self.shown.get(place).copied().unwrap_or_default();
            let verified = self.verified.contains(&place);
            fold.0.insert(key, self.cell(stamp, Some(value), verified)?);
        }
        for (key, stamp, verified) in &self.cleared {
            fold.0.insert(key.clone(), self.cell(*stamp, None, *verified)?);
        }
        Ok(fold)
    }

    fn cell(&self, stamp: usize, value: Option<Value>, verified: bool) -> Result<Cell, Broken> {
        let (seq, at, apps) =
            self.stamps.get(stamp).ok_or_else(|| Broken::because("a cell without a stamp"))?;
        Ok(Cell { value, verified, seq: *seq, at: *at, apps: apps.clone() })
    }
}

/// The values of a fold that have no columns, as JSON. A verified flag is shown for sorting and
/// for people; the one that counts is in the cells.
struct FieldsOut<'a>(&'a Fold);

impl Serialize for FieldsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, cell) in &self.0.0 {
            let (FieldKey::Builtin(attribute), Some(value)) = (key, &cell.value) else { continue };
            if has_column(key, value) {
                continue;
            }
            map.serialize_entry(attribute.name(), &Out(value))?;
            if let Some(flag) = flag_of(*attribute).filter(|_| cell.verified) {
                map.serialize_entry(flag.name(), &true)?;
            }
        }
        if self.0.custom().next().is_some() {
            map.serialize_entry("attr", &CustomOut(self.0))?;
        }
        map.end()
    }
}

/// The flag that is part of the value of an attribute.
fn flag_of(attribute: Attribute) -> Option<Attribute> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "two of eighty have a flag")]
    match attribute {
        Attribute::Mobile => Some(Attribute::MobileVerified),
        Attribute::Email => Some(Attribute::EmailVerified),
        _ => None,
    }
}

struct CustomOut<'a>(&'a Fold);

impl Serialize for CustomOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.custom().map(|(key, value)| (key, Out(value))))
    }
}

struct Out<'a>(&'a Value);

impl Serialize for Out<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Text(text) => serializer.serialize_str(text),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Decimal(real) => serializer.serialize_f64(real.get()),
            Value::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}

/// The values of [`FieldsOut`].
struct FieldsIn(LiteMap<FieldKey, Value>);

impl<'de> Deserialize<'de> for FieldsIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = FieldsIn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a customer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldsIn, A::Error> {
        let mut fields = LiteMap::new_vec();
        while let Some(name) = map.next_key()? {
            match name {
                NameIn::Custom => {
                    let custom = map.next_value::<LiteMap<Box<str>, In>>()?;
                    let custom = custom.into_iter().map(|(k, In(v))| (FieldKey::Custom(k), v));
                    fields.extend(custom);
                }
                NameIn::Builtin(Attribute::MobileVerified | Attribute::EmailVerified) => {
                    map.next_value::<IgnoredAny>()?;
                }
                NameIn::Builtin(attribute) => {
                    fields.insert(FieldKey::Builtin(attribute), map.next_value::<In>()?.0);
                }
            }
        }
        Ok(FieldsIn(fields))
    }
}

/// The name of a field.
enum NameIn {
    Builtin(Attribute),
    /// Of all custom ones.
    Custom,
}

impl<'de> Deserialize<'de> for NameIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = NameIn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<NameIn, E> {
        match (name, Attribute::named(name)) {
            ("attr", _) => Ok(NameIn::Custom),
            (_, Some(attribute)) => Ok(NameIn::Builtin(attribute)),
            (_, None) => Err(E::custom(format!("no field `{name}`"))),
        }
    }
}

struct In(Value);

impl<'de> Deserialize<'de> for In {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InVisitor)
    }
}

struct InVisitor;

impl Visitor<'_> for InVisitor {
    type Value = In;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number or a boolean")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<In, E> {
        Ok(In(Value::Text(text.into())))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<In, E> {
        Ok(In(Value::Integer(number)))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<In, E> {
        i64::try_from(number).map(|number| In(Value::Integer(number))).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<In, E> {
        Real::new(number)
            .map(|real| In(Value::Decimal(real)))
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<In, E> {
        Ok(In(Value::Flag(flag)))
    }
}

/// A journal entry as it is stored.
pub(crate) fn entry_blob(entry: &Entry) -> Result<Vec<u8>, Broken> {
    encode(entry)
}

/// The journal entry that was stored as this.
pub(crate) fn entry(blob: &[u8]) -> Result<Entry, Broken> {
    decode(blob)
}

/// The outcome of a receipt as it is stored.
pub(crate) fn remembered_blob(outcome: &Remembered) -> Result<Vec<u8>, Broken> {
    encode(outcome)
}

/// The outcome of a receipt that was stored as this.
pub(crate) fn remembered(blob: &[u8]) -> Result<Remembered, Broken> {
    decode(blob)
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Broken> {
    let mut bytes = vec![FORMAT];
    rmp_serde::encode::write(&mut bytes, value).map_err(Broken::because)?;
    Ok(bytes)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Broken> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => rmp_serde::from_slice(rest).map_err(Broken::because),
        Some((format, _)) => Err(Broken::because(format!("stored in the unknown format {format}"))),
        None => Err(Broken::because("stored as nothing")),
    }
}

/// A list as it is stored, `None` if it is empty.
pub(crate) fn list_blob<T: Serialize>(list: &[T]) -> Result<Option<Vec<u8>>, Broken> {
    if list.is_empty() { Ok(None) } else { encode(&list).map(Some) }
}

/// The list that was stored as this.
pub(crate) fn list<T: DeserializeOwned>(blob: Option<&[u8]>) -> Result<Vec<T>, Broken> {
    blob.map_or_else(|| Ok(Vec::new()), decode)
}

/// What is set for a type as JSON, `None` if nothing is.
pub(crate) fn settings_text(settings: &TypeSettings) -> Result<Option<String>, Broken> {
    if settings.is_default() {
        return Ok(None);
    }
    let mut set = serde_json::to_value(settings).map_err(Broken::because)?;
    if let Some(set) = set.as_object_mut() {
        set.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|it| !it.is_empty()));
    }
    Ok(Some(set.to_string()))
}

/// What is set for a type.
pub(crate) fn settings(text: Option<&str>) -> Result<TypeSettings, Broken> {
    text.map_or_else(
        || Ok(TypeSettings::default()),
        |text| serde_json::from_str(text).map_err(Broken::because),
    )
}

/// A value as it is stored, `None` if there is none.
pub(crate) fn one_blob<T: Serialize>(value: Option<&T>) -> Result<Option<Vec<u8>>, Broken> {
    value.map(encode).transpose()
}

/// The value that was stored as this.
pub(crate) fn one<T: DeserializeOwned>(blob: Option<&[u8]>) -> Result<Option<T>, Broken> {
    blob.map(decode).transpose()
}

/// The name of a variant without content, such as `Refused`.
pub(crate) fn variant_text<T: Serialize>(variant: &T) -> Result<String, Broken> {
    let value = serde_json::to_value(variant).map_err(Broken::because)?;
    let name = value.as_str().map(str::to_owned);
    name.ok_or_else(|| Broken::because(format!("`{value}` is no name")))
}

/// The variant of this name.
pub(crate) fn variant<T: DeserializeOwned>(name: String) -> Result<T, Broken> {
    serde_json::from_value(serde_json::Value::String(name)).map_err(Broken::because)
}

/// A fold that holds what has columns, beside what has none; and its fields and cells as they were stored
/// while only `source` and `stage` had any.
#[cfg(test)]
pub(crate) fn older() -> (Fold, &'static str, Vec<u8>) {
    let text = |text: &str| Value::Text(text.into());
    let values = [
        (Attribute::Name, text("王伟")),
        (Attribute::Gender, Value::Integer(1)),
        (Attribute::ExternalId, text("e-1")),
        (Attribute::Source, text("web")),
        (Attribute::City, text("上海")),
    ];
    let cell = |(attribute, value)| {
        let cell =
            Cell { value: Some(value), verified: false, seq: Seq(1), at: 0, apps: Apps::new() };
        (FieldKey::Builtin(attribute), cell)
    };
    let fold = Fold(values.map(cell).into_iter().collect());
    let fields = r#"{"name":"王伟","gender":1,"externalId":"e-1","city":"上海"}"#;
    let cells = fold_columns(&fold).unwrap().cells.unwrap();
    (fold, fields, cells)
}
