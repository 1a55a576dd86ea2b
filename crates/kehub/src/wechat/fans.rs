//! What a fan becomes: an upsert with the openid, the unionid if there is one, and what is known.
//!
//! What is of the person goes into the attributes of the v1 wire. What is of the account goes into
//! custom attributes that name it, because one person may follow several: `wechat.<app id>.subscribed`,
//! `.subscribedAt`, `.unsubscribedAt`, `.tags` and `.qrScene`.

use super::client::Fan;
use crate::wire::time;
use kehub_core::Micros;
use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::command::{FieldsSent, IdentitySent, Upsert};
use kehub_core::limits::{REMARK_CHARS_MAX, TEXT_CHARS_MAX};
use std::collections::BTreeMap;

/// The type of openids of official accounts.
const OPENID: &str = "wechat";
/// The type of unionids.
const UNIONID: &str = "wechat-unionid";

/// What the custom attributes of accounts begin with.
const OWN: &str = "wechat.";
/// Whether the account is followed.
pub(super) const SUBSCRIBED: &str = "subscribed";
/// When it was last followed; it stays when the account is left.
pub(super) const SUBSCRIBED_AT: &str = "subscribedAt";
/// When it was left, until it is followed again.
pub(super) const UNSUBSCRIBED_AT: &str = "unsubscribedAt";

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Fields of one account on their way into an upsert.
struct Fields<'a> {
    app_id: &'a str,
    values: BTreeMap<FieldKey, Option<Value>>,
}

impl Fields<'_> {
    /// What is of the person; empty text says nothing.
    fn text(&mut self, attribute: Attribute, text: Option<&str>, chars_max: usize) {
        if let Some(value) = cut(text, chars_max) {
            self.values.insert(FieldKey::Builtin(attribute), Some(value));
        }
    }

    fn joined(&mut self, at: Option<Micros>) {
        if let Some(at) = at {
            let key = FieldKey::Builtin(Attribute::DateJoin);
            self.values.insert(key, Some(Value::Integer(at)));
        }
    }

    /// What is of the account; `None` clears.
    fn own(&mut self, name: &str, value: Option<Value>) {
        if let Some(key) = FieldKey::custom(&own_key(self.app_id, name)) {
            self.values.insert(key, value);
        }
    }

    /// It is followed; since when is not told by every event.
    fn follows(&mut self, since: Option<Micros>) {
        self.own(SUBSCRIBED, Some(Value::Flag(true)));
        self.own_moment(SUBSCRIBED_AT, since);
        self.own(UNSUBSCRIBED_AT, None);
    }

    fn own_moment(&mut self, name: &str, at: Option<Micros>) {
        if let Some(text) = at.and_then(time::format) {
            self.own(name, Some(Value::Text(text.into())));
        }
    }

    fn upsert(self, openid: &str, unionid: Option<&str>) -> Upsert {
        let openid = (OPENID, openid, Some(self.app_id.to_owned()));
        let unionid = unionid.filter(|it| !it.is_empty()).map(|it| (UNIONID, it, None));
        let identities = [openid].into_iter().chain(unionid).map(|(kind, value, scope)| {
            IdentitySent { kind: kind.to_owned(), value: value.to_owned(), name: None, scope }
        });
        Upsert {
            identities: identities.collect(),
            fields: FieldsSent { values: self.values, ..FieldsSent::default() },
            ..Upsert::default()
        }
    }
}

/// The key of a custom attribute of an account.
pub(crate) fn own_key(app_id: &str, name: &str) -> String {
    format!("{OWN}{app_id}.{name}")
}

/// The app id and the name in such a key.
pub(super) fn own_name(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix(OWN)?.split_once('.')
}

/// A moment as WeChat tells it, if an answer can show it.
pub(super) fn moment(seconds: i64) -> Option<Micros> {
    let at = Some(seconds).filter(|seconds| *seconds > 0)?.checked_mul(MICROS_PER_SECOND)?;
    time::format(at).map(|_| at)
}

fn cut(text: Option<&str>, chars_max: usize) -> Option<Value> {
    value(clean(text?).chars().take(chars_max).collect())
}

