//! What people who read Chinese call the attributes of a customer: the headings of tables.

use kehub_core::attribute::Attribute;

/// The heading of an attribute in Chinese. No two are the same.
#[expect(clippy::too_many_lines, reason = "a line for each attribute")]
pub(crate) const fn zh(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Id => "客户ID",
        Attribute::DisplayName => "显示名称",
        Attribute::Name => "姓名",
        Attribute::NickName => "昵称",
        Attribute::Img => "头像",
        Attribute::Gender => "性别",
        Attribute::Mobile => "手机",
        Attribute::MobileVerified => "手机已验证",
        Attribute::Email => "邮箱",
        Attribute::EmailVerified => "邮箱已验证",
        Attribute::Birthday => "生日",
        Attribute::Wechat => "微信号",
        Attribute::Weibo => "微博",
        Attribute::Qq => "QQ",
        Attribute::Country => "国家",
        Attribute::Province => "省份",
        Attribute::City => "城市",
        Attribute::County => "区县",
        Attribute::Region => "地区",
        Attribute::Street => "街道",
        Attribute::Postcode => "邮编",
        Attribute::HomeAddress => "家庭地址",
        Attribute::OfficeAddress => "办公地址",
        Attribute::Company => "公司",
        Attribute::Industry => "行业",
        Attribute::Title => "职位",
        Attribute::Website => "网站",
        Attribute::Telephone => "固定电话",
        Attribute::EmployeeNumber => "员工人数",
        Attribute::AnnualRevenue => "年营业额",
        Attribute::Stage => "客户阶段",
        Attribute::Source => "来源",
        Attribute::ContentName => "内容名称",
        Attribute::Source1 => "一级来源",
        Attribute::Source2 => "二级来源",
        Attribute::Source3 => "三级来源",
        Attribute::Source4 => "四级来源",
        Attribute::Source5 => "五级来源",
        Attribute::Source6 => "六级来源",
        Attribute::Source7 => "七级来源",
        Attribute::Source8 => "八级来源",
        Attribute::CampaignId => "活动ID",
        Attribute::CampaignName => "活动名称",
        Attribute::UtmMedium => "UTM媒介",
        Attribute::UtmTerm => "UTM关键词",
        Attribute::Remark => "备注",
        Attribute::ExternalId => "外部ID",
        Attribute::CreateFrom => "创建来源",
        Attribute::CreateFromName => "创建来源名称",
        Attribute::CreateMethod => "创建方式",
        Attribute::UpdateMethod => "更新方式",
        Attribute::IsEmployee => "是否员工",
        Attribute::IsMember => "是否会员",
        Attribute::IsReferrer => "是否推荐人",
        Attribute::IsAnonymous => "是否匿名",
        Attribute::Referrer => "推荐人",
        Attribute::ReferrerName => "推荐人姓名",
        Attribute::OwnerId => "负责人ID",
        Attribute::OwnerName => "负责人",
        Attribute::AcceptEmail => "接收邮件",
        Attribute::AcceptSms => "接收短信",
        Attribute::NotAcceptEmail => "拒收邮件",
        Attribute::NotAcceptSms => "拒收短信",
        Attribute::MembershipLevel => "会员等级",
        Attribute::MembershipNo => "会员号",
        Attribute::MembershipScore => "会员积分",
        Attribute::DateMemberReg => "入会时间",
        Attribute::LatestEngageDate => "最近互动时间",
        Attribute::Code => "编码",
        Attribute::Status => "状态",
        Attribute::Tags => "标签",
        Attribute::Type => "类型",
        Attribute::TypeName => "类型名称",
        Attribute::WechatCity => "微信城市",
        Attribute::WechatNickName => "微信昵称",
        Attribute::Language => "语言",
        Attribute::SubscribeScene => "关注场景",
        Attribute::DateJoin => "加入时间",
        Attribute::DateCreated => "创建时间",
        Attribute::LastUpdated => "更新时间",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_heading_names_one_attribute() {
        let headings: BTreeSet<&str> = Attribute::ALL.iter().map(|it| zh(*it)).collect();
        assert_eq!(headings.len(), Attribute::ALL.len());
    }
}
