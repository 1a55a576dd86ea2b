//! How far the import of the fans of an account has come.

use super::words::words;
use super::{ADDRESS, state};
use crate::console::show::{Contacts, Shower, count};
use crate::console::visitor::Visitor;
use crate::console::words::{Language, fill};
use crate::wechat::Reason;
use crate::wechat::seal::Unsealed;
use kehub_core::wechat::{FanFailure, FanRefusals, FanState, WechatAccount};
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
        @if let Some(why) = because(counts.refused_because, visitor.look.language) {
            p .note { (why) }
        }
        @if counts.tags_left_out > 0 {
            p .note { (fill(words.tags_left_out, &[&count(counts.tags_left_out)])) }
        }
        (moments(visitor, account))
    }
}

/// Why fans were refused; nothing if none was.
fn because(refused: FanRefusals, language: Language) -> Option<String> {
    let words = words(language);
    let reasons = [
        (words.refused_gone, refused.gone),
        (words.refused_unusable, refused.unusable),
        (words.refused_in_conflict, refused.in_conflict),
        (words.refused_attributes, refused.too_many_attributes),
        (words.refused_other, refused.other),
    ];
    let reasons = reasons.iter().filter(|(_, number)| *number > 0);
    let reasons: Vec<String> = reasons.map(|(why, number)| fill(why, &[&count(*number)])).collect();
    let separator = match language {
        Language::En => "; ",
        Language::Zh => "；",
    };
    let told = reasons.join(separator);
    (!told.is_empty()).then(|| fill(words.refused_because, &[&told]))
}

fn moments(visitor: &Visitor, account: &WechatAccount) -> Markup {
    let (words, language) = (words(visitor.look.language), visitor.look.language);
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
                            Some(code) => (fill(words.problem_code, &[&code.to_string(), told(failure, language)])),
                            None => (told(failure, language)),
                        }
                        " · " (shower.time(failure.at))
                    }
                }
            }
        }
    }
}

/// What went wrong with a call of WeChat. The store has the sentence that the API tells.
fn told(failure: &FanFailure, language: Language) -> &str {
    if language == Language::En {
        return &failure.reason;
    }
    let is_key = |key: Unsealed| *failure.reason == key.to_string();
    match Reason::named(&failure.reason) {
        Some(reason) => in_chinese(reason),
        None if is_key(Unsealed::NoKey) => "系统未设置 KEHUB_SECRET_KEY，无法使用公众号密钥",
        None if is_key(Unsealed::Wrong) => {
            "公众号密钥不是用此 KEHUB_SECRET_KEY 加密的：请恢复原来的密钥，或重新绑定公众号"
        }
        None => &failure.reason,
    }
}

fn in_chinese(reason: Reason) -> &'static str {
    match reason {
        Reason::Status => "微信返回了错误的状态",
        Reason::Unreadable => "微信返回的内容无法识别",
        Reason::TooLong => "微信返回的内容过长",
        Reason::NoAddress => "找不到微信服务器的地址",
        Reason::NotConnected => "无法连接微信",
        Reason::TimedOut => "微信响应超时",
        Reason::BrokenOff => "与微信的连接中断",
        Reason::Sealed => "公众号密钥无法解密",
        Reason::NoCalls => "无法发起请求",
        Reason::Private => "微信接口地址指向内网，而 wechat-allow-private 未开启",
        Reason::Busy => "微信系统繁忙",
        Reason::UnknownApp => "微信没有此 AppID 的公众号",
        Reason::WrongSecret => "AppSecret 与公众号不符",
        Reason::NotListed => "系统的出口 IP 不在公众号的 IP 白名单中",
        Reason::DayUsed => "公众号今天的接口调用次数已用完",
        Reason::MinuteUsed => "公众号本分钟的接口调用次数已用完",
        Reason::NotAllowed => "公众号没有此接口的权限",
        Reason::Blocked => "公众号已被封禁",
        Reason::TokenRefused => "access_token 已刷新，仍被拒绝",
        Reason::Refused => "微信拒绝了请求",
    }
}
