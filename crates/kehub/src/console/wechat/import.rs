//! How far the import of the fans of an account has come.

use super::words::words;
use super::{ADDRESS, state};
use crate::console::show::{Contacts, Shower, count};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use kehub_core::wechat::{FanState, WechatAccount};
use maud::{Markup, html};

/// The last import, and the button for the next one. It tells by itself how it goes on.
pub(super) fn card(visitor: &Visitor, account: &WechatAccount) -> Markup {
    let words = words(visitor.look.language);
    let now = account.import.state(visitor.call.now());
    let is_live = matches!(now, FanState::Running | FanState::Waiting);
    let (button, is_offered) = match now {
        FanState::Never => (words.import_now, true),
        FanState::Running => ("", false),
        FanState::Waiting | FanState::Failed => (words.import_on, true),
        FanState::Done => (words.import_again, true),
    };
    html! {
        section .card #fans data-live[is_live] {
            h2 { (words.import) " " (state(account, visitor)) }
            @if now == FanState::Never { p .note { (words.import_never) } }
            @else { (came(visitor, account, is_live)) }
            @if is_offered && visitor.call.hub().wechat().key().is_some() {
                form .act method="post" action={ (ADDRESS) "/" (account.id) } {
                    (visitor.csrf())
                    input type="hidden" name="act" value="import";
                    button .button.primary[now == FanState::Never] { (button) }
                }
            }
        }
    }
}

fn came(visitor: &Visitor, account: &WechatAccount, is_live: bool) -> Markup {
    let words = words(visitor.look.language);
    let import = &account.import;
    let counts = import.counts.with(import.under_way);
    let read = count(counts.read);
    let line = match import.total {
        Some(total) => fill(words.progress, &[&read, &count(total.max(counts.read))]),
        None => fill(words.progress_unknown, &[&read]),
    };
    let outcomes = [
        (words.created, counts.created),
        (words.updated, counts.updated),
        (words.unchanged, counts.unchanged),
        (words.merged, counts.merged),
        (words.refused, counts.refused),
    ];
    html! {
        @if is_live {
            @match import.total {
                Some(total) => progress aria-label=(words.import) max=(total.max(1)) value=(counts.read.min(total.max(1))) {},
                None => progress aria-label=(words.import) {},
            }
        }
        p .spaced { (line) }
        dl .tiles.many { @for (name, number) in outcomes {
            div .tile { dt { (name) } dd { (count(number)) } }
        } }
        (moments(visitor, account))
    }
}

fn moments(visitor: &Visitor, account: &WechatAccount) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    let import = &account.import;
    let is_waiting = import.state(visitor.call.now()) == FanState::Waiting;
    let at = [
        (words.asked, import.asked_at),
        (words.due, import.due.filter(|_| is_waiting)),
        (words.ended, import.ended_at),
    ];
    html! {
        dl .fields.spaced {
            @for (name, at) in at {
                @if let Some(at) = at { div .field { dt { (name) } dd { (shower.time(at)) } } }
            }
            @if let Some(failure) = &import.failure {
                div .field {
                    dt { (words.problem) }
                    dd {
                        @match failure.code {
                            Some(code) => (fill(words.problem_code, &[&code.to_string(), &failure.reason])),
                            None => (failure.reason),
                        }
                        " · " (shower.time(failure.at))
                    }
                }
            }
        }
    }
}
