//! What the pages of the review say.

use crate::console::vocabulary::vocabulary;

vocabulary! {
    review "Review" "复核";
    conflicts "Conflicts" "冲突";
    duplicates "Look-alikes" "疑似重复";
    place "{} of {}" "第 {} 个，共 {} 个";
    more "{} or more" "{}+";
    earlier "The one before" "上一个";
    later "Later" "稍后";
    merge "Merge" "合并";
    keep "Keep apart" "保持分开";
    give "Give it to #{}" "归入 #{}";
    accept "Fine as it is" "维持现状";
    read_only "Your account may look, and decides nothing here: that takes {}." "您的账号只能查看，处理需要权限 {}。";

    empty_conflicts "No conflict waits for you" "没有待处理的冲突";
    empty_conflicts_why "When the rules refuse to join two customers, or join them with a doubt, the case comes here." "规则拒绝合并，或合并存疑时，会出现在这里。";
    empty_duplicates "Nobody looks like somebody else" "没有疑似重复的客户";
    empty_duplicates_why "Customers who share a mobile, an e-mail, or a name and a birthday without being one appear here." "手机、邮箱相同，或姓名和生日相同但尚未合并的客户会出现在这里。";
    through "You are through" "本轮已看完";
    through_why "{} [is|are] left for later." "还有 {} 个留待稍后。";
    begin "Begin again" "从头开始";
    looking "The hub is looking at all customers" "正在查找疑似重复的客户";
    looking_why "It goes on while you do something else. Load this page again in a moment." "查找会在后台继续，请稍后刷新。";
    found_at "Found {}." "查找时间：{}。";
    look_again "Look again" "重新查找";
    cut "There are more customers than are compared at once." "客户过多，仅比较了其中一部分。";

    why "Why it is here" "原因";
    about_identity "It is about" "涉及身份";
    evidence "The request named" "请求携带的身份";
    opened "Opened {} by {}" "{} 由 {} 触发";
    owner "It belongs to #{} today." "目前属于 #{}。";
    owner_none "It belongs to nobody today." "目前没有归属。";
    one_side "Only one customer is part of it." "只涉及一个客户。";
    one_now "Both are customer #{} by now." "两者目前是同一客户 #{}。";
    one_now_why "If that is wrong, undo a merge from its timeline, or take identities apart there." "如有误，可在其时间线中撤销合并，或拆分身份。";
    to_customer "Open customer #{}" "打开客户 #{}";
    gone "gone" "已不存在";
    compared "Side by side" "对比";
    recommended "Nothing but a setting or a limit stood against it: joining them is what the rules would do." "仅因设置或上限未合并，按规则本应合并。";
    with_care "The rules saw signs of two people: look closely." "规则发现可能是两个人，请仔细核对。";
    merge_refused "They cannot be merged: {}" "不能合并：{}";
    take_back "Take that back" "取消该标记";
    against "Merging goes against: {}." "合并将违背：{}。";
    r_distinguishing "A request named both, and they hold different accounts of a type of which a person has one." "同一请求涉及双方，但两者持有不同的唯一标识。";
    r_cannot_link "A request named both, and somebody said that they are different people." "同一请求涉及双方，但已有人标记为不同的人。";
    r_too_many "Together they would hold more identities than a customer may." "合并后身份数量将超过上限。";
    r_contact_only "Only a mobile, an e-mail or a device connects them, and each has accounts of its own." "仅由手机、邮箱或设备关联，且各有自己的账号。";
    r_keep "A request named both, and the settings keep customers apart." "同一请求涉及双方，但设置为不合并。";
    r_over_limit "The customer holds more identities of one type than the rules allow." "同一类型的身份超过规则上限。";
    r_attribute_match "A request was matched by mobile or e-mail alone, and brought a further account." "请求仅按手机或邮箱匹配，并带来新的账号。";
    r_bridge_extracted "What a merge rested on was taken out of the customer." "合并所依据的身份已被拆分。";
    d_same_mobile "the same mobile" "手机相同";
    d_same_email "the same e-mail" "邮箱相同";
    d_same_name_and_birthday "the same name and birthday" "姓名和生日相同";
    d_near_name_and_birthday "nearly the same name, and the same birthday" "姓名相近，生日相同";
    d_near_name_and_postcode "nearly the same name, and the same postcode" "姓名相近，邮编相同";
    d_near_identity_and_birthday "identities that differ by one sign, and the same birthday" "身份仅差一个字符，生日相同";
    alike "They have in common: {}." "共同点：{}。";
    listed ", " "、";
    score "Likeness {} of 100. It orders the queue and promises nothing." "相似度 {}/100，仅用于排序。";

    told_merged "#{} and #{} are one customer now." "#{} 和 #{} 已合并。";
    told_apart "#{} and #{} are kept apart from now on." "#{} 和 #{} 将保持分开。";
    told_moved "The identity belongs to #{} now." "身份已归入 #{}。";
    told_accepted "Left as it is." "已维持现状。";
    undo "Undo" "撤销";
}
