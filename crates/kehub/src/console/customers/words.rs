//! What the menu of saved filters says, in both languages.

use crate::console::vocabulary::vocabulary;

vocabulary! {
    saved "Saved filters" "已保存的筛选";
    none "You have saved no filters yet." "您还没有保存筛选。";
    nothing_set "Add a filter, or choose columns or an order: then you can save the list here." "先添加筛选、选择列或排序，然后即可在这里保存。";
    name "Save what is shown as" "将当前列表保存为";
    what "Filters, order and columns are saved, for you alone. One of the same name is replaced." "保存筛选、排序和列，仅自己可见。同名的会被替换。";
    save "Save" "保存";
    forget "Forget the saved filter “{}”" "删除已保存的筛选“{}”";
    name_unfit "Not saved: a name has 1 to {} characters." "未保存：名称为 1 到 {} 个字符。";
    unreadable "Not saved: a filter cannot be read." "未保存：筛选条件有误。";
    names_a_person "Not saved: {} may name one person, of whom an erasure would leave this behind. Saved filters are of groups." "未保存：“{}”可能指向某一个人，清除该客户后仍会留下痕迹。保存的筛选只用于一类客户。";
    too_long "Not saved: it has more than {} bytes." "未保存：内容超过 {} 字节。";
    too_many "Not saved: you have {} saved [filter|filters] already. Forget one first." "未保存：您已保存 {} 个筛选，请先删除一个。";
}
