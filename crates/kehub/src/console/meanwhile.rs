//! What is shown to somebody whose change was not saved, because somebody else had changed the same thing
//! since it was shown.

use super::visitor::Visitor;
use super::vocabulary::vocabulary;
use super::words::fill;
use maud::{Markup, html};

vocabulary! {
    why "Somebody else has changed it meanwhile: look at both, and save what is to stand." "已被他人修改，请对比后再保存。";
    title "Both changes" "两份修改";
    what "What" "项目";
    now "As it is now" "现在";
    yours "As you had it" "您的修改";
    about "The form below holds yours. Saved once more, it takes the place of what is there now." "下方表单为您的修改，再次保存将覆盖现在的内容。";
    same "What you had is what is there now: there is nothing left to save." "您的修改与现在的内容相同，无需再保存。";
    stays "{}; saving leaves it as it is now" "{}（保存不会改变）";
    given "yes" "有";
    not_given "no" "无";
}

/// What of a form differs from what is there: what it is, as it is now, and as somebody had it.
pub(super) type Difference = (String, String, String);

/// Why nothing was saved.
pub(super) const fn why(language: super::words::Language) -> &'static str {
    words(language).why
}

/// Whether something is given, in words.
pub(super) const fn given(is_given: bool, language: super::words::Language) -> &'static str {
    let words = words(language);
    if is_given { words.given } else { words.not_given }
}

/// A state that the form does not set, if another one was shown to whoever sends the form.
pub(super) fn state(
    what: &str,
    now: &str,
    shown: &str,
    language: super::words::Language,
) -> Option<Difference> {
    let yours = || fill(words(language).stays, &[shown]);
    (now != shown).then(|| (what.to_owned(), now.to_owned(), yours()))
}

/// Both, beside each other.
pub(super) fn both(visitor: &Visitor, differences: &[Difference]) -> Markup {
    let words = words(visitor.look.language);
    html! {
        section .card #meanwhile {
            h2 { (words.title) }
            @if differences.is_empty() { p .note { (words.same) } }
            @else {
                p .note.spaced { (words.about) }
                table .plain.pair {
                    thead { tr {
                        th scope="col" { (words.what) }
                        th scope="col" { (words.now) }
                        th scope="col" { (words.yours) }
                    } }
                    tbody { @for (what, now, yours) in differences {
                        tr { th scope="row" { (what) } td { (now) } td { (yours) } }
                    } }
                }
            }
        }
    }
}