fn value(text: String) -> Option<Value> {
    Some(text).filter(|text| !text.is_empty()).map(|text| Value::Text(text.into()))
}

fn clean(text: &str) -> String {
    text.replace('\0', "").trim().to_owned()
}

/// Names of tags, separated by commas: whole ones, as many as an attribute has room for, and how many it has
/// none for. WeChat allows 20 of 30 characters.
fn listed(names: impl Iterator<Item = String>) -> (String, u64) {
    let (mut list, mut chars, mut left_out) = (String::new(), 0, 0);
    for name in names.filter(|name| !name.is_empty()) {
        let separator = if list.is_empty() { "" } else { "," };
        let longer = chars + separator.len() + name.chars().count();
        if longer > TEXT_CHARS_MAX {
            left_out += 1;
            continue;
        }
        list.push_str(separator);
        list.push_str(&name);
        chars = longer;
    }
    (list, left_out)
}

/// What is to be written down of a fan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) upsert: Upsert,
    /// When the fan last began to follow the account.
    pub(crate) since: Option<Micros>,
    /// Names of tags that there is no room for.
    pub(crate) tags_left_out: u64,
}

/// A fan as WeChat tells of it; `None` for somebody who does not follow the account.
pub(crate) fn fan(app_id: &str, fan: &Fan, tags: &BTreeMap<i64, Box<str>>) -> Option<Told> {
    if fan.subscribe == 0 || fan.openid.is_empty() {
        return None;
    }
    let mut fields = Fields { app_id, values: BTreeMap::new() };
    let since = fan.subscribe_time.and_then(moment);
    fields.joined(since);
    fields.text(Attribute::NickName, fan.nickname.as_deref(), TEXT_CHARS_MAX);
    fields.text(Attribute::Language, fan.language.as_deref(), TEXT_CHARS_MAX);
    fields.text(Attribute::SubscribeScene, fan.subscribe_scene.as_deref(), TEXT_CHARS_MAX);
    fields.text(Attribute::Remark, fan.remark.as_deref(), REMARK_CHARS_MAX);
    fields.follows(since);
    let named = |tag: &i64| tags.get(tag).map_or_else(|| tag.to_string(), |name| clean(name));
    let (list, tags_left_out) = listed(fan.tagid_list.iter().map(named));
    fields.own("tags", value(list));
    if let Some(scene) = cut(fan.qr_scene_str.as_deref(), TEXT_CHARS_MAX) {
        fields.own("qrScene", Some(scene));
    }
    let upsert = fields.upsert(&fan.openid, fan.unionid.as_deref());
    Some(Told { upsert, since, tags_left_out })
}

/// Leaves out what is of the person, and keeps what is of the account.
pub(super) fn leave_out_person(upsert: &mut Upsert) {
    upsert.fields.values.retain(|key, _| matches!(key, FieldKey::Custom(_)));
}

/// Somebody began to follow an account, at this moment, perhaps by scanning a code of this scene.
pub(crate) fn followed(
    app_id: &str,
    openid: &str,
    at: Option<Micros>,
    scene: Option<&str>,
) -> Upsert {
    let mut fields = Fields { app_id, values: BTreeMap::new() };
    fields.joined(at);
    fields.follows(at);
    if let Some(scene) = cut(scene, TEXT_CHARS_MAX) {
        fields.own("qrScene", Some(scene));
    }
    fields.upsert(openid, None)
}

/// Somebody ceased to follow an account at this moment.
pub(crate) fn unfollowed(app_id: &str, openid: &str, at: Option<Micros>) -> Upsert {
    let mut fields = Fields { app_id, values: BTreeMap::new() };
    fields.own(SUBSCRIBED, Some(Value::Flag(false)));
    fields.own_moment(UNSUBSCRIBED_AT, at);
    fields.upsert(openid, None)
}

