//! What columns were taken for, as the page before an import says it.

use super::bring;
use super::bring::asked::{CUSTOM, IDENTITY};
use super::words::words;
use crate::console::words::{Language, fill};
use crate::files::labels::Part;
use crate::files::mapping::{Ignored, Target};
use kehub_core::attribute::Attribute;

/// What a column was taken for, of what is kept of that: the target as it is told on a terminal.
pub(super) fn taken_for(target: &str, language: Language) -> String {
    let words = words(language);
    if let Some(kind) = target.strip_prefix(IDENTITY) {
        return fill(words.taken_identity, &[kind]);
    }
    if let Some(key) = target.strip_prefix(CUSTOM) {
        return fill(words.taken_custom, &[key]);
    }
    let named = |attribute: &&Attribute| attribute.name() == target;
    if let Some(attribute) = Attribute::ALL.iter().find(named) {
        return language.attribute(*attribute);
    }
    if let Some(part) = Part::ALL.into_iter().find(|part| part.name() == target) {
        return language.part(part);
    }
    let is = |known: Target| known.to_string() == target;
    let derived = Attribute::ALL.iter().map(|attribute| Ignored::Derived(*attribute));
    let mut of_the_hub = derived.chain([Ignored::System]).map(Target::Ignored);
    let told = [
        (Target::Identities, bring::words::words(language).identity_list),
        (Target::Customer, bring::words::words(language).customer_id),
        (Target::Ignored(Ignored::Chosen), words.out),
        (Target::Ignored(Ignored::Unknown), words.out_unknown),
        (Target::Ignored(Ignored::Unnamed), words.out_unnamed),
        (Target::Ignored(Ignored::Report), words.out_report),
    ];
    match told.into_iter().find(|(known, _)| is(known.clone())) {
        Some((_, told)) => told.to_owned(),
        None if of_the_hub.any(is) => words.out_system.to_owned(),
        // Somebody else wrote it: an older or a newer hub.
        None => target.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_column_was_taken_for_is_said_in_words() {
        let every = Attribute::ALL.iter().flat_map(|attribute| {
            [Target::Attribute(*attribute), Target::Ignored(Ignored::Derived(*attribute))]
        });
        let every = every.chain(Part::ALL.map(Target::Part));
        let every = every.chain([Target::Identities, Target::Customer]);
        for target in every.map(|target| target.to_string()) {
            assert_ne!(taken_for(&target, Language::Zh), target);
        }
        for (target, en, zh) in [
            ("name", "Name", "姓名"),
            ("identity:wechat", "identity wechat", "身份 wechat"),
            ("attr.level", "custom attribute level", "自定义属性 level"),
            ("identityType", "Identity type", "身份类型"),
            ("identities", "list of identities", "身份列表"),
            ("id (of a customer of this hub)", "id of a customer of this hub", "本系统客户 ID"),
            ("-", "left out", "不导入"),
            ("- (no heading)", "left out: it has no heading", "不导入：没有列标题"),
            (
                "- (`lastUpdated` is set by the hub)",
                "left out: the hub sets it itself",
                "不导入：由系统设置",
            ),
            ("of another version", "of another version", "of another version"),
        ] {
            assert_eq!(
                (&*taken_for(target, Language::En), &*taken_for(target, Language::Zh)),
                (en, zh)
            );
        }
    }
}
