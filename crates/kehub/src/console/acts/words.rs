//! What pages say on which somebody acts on a customer.

use crate::console::vocabulary::vocabulary;

vocabulary! {
    // What all of them say.
    back "Back to the customer" "返回客户";
    show "Show what would happen" "预览结果";
    nothing "nothing" "空";
    identities "Identities" "身份";
    attributes "Attributes" "属性";
    field "Attribute" "属性";
    same "same" "相同";
    differs "differs" "不同";
    one_sided "only one" "仅一方有";
    stays "stays" "保留";
    loses "loses" "不采用";
    pair_none "Neither has any attribute." "双方都没有属性。";
    survives "answers for both" "保留此 ID";
    redirects "leads to the other" "将指向另一方";

    // What became of it.
    done_merged "They are one customer now. The timeline below tells it, and can undo it." "已合并为同一客户。下方时间线有记录，可以撤销。";
    done_unmerged "The merge is undone. Nothing joins the two again until somebody does so by hand." "合并已撤销。除非人工操作，两者不会再被合并。";
    done_extracted "The identities were taken out and are a customer of their own." "身份已拆分为独立的客户。";
    done_updated "Saved." "已保存。";
    done_other "Done." "已完成。";
    done_nothing "Nothing was different, so nothing was changed." "内容相同，没有任何改动。";

    // Why it was not done, and what happened to the data.
    not_changed "Nothing was changed. {}" "没有任何改动。{}";
    not_known "It is not known whether this was done. Look at the customer before you try again. Number for your administrator: {}" "无法确定是否已完成，请先查看客户再重试。管理员编号：{}";
    no_permission "Your account lacks the permission {}." "您的账号缺少权限 {}。";
    no_busy "The hub is busy: try again in a moment." "系统繁忙，请稍后重试。";
    no_customer "There is no such customer." "没有这个客户。";
    no_deleted "The customer was deleted." "该客户已删除。";
    no_erased "Everything about the customer was erased." "该客户的数据已清除。";
    no_redirected "The customer was merged into another one meanwhile." "该客户已合并到其他客户。";
    no_same "Both ids are one customer already." "两个 ID 已是同一客户。";
    no_linked "Somebody said that they are different people. That has to be taken back first." "已有人标记为不同的人，需先取消该标记。";
    no_too_many "The customer would hold more identities than one may." "合并后身份数量超过上限。";
    no_merge "There is no such merge." "没有这个合并。";
    no_undone "The merge was undone before." "该合并已撤销。";
    no_identity "The customer does not hold one of these identities any more." "该客户已不再拥有其中某个身份。";
    no_extract "Choose at least one identity, and leave at least one." "请至少选择一个身份，并至少保留一个。";
    no_conflict "There is no such conflict." "没有这个冲突。";
    no_settled "Somebody settled it meanwhile." "已有人处理。";
    no_unfit "That does not fit any more: the two sides have changed." "双方情况已变化，该操作不再适用。";
    no_fields "Some values do not fit." "部分内容不符合要求。";
    no_login "Another user has this login name." "登录名已被使用。";
    no_admin "Somebody has to stay an admin: make another user one first." "至少需要一位管理员，请先指定其他管理员。";
    no_held "A user of that role may do more than you may." "该角色的权限超出您的权限。";
    no_user "There is no such user." "没有这个用户。";
    no_import "There is no such import any more." "该导入记录已不存在。";
    no_running "The import is under way: end it before." "导入仍在进行，请先结束它。";
    no_ended "The import has ended already." "导入已经结束。";
    no_report "It has no refused rows here." "此处没有被拒绝的行。";
    no_page "The page is out of date: load it again." "页面已过期，请重新加载。";

    // Merging.
    merge "Merge" "合并";
    merge_with "Merge with another customer" "与其他客户合并";
    merge_about "For somebody who knows that they are one person. The smaller id answers for both, and the merge can be undone at any time." "确认两者是同一人时使用。较小的 ID 保留，合并后可随时撤销。";
    merge_whom "The other customer" "另一个客户";
    merge_hint "#12, mobile:13800000001, or a value" "#12、mobile:13800000001 或身份值";
    merge_unknown "No customer and no identity is known by `{}`." "找不到客户或身份“{}”。";
    merge_several "Several identities have this value: write the type before it, or the id of the customer." "多个身份有此值：请在前面写明类型，或输入客户 ID。";
    merge_free "Nobody owns this identity." "该身份没有归属。";
    merge_result "What would be shown" "合并后的内容";
    merge_guards "What the rules say" "合并规则的判断";
    merge_against "The rules refuse this merge. A person may decide otherwise." "规则不建议合并，可由人工决定。";
    merge_despite "I know that they are one person" "我确认是同一人";
    merge_despite_why "Tick that you know it, since the rules see two people." "规则认为是两个人，请勾选确认。";
    merge_settles "It settles {} open [conflict|conflicts] between them." "将处理两者之间 {} 个待处理冲突。";
    merge_over "It would hold more identities of type {} than the rules allow." "类型 {} 的身份将超过规则上限。";
    merge_now "Merge #{} and #{}" "合并 #{} 和 #{}";
    allow "They may be one person after all" "取消“不同的人”标记";
    allow_why "This takes back that they were declared different, and merges nothing yet." "仅取消标记，暂不合并。";
    ask_why "Why are they apart?" "为什么是两个客户？";

    // Undoing.
    undo_title "Undo merge {}" "撤销合并 {}";
    undo_about "The two are customers of their own again, each with what belongs to it. Nothing is lost, and nothing joins them again by itself." "恢复为两个独立的客户，各自保留自己的数据。数据不会丢失，也不会再自动合并。";
    undo_made "Merged {} by {}" "{} 由 {} 合并";
    undo_bridge "Joined by" "合并依据";
    undo_keeps "keeps the id" "保留 ID";
    undo_again "is there again" "恢复";
    undo_undecided "{} [request|requests] since the merge [belongs|belong] to both or to neither. [It stays|They stay] with #{} until somebody decides." "合并之后有 {} 个请求无法判断归属，暂留在 #{}，待人工决定。";
    undo_now "Undo the merge" "撤销合并";

    // Editing.
    edit "Edit" "编辑";
    edit_title "Edit #{}" "编辑 #{}";
    edit_about "What you leave as it is stays as it is. An empty field clears its value." "未改动的内容保持不变，清空则删除该值。";
    edit_more "Attributes without a value" "其他属性";
    edit_custom "Custom attributes" "自定义属性";
    edit_new "Another custom attribute" "新增自定义属性";
    edit_key "Name" "名称";
    edit_value "Value" "值";
    edit_masked "Now {}. Leave it empty to keep that." "当前 {}，留空则保持不变。";
    edit_clear "Clear it" "清空";
    edit_show "Show mobiles and e-mails" "显示手机和邮箱";
    edit_shown "Mobile and e-mail are shown in full. This look is written into the audit log." "已显示手机和邮箱明文，本次查看将记入审计日志。";
    edit_save "Save" "保存";
    edit_wrong "{} [field needs|fields need] another look. Nothing was changed, and what you typed stands below." "{} 个字段需要修改。数据没有变化，您输入的内容保留在下方。";
    edit_meanwhile "Meanwhile somebody made it: {}. Save again to replace that." "期间已被改为：{}。再次保存将覆盖。";
    edit_key_unfit "A name has letters, digits, _ . -, at most 64, and begins with a letter or _." "名称由字母、数字、_ . - 组成，最多 64 个字符，以字母或 _ 开头。";
    edit_key_taken "There is an attribute of this name above." "上方已有同名属性。";
    unfit_length "At most {} characters." "最多 {} 个字符。";
    unfit_integer "A whole number, such as 120." "请填写整数，例如 120。";
    unfit_decimal "A number of at most 15 digits, such as 12.5." "请填写数字，最多 15 位，例如 12.5。";
    unfit_date "A day, such as 1990-01-31." "请填写日期，例如 1990-01-31。";
    unfit_time "A time, such as 2026-05-04T09:02." "请填写时间，例如 2026-05-04T09:02。";
    unfit_choice "Choose one of those offered." "请从选项中选择。";

    // Taking apart.
    extract "Take apart" "拆分";
    extract_title "Take identities out of #{}" "从 #{} 拆分身份";
    extract_about "For identities that belong to somebody else. They become a customer of their own, with every request that carried only them." "适用于不属于此人的身份。拆分后成为独立客户，只携带这些身份的请求一并转移。";
    extract_choose "Which identities belong to somebody else?" "哪些身份不属于此人？";
    extract_keeps "#{} would show" "#{} 将显示";
    extract_new "The new customer would show" "新客户将显示";
    extract_counts "{} [identity|identities] and {} [request|requests] go with them." "将转移 {} 个身份和 {} 个请求。";
    extract_reviews "{} [merge|merges] rested on these identities alone: [it is|they are] put up for review." "{} 个合并仅依据这些身份，将列入复核。";
    extract_now "Take them out" "拆分";

    // Erasing.
    erase "Erase" "清除";
    erase_title "Erase #{} for good" "彻底清除 #{}";
    erase_about "Everything that was ever said about this customer, and the texts of its identities, leave the hub. Nothing brings it back." "与该客户有关的全部数据和身份文本将被清除，无法恢复。";
    erase_what "This erases {} [id|ids] ({}), {} [identity|identities] and what {} [request|requests] said." "将清除 {} 个 ID（{}）、{} 个身份，以及 {} 个请求的内容。";
    erase_type "Type the id {} to confirm" "请输入 ID {} 确认";
    erase_differs "That is not the id of this customer." "输入的不是该客户的 ID。";
    erase_now "Erase for good" "彻底清除";
}