/// A fan scanned a code of this scene.
pub(crate) fn scanned(app_id: &str, openid: &str, scene: &str) -> Upsert {
    let mut fields = Fields { app_id, values: BTreeMap::new() };
    fields.follows(None);
    if let Some(scene) = cut(Some(scene), TEXT_CHARS_MAX) {
        fields.own("qrScene", Some(scene));
    }
    fields.upsert(openid, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "wx0123456789abcdef";

    #[test]
    fn what_is_of_the_account_names_it_and_the_rest_has_its_attributes() {
        let told: Fan = serde_json::from_str(
            r#"{"subscribe":1,"openid":"o1","nickname":"","sex":0,"language":"zh_CN","city":"",
                "subscribe_time":1434093047,"unionid":"u1","remark":" VIP ","groupid":0,
                "tagid_list":[128,2],"subscribe_scene":"ADD_SCENE_QR_CODE","qr_scene":98765,
                "qr_scene_str":"poster"}"#,
        )
        .unwrap();
        let tags = BTreeMap::from([(2, "星标组".into())]);
        let Told { mut upsert, since, tags_left_out } = fan(APP, &told, &tags).unwrap();
        assert_eq!((since, tags_left_out), (Some(1_434_093_047_000_000), 0));
        let identities: Vec<_> = upsert
            .identities
            .iter()
            .map(|it| (&*it.kind, &*it.value, it.scope.as_deref()))
            .collect();
        assert_eq!(identities, [("wechat", "o1", Some(APP)), ("wechat-unionid", "u1", None)]);
        let shown = |upsert: &Upsert| -> Vec<String> {
            let values = upsert.fields.values.iter();
            values.map(|(key, value)| format!("{key} {value:?}").replace(APP, "APP")).collect()
        };
        let all = [
            r#"remark Some(Text("VIP"))"#,
            r#"language Some(Text("zh_CN"))"#,
            r#"subscribeScene Some(Text("ADD_SCENE_QR_CODE"))"#,
            "dateJoin Some(Integer(1434093047000000))",
            r#"attr.wechat.APP.qrScene Some(Text("poster"))"#,
            "attr.wechat.APP.subscribed Some(Flag(true))",
            r#"attr.wechat.APP.subscribedAt Some(Text("2015-06-12T07:10:47Z"))"#,
            r#"attr.wechat.APP.tags Some(Text("128,星标组"))"#,
            "attr.wechat.APP.unsubscribedAt None",
        ];
        assert_eq!(shown(&upsert), all);
        leave_out_person(&mut upsert);
        assert_eq!(shown(&upsert), all[4..]);
    }

    #[test]
    fn keys_of_accounts_are_told_from_others() {
        assert_eq!(own_name(&own_key(APP, SUBSCRIBED)), Some((APP, SUBSCRIBED)));
        assert_eq!(["wechat", "wechat.x", "shoe.size"].map(own_name), [None; 3]);
    }

    #[test]
    fn moments_that_no_answer_can_show_are_left_out() {
        assert_eq!(moment(1_434_093_047), Some(1_434_093_047_000_000));
        assert_eq!([0, -1, i64::MAX, 1_000_000_000_000].map(moment), [None; 4]);
    }

    #[test]
    fn no_name_of_a_tag_is_cut() {
        let names = |lengths: &[usize]| listed(lengths.iter().map(|length| "签".repeat(*length)));
        // 8 names of 30 characters and 7 commas leave room for 7 characters and a comma.
        let (list, left_out) = names(&[30; 20]);
        assert_eq!((list.split(',').count(), list.chars().count(), left_out), (8, 247, 12));
        assert!(list.split(',').all(|name| name.chars().count() == 30), "{list}");
        let (list, left_out) = names(&[&[30; 9][..], &[7, 1]].concat());
        assert_eq!((list.chars().count(), left_out), (255, 2));
        assert!(list.ends_with(&format!(",{}", "签".repeat(7))), "{list}");
        assert_eq!(names(&[0, 2, 0, 1]), ("签签,签".to_owned(), 0));
        assert_eq!(names(&[]), (String::new(), 0));
    }

    #[test]
    fn who_does_not_follow_is_no_fan() {
        let told: Fan = serde_json::from_str(r#"{"subscribe":0,"openid":"o1"}"#).unwrap();
        assert_eq!(fan(APP, &told, &BTreeMap::new()), None);
    }
}
