//! What pages say, in both languages. Each word stands here once: a language that lacks one does not
//! compile.

use kehub_core::attribute::Attribute;
use kehub_core::conflict::{Rule, Settlement};
use kehub_core::filter::SortKey;
use kehub_core::history::Happening;
use kehub_core::merge::{Guard, Verdict};
use kehub_core::outcome::ResultKind;
use kehub_core::policy::Role;

use super::vocabulary::push_agreeing;
use crate::files::labels::{self, Part};

/// A language that pages speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    En,
    /// Chinese, simplified.
    Zh,
}

impl Language {
    /// Every language.
    pub(crate) const ALL: [Language; 2] = [Language::Zh, Language::En];

    /// Its tag, as pages and cookies name it.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh-CN",
        }
    }

    /// What its speakers call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Language::En => "English",
            Language::Zh => "中文",
        }
    }

    /// The language of this tag.
    pub(crate) fn tagged(tag: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The one of a browser's languages that is liked best; English if it likes neither.
    pub(crate) fn accepted(header: &str) -> Language {
        let mut best = (Language::En, 0.0);
        for part in header.split(',') {
            let (range, weight) = match part.split_once(";q=") {
                Some((range, weight)) => (range, weight.trim().parse().unwrap_or(0.0)),
                None => (part, 1.0),
            };
            let primary = range.trim().split('-').next().unwrap_or_default();
            let language = match primary.to_ascii_lowercase().as_str() {
                "zh" => Language::Zh,
                "en" => Language::En,
                _ => continue,
            };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// What it says.
    pub(crate) const fn words(self) -> &'static Words {
        match self {
            Language::En => &EN,
            Language::Zh => &ZH,
        }
    }

    /// What an attribute is called.
    pub(crate) fn attribute(self, attribute: Attribute) -> String {
        match self {
            Language::Zh => labels::zh(attribute).to_owned(),
            Language::En => parted(attribute.name()),
        }
    }

    /// What a part of an identity is called.
    pub(crate) fn part(self, part: Part) -> String {
        match self {
            Language::Zh => part.zh().to_owned(),
            Language::En => parted(part.name()),
        }
    }

    /// What a field is called.
    pub(crate) fn field(self, key: &SortKey) -> String {
        match key {
            SortKey::Attribute(attribute) => self.attribute(*attribute),
            SortKey::Custom(key) => key.to_string(),
        }
    }
}

/// The words of a name such as `utmMedium`: `Utm medium`.
fn parted(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for c in name.chars() {
        let begins = (c.is_ascii_uppercase() && before.is_ascii_lowercase())
            || (c.is_ascii_digit() && !before.is_ascii_digit());
        if begins {
            text.push(' ');
        }
        let is_short = c.is_ascii_uppercase() && (before.is_ascii_uppercase() || c == 'S');
        let is_capital = text.is_empty() || (is_short && name.ends_with("SMS"));
        text.push(if is_capital { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
        before = c;
    }
    text
}

/// Puts values where a text has `{}`, in order. Of `[row|rows]` it takes the first after a value that is
/// `1`, and the second after any other: `{} [row|rows] [is|are] refused`.
pub(crate) fn fill(text: &str, values: &[&str]) -> String {
    let mut parts = text.split("{}");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for (place, part) in parts.enumerate() {
        let value = values.get(place).copied().unwrap_or_default();
        filled.push_str(value);
        push_agreeing(&mut filled, part, value == "1");
    }
    filled
}

macro_rules! words {
    ($($name:ident $en:literal $zh:literal;)*) => {
        /// What pages say in one language.
        #[derive(Debug)]
        pub(crate) struct Words {
            $(pub(crate) $name: &'static str,)*
        }

        const EN: Words = Words { $($name: $en,)* };
        const ZH: Words = Words { $($name: $zh,)* };

        #[cfg(test)]
        const PAIRS: &[(&str, &str, &str)] = &[$((stringify!($name), $en, $zh),)*];
    };
}

words! {
    // The frame of every page.
    skip "Skip to content" "跳到正文";
    overview "Overview" "概览";
    customers "Customers" "客户";
    why "Why" "关联解释";
    pages "Pages" "页面";
    search "Search customers" "搜索客户";
    search_hint "Name, mobile, e-mail, identity or id" "姓名、手机、邮箱、身份或客户 ID";
    theme "Theme" "外观";
    theme_auto "System" "跟随系统";
    theme_light "Light" "浅色";
    theme_dark "Dark" "深色";
    language "Language" "语言";
    keys "Keyboard" "快捷键";
    keys_search "Search" "搜索";
    keys_down "Next row" "下一行";
    keys_up "Row before" "上一行";
    keys_open "Open the row" "打开所选行";
    keys_next "Next page" "下一页";
    keys_previous "Page before" "上一页";
    keys_help "This help" "显示本帮助";
    close "Close" "关闭";
    loading "Loading…" "加载中…";
    load_failed "The page could not be loaded. Nothing was changed." "页面加载失败，数据没有变化。";
    try_again "Try again" "重试";

    // What went wrong.
    sign_in_needed "Sign in first" "请先登录";
    sign_in_why "This page is for people who are signed in." "登录后才能查看此页面。";
    cross_site "This did not come from a page of the hub" "请求并非来自本系统页面";
    cross_site_why "Nothing was changed. Load the page again and repeat it there." "没有任何改动。请重新加载页面后再试。";
    account "Account" "账号";
    refused "You may not see this" "没有权限";
    refused_why "Your account lacks the permission {}. Ask an administrator for it." "您的账号缺少权限 {}，请联系管理员。";
    not_found "There is no such page" "页面不存在";
    busy "The hub is busy" "系统繁忙";
    busy_why "Nothing was changed. Try again in a moment." "数据没有变化，请稍后重试。";
    unsure "It is not known whether this was done" "无法确定是否已完成";
    unsure_why "Look how it stands before you try again." "请先查看当前状态，再决定是否重试。";
    fault "Something went wrong in the hub" "系统出现故障";
    fault_why "Nothing was changed. If it happens again, tell your administrator this number: {}" "数据没有变化。如再次出现，请把此编号告知管理员：{}";
    unfit "The address does not fit" "地址中的参数有误";
    customer_missing "There is no such customer" "没有这个客户";
    customer_missing_why "No customer has this id, or it was not there yet at that time." "没有此 ID 的客户，或者那时还不存在。";
    customer_deleted "This customer was deleted" "该客户已删除";
    customer_deleted_why "Its identities are free again. The history below tells what it was." "它的身份已释放，历史记录见下方。";
    customer_erased "Everything about this customer was erased" "该客户的全部数据已清除";
    customer_erased_why "It was asked to be forgotten, and nothing of it is kept." "应要求清除，不再保留任何内容。";
    to_customers "To the customers" "返回客户列表";

    // Customers.
    customers_total "{} [customer|customers]" "共 {} 位客户";
    filters "Filters" "筛选";
    filter_add "Add filter" "添加筛选";
    filter_field "Field" "字段";
    filter_operator "Comparison" "比较方式";
    filter_value "Value" "值";
    filter_remove "Remove this filter" "移除此筛选";
    filter_clear "Clear all" "全部清除";
    filters_quick "Found by an index" "有索引，速度快";
    filters_slow "Looks at each customer" "逐个查看客户，较慢";
    filter_feels "Mobiles and e-mails are masked, and found only as a whole (is) or by whether there is one: more takes customers.reveal." "手机和邮箱已脱敏，只能按完整值（等于）或是否为空筛选；其他方式需要 customers.reveal 权限。";
    filter_unfit "This filter does not fit" "筛选条件有误";
    filter_custom "Custom attribute" "自定义属性";
    op_is "is" "等于";
    op_not "is not" "不等于";
    op_in "is one of" "属于";
    op_prefix "begins with" "开头是";
    op_gt "after, above" "大于（晚于）";
    op_gte "from" "不小于（不早于）";
    op_lt "before, below" "小于（早于）";
    op_lte "up to" "不大于（不晚于）";
    op_empty "is empty" "为空";
    op_set "is set" "不为空";
    columns "Columns" "列";
    columns_apply "Show these columns" "显示这些列";
    columns_custom "Custom attributes, parted by commas" "自定义属性，用逗号分隔";
    columns_usual "Usual columns" "默认列";
    export "Export" "导出";
    export_refused "Exports hold mobiles and e-mails in full: it takes the permission to reveal them." "导出文件包含完整的手机和邮箱，需要查看明文的权限。";
    sorted_up "in ascending order" "升序";
    sorted_down "in descending order" "降序";
    paging "More customers" "翻页";
    page_first "First page" "首页";
    page_next "Next" "下一页";
    page_previous "Previous" "上一页";
    list_empty "No customers yet" "还没有客户";
    list_empty_why "They appear here as soon as an app sends the first one, or an import brings them." "应用写入或导入数据后，客户会显示在这里。";
    list_none "Nobody matches" "没有符合条件的客户";
    list_none_why "Take a filter away, or look for something else." "请减少筛选条件，或换个关键词。";
    searched "Searched: ids, identities of any type as they are, mobiles and e-mails that begin like this (from 4 characters), names that begin like this." "搜索范围：客户 ID、任意类型的身份（完整匹配）、手机和邮箱（前 4 个字符起按开头匹配）、姓名（按开头匹配）。";
    searched_masked "Searched: ids, identities of any type, mobiles and e-mails as they are, names that begin like this." "搜索范围：客户 ID、任意类型的身份、手机和邮箱（完整匹配）、姓名（按开头匹配）。";
    search_none_why "Searches look at beginnings, so that they stay fast: try the surname, or the whole identity." "搜索按开头匹配，以保持速度：请输入姓氏，或完整的身份值。";
    search_more "More match. Type more to narrow them down." "还有更多结果，请输入更多内容。";
    found_by "Found by" "命中";
    found_id "Id" "客户 ID";
    found_identity "Identity {}" "身份 {}";
    found_mobile "Mobile" "手机";
    found_email "E-mail" "邮箱";
    found_name "Name" "姓名";
    no_name "No name" "未命名";
    yes "Yes" "是";
    no "No" "否";
    male "Male" "男";
    female "Female" "女";
    unknown "Unknown" "未知";

    // One customer.
    customer "Customer" "客户";
    verified "verified" "已验证";
    reveal "Show mobiles and e-mails" "显示手机和邮箱";
    reveal_note "Shown in full. This look is written into the audit log." "已显示明文，本次查看将记入审计日志。";
    merged_here "Customer #{} was merged into this one." "客户 #{} 已合并到此客户。";
    merged_ids "Merged ids" "已合并的 ID";
    version "Version" "版本";
    created "Created" "创建";
    updated "Updated" "更新";
    attributes "Attributes" "属性";
    attributes_empty "No attribute is set." "还没有任何属性。";
    value "Value" "值";
    origin "From" "来自";
    other_values "Other values: {}" "其他值：{}";
    lost_screened "never matches, kept as data" "占位值，仅留存";
    home "under #{}" "来自 #{}";
    cleared "cleared" "已清空";
    command_line "command line" "命令行";
    app "App" "应用";
    identities "Identities" "身份";
    identities_empty "It holds no identities." "没有任何身份。";
    identity_type "Type" "类型";
    identity_scope "Account" "所属账号";
    quarantined "quarantined" "已隔离";
    quarantined_why "Seen with too many people: it does not match any more." "与过多的人一起出现，不再用于匹配。";
    erased_identity "erased" "已清除";
    role_distinguishing "own, one per person" "唯一标识";
    role_normal "own" "个人标识";
    role_contact "contact" "联系方式";
    role_weak "device" "设备";
    graph "Identity graph" "身份图谱";
    graph_about "From left to right: who sent it, the requests, the identities they carried, the ids under which these entered. Dashed lines lead to other customers." "从左到右：来源应用、请求、请求携带的身份、身份进入时的客户 ID。虚线指向其他客户。";
    graph_table "The same as a table" "以表格显示";
    graph_sources "Sources" "来源";
    graph_requests "Requests" "请求";
    graph_identities "Identities" "身份";
    graph_homes "Ids" "客户 ID";
    graph_others "Other customers" "其他客户";
    graph_empty "There is nothing to draw yet." "暂无可绘制的内容。";
    graph_more "{} more [request|requests]" "另有 {} 个请求";
    requests_count "{} [request|requests]" "{} 个请求";
    edge_merge "merge {}" "合并 {}";
    edge_cannot_link "different people" "不同的人";
    edge_conflict "open conflict {}" "待处理冲突 {}";
    edge_sent "sent" "发送";
    edge_carried "carried" "携带";
    edge_entered "entered under" "归属";
    edge_taken "taken out by hand" "人工拆分";
    from "From" "从";
    to "To" "到";
    connection "Connection" "关系";
    when "When" "时间";
    timeline "Timeline" "时间线";
    timeline_all "Show all {} steps" "显示全部 {} 步";
    timeline_look "As of here" "查看当时";
    as_of "As of" "时间点";
    as_of_go "Look" "查看";
    as_of_now "Today" "现在";
    as_of_shown "As it stood on {}" "{} 时的状态";
    as_of_step "Step {} of {}" "第 {} 步，共 {} 步";
    gained "Gained" "新增身份";
    lost "Lost" "失去身份";
    matched_by "Found by {}" "通过 {} 匹配";
    request "Request" "请求";
    nothing "nothing" "空";
    who_looked "Who looked at it" "查看记录";
    ask_why "Compare with…" "与…比较";

    // What happened.
    h_created "Created" "创建";
    h_updated "Updated" "更新";
    h_merged "Merged" "合并";
    h_unmerged "Merge undone" "撤销合并";
    h_extracted "Taken apart" "拆分";
    h_claim_decided "Request assigned" "归属判定";
    h_deleted "Deleted" "删除";
    h_restored "Restored" "恢复";
    h_erased "Erased" "清除";
    h_conflict_opened "Conflict opened" "出现冲突";
    h_conflict_resolved "Conflict settled" "冲突已处理";
    h_cannot_link_set "Declared different" "标记为不同的人";
    h_cannot_link_removed "Declaration removed" "取消“不同的人”标记";
    h_quarantined "Identity quarantined" "身份被隔离";
    h_released "Identity released" "身份解除隔离";
    h_repeated "Repeated" "重复";

    // Why.
    why_about "Name two customers or identities: the evidence that makes them one person, or what keeps them apart." "输入两个客户或身份：查看它们是同一人的证据，或者分开的原因。";
    why_one "First" "第一个";
    why_other "Second" "第二个";
    why_hint "#12, mobile:13800000001, or a value" "#12、mobile:13800000001 或身份值";
    why_ask "Explain" "解释";
    why_same "They are one person" "是同一个人";
    why_same_same "Both are the same." "两者相同。";
    why_path "The shortest path of evidence" "最短证据路径";
    why_no_path "Both belong to customer #{}, but no request is left that connects them." "两者都属于客户 #{}，但没有留存的请求能把它们连起来。";
    why_apart "They are two people" "不是同一个人";
    why_free "One of them belongs to nobody" "其中一个不属于任何客户";
    why_free_why "An identity that nobody owns is neither the same nor another person." "没有归属的身份，无法判断是否同一人。";
    why_guards "What the rules say to joining them" "合并规则的判断";
    why_differing "They hold different accounts" "唯一标识不同";
    why_links "Somebody said that they are different people" "人工标记为不同的人";
    why_conflicts "Conflicts between them" "相关冲突";
    why_requests "Requests that named both" "同时提到两者的请求";
    why_shared "What they share" "共同点";
    why_shared_none "They share no telling attribute." "没有相同的关键属性。";
    why_unknown "Nothing is known by this" "找不到此项";
    why_unknown_why "`{}` is no customer and no identity of this hub." "系统中没有客户或身份“{}”。";
    why_several "`{}` may be several" "“{}”对应多项";
    why_several_why "Choose one of them." "请选择其中一项。";
    why_belongs "belongs to" "属于";
    why_nobody "nobody" "无人";
    by_request "One request carried both" "同一请求携带";
    by_merge "A merge joined both ids" "两个 ID 被合并";
    by_extraction "Taken out of another customer by hand" "人工从其他客户拆分";
    by_settlement "Given to this customer when a conflict was settled" "处理冲突时归入该客户";
    g_distinguishing "Different accounts" "唯一标识不同";
    g_cannot_link "Declared different" "标记为不同的人";
    g_too_many "Too many identities" "身份过多";
    g_contact_only "Joined by contacts or devices only" "仅由联系方式或设备关联";
    g_keep "Customers are kept apart" "设置为不合并";
    v_pass "passes" "通过";
    v_review "passes, to be reviewed" "通过，需复核";
    v_refuse "refuses" "拒绝";
    r_over_limit "More identities of one type than allowed" "同类身份超过上限";
    r_attribute_match "Matched by an attribute only" "仅按属性匹配";
    r_bridge_extracted "What bridged a merge was taken out" "合并依据已被拆分";
    s_open "open" "待处理";
    s_merged "merged" "已合并";
    s_kept_apart "kept apart" "保持分开";
    s_moved "identity moved" "身份已转移";
    s_accepted "accepted" "维持现状";
    s_erased "erased" "已清除";

    // Overview.
    open_conflicts "Open conflicts" "待处理冲突";
    imports_running "Imports running" "进行中的导入";
    upserts_rate "Upserts per second" "每秒写入";
    upserts_rate_why "over the last minute" "最近一分钟";
    identities_seen "seen so far" "累计";
    new_today "New today" "今日新增";
    shares "What became of upserts" "写入结果";
    shares_why "Of this hub, in the last 24 hours or since it started" "本节点最近 24 小时，或启动以来";
    results_time "Outcomes of upserts" "写入结果趋势";
    results_time_why "By quarter hour, of this hub" "每 15 分钟，本节点";
    new_time "New customers" "新增客户";
    new_time_why "By day, of the last 14 days" "最近 14 天，按天";
    sources_title "Who sends" "来源应用";
    sources_why "Upserts by app, of this hub" "按应用统计的写入，本节点";
    kept_in_memory "Outcomes are counted by this hub since it started, and kept for 24 hours in memory. Imports are not among them." "写入结果由本节点自启动起统计，在内存中保留 24 小时，不含导入。";
    plot_empty "Nothing was counted yet." "暂无统计。";
    k_created "created" "新建";
    k_updated "updated" "更新";
    k_unchanged "unchanged" "无变化";
    k_merged "merged" "合并";
    k_refused "refused" "被拒绝";
    day "Day" "日期";
    time "Time" "时间";
    plot_table "The numbers" "查看数据";
    most "{} at most" "最多 {}";
    other_apps "others" "其他";
}

impl Words {
    /// What happened to a customer.
    pub(crate) const fn happening(&self, happening: Happening) -> &'static str {
        match happening {
            Happening::Created => self.h_created,
            Happening::Updated => self.h_updated,
            Happening::Merged => self.h_merged,
            Happening::Unmerged => self.h_unmerged,
            Happening::Extracted => self.h_extracted,
            Happening::ClaimDecided => self.h_claim_decided,
            Happening::Deleted => self.h_deleted,
            Happening::Restored => self.h_restored,
            Happening::Erased => self.h_erased,
            Happening::ConflictOpened => self.h_conflict_opened,
            Happening::ConflictResolved => self.h_conflict_resolved,
            Happening::CannotLinkSet => self.h_cannot_link_set,
            Happening::CannotLinkRemoved => self.h_cannot_link_removed,
            Happening::Quarantined => self.h_quarantined,
            Happening::Released => self.h_released,
            Happening::Repeated => self.h_repeated,
        }
    }

    /// What an identity type says about people.
    pub(crate) const fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Distinguishing => self.role_distinguishing,
            Role::Normal => self.role_normal,
            Role::Contact => self.role_contact,
            Role::Weak => self.role_weak,
        }
    }

    /// What may refuse a merge.
    pub(crate) const fn guard(&self, guard: Guard) -> &'static str {
        match guard {
            Guard::Distinguishing => self.g_distinguishing,
            Guard::CannotLink => self.g_cannot_link,
            Guard::TooManyIdentities => self.g_too_many,
            Guard::ContactOnly => self.g_contact_only,
            Guard::Keep => self.g_keep,
        }
    }

    /// What a guard said.
    pub(crate) const fn verdict(&self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => self.v_pass,
            Verdict::Review => self.v_review,
            Verdict::Refuse => self.v_refuse,
        }
    }

    /// Why a conflict was opened.
    pub(crate) const fn rule(&self, rule: Rule) -> &'static str {
        match rule {
            Rule::Distinguishing => self.g_distinguishing,
            Rule::CannotLink => self.g_cannot_link,
            Rule::TooManyIdentities => self.g_too_many,
            Rule::ContactOnly => self.g_contact_only,
            Rule::Keep => self.g_keep,
            Rule::OverLimit => self.r_over_limit,
            Rule::AttributeMatch => self.r_attribute_match,
            Rule::BridgeExtracted => self.r_bridge_extracted,
        }
    }

    /// What was decided about a conflict; open if nothing.
    pub(crate) const fn settlement(&self, settlement: Option<Settlement>) -> &'static str {
        match settlement {
            None => self.s_open,
            Some(Settlement::Merged(_)) => self.s_merged,
            Some(Settlement::KeptApart) => self.s_kept_apart,
            Some(Settlement::IdentityMoved) => self.s_moved,
            Some(Settlement::Accepted) => self.s_accepted,
            Some(Settlement::Erased) => self.s_erased,
        }
    }

    /// What came of an upsert; `None` for a refused one.
    pub(crate) const fn result(&self, result: Option<ResultKind>) -> &'static str {
        match result {
            Some(ResultKind::Created) => self.k_created,
            Some(ResultKind::Updated) => self.k_updated,
            Some(ResultKind::Unchanged) => self.k_unchanged,
            Some(ResultKind::Merged) => self.k_merged,
            None => self.k_refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_answered_in_the_language_it_likes_best() {
        let cases = [
            ("", Language::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("en-GB,en;q=0.9,zh;q=0.8", Language::En),
            ("fr, zh;q=0.5, en;q=0.4", Language::Zh),
            ("de", Language::En),
            ("ZH-hant;q=0.3", Language::Zh),
            ("zh;q=0", Language::En),
        ];
        for (header, expected) in cases {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
    }

    #[test]
    fn both_languages_have_places_for_the_same_values() {
        for (name, en, zh) in PAIRS {
            assert!(crate::console::vocabulary::is_pair_whole(en, zh), "{name}");
        }
    }

    #[test]
    fn names_of_attributes_are_read_as_words() {
        let cases = [
            ("displayName", "Display name"),
            ("utmMedium", "Utm medium"),
            ("acceptSMS", "Accept SMS"),
            ("notAcceptSMS", "Not accept SMS"),
            ("source1", "Source 1"),
            ("subscribeScene", "Subscribe scene"),
        ];
        for (name, expected) in cases {
            assert_eq!(parted(name), expected);
        }
    }

    #[test]
    fn values_are_put_in_order() {
        assert_eq!(fill("Step {} of {}", &["1", "2"]), "Step 1 of 2");
        assert_eq!(fill("nothing", &["1"]), "nothing");
        assert_eq!(fill("{} [and no more", &["1"]), "1 [and no more");
    }

    #[test]
    fn words_agree_with_the_number_before_them() {
        let text = "{} [row|rows] of {} [was|were] refused";
        assert_eq!(fill(text, &["1", "2"]), "1 row of 2 were refused");
        assert_eq!(fill(text, &["0", "1"]), "0 rows of 1 was refused");
        assert_eq!(fill("{} [|are ]left", &["1,001"]), "1,001 are left");
        assert_eq!(fill("{} 行", &["1"]), "1 行");
        let value = fill("{} is kept", &["[a|b]"]);
        assert_eq!(value, "[a|b] is kept", "values stand as they are");
    }
}
