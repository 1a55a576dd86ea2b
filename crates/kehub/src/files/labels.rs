//! What people call attributes and identities: the headings of tables that are made, and what those of
//! tables that are read mean.

use kehub_core::attribute::Attribute;

/// What each attribute is called in Chinese, as exports head its column, and further labels of
/// it in the form of [`folded`]; its name is one as well. Absent on purpose is what may mean
/// several things, such as 会员, and whatever might join people wrongly: 电话 may be a shared
/// landline, so it is no mobile.
const ATTRIBUTES: &[(Attribute, &str, &[&str])] = &[
    (Attribute::Id, "客户ID", &["用户id", "客户编号", "customerid"]),
    (Attribute::DisplayName, "显示名称", &["展示名"]),
    (Attribute::Name, "姓名", &["名字", "客户姓名", "客户名称", "真实姓名", "fullname"]),
    (Attribute::NickName, "昵称", &["客户昵称", "别名"]),
    (Attribute::Img, "头像", &["头像地址", "avatar"]),
    (Attribute::Gender, "性别", &["sex"]),
    (
        Attribute::Mobile,
        "手机",
        &["手机号", "手机号码", "移动电话", "联系手机", "mobilephone", "cellphone", "mobilenumber"],
    ),
    (Attribute::MobileVerified, "手机已验证", &["手机是否验证", "手机验证"]),
    (
        Attribute::Email,
        "邮箱",
        &["电子邮箱", "邮件", "电子邮件", "邮箱地址", "emailaddress", "mail"],
    ),
    (Attribute::EmailVerified, "邮箱已验证", &["邮箱是否验证", "邮箱验证"]),
    (Attribute::Birthday, "生日", &["出生日期", "出生年月日", "birthdate", "dateofbirth"]),
    (Attribute::Wechat, "微信号", &["微信", "微信账号", "wechatid"]),
    (Attribute::Weibo, "微博", &["微博账号", "新浪微博"]),
    (Attribute::Qq, "QQ", &["qq号", "qq号码"]),
    (Attribute::Country, "国家", &["国家地区"]),
    (Attribute::Province, "省份", &["省"]),
    (Attribute::City, "城市", &["市", "所在城市"]),
    (Attribute::County, "区县", &["区", "县", "县区", "district"]),
    (Attribute::Region, "地区", &["区域", "大区"]),
    (Attribute::Street, "街道", &[]),
    (Attribute::Postcode, "邮编", &["邮政编码", "zip", "zipcode", "postalcode"]),
    (Attribute::HomeAddress, "家庭地址", &["地址", "住址", "详细地址", "address"]),
    (Attribute::OfficeAddress, "办公地址", &["公司地址", "单位地址"]),
    (Attribute::Company, "公司", &["公司名称", "单位", "企业", "企业名称", "companyname"]),
    (Attribute::Industry, "行业", &["所属行业"]),
    (Attribute::Title, "职位", &["职务", "岗位", "jobtitle", "position"]),
    (Attribute::Website, "网站", &["网址", "公司网站", "homepage"]),
    (Attribute::Telephone, "固定电话", &["电话", "座机", "联系电话", "电话号码", "phone", "tel"]),
    (Attribute::EmployeeNumber, "员工人数", &["员工数", "公司人数", "employees"]),
    (Attribute::AnnualRevenue, "年营业额", &["年收入", "年营收"]),
    (Attribute::Stage, "客户阶段", &["阶段", "生命周期", "生命周期阶段", "lifecyclestage"]),
    (Attribute::Source, "来源", &["初始来源", "客户来源", "来源渠道"]),
    (Attribute::ContentName, "内容名称", &["来源内容", "初始来源内容"]),
    (Attribute::Source1, "一级来源", &["来源1"]),
    (Attribute::Source2, "二级来源", &["来源2"]),
    (Attribute::Source3, "三级来源", &["来源3"]),
    (Attribute::Source4, "四级来源", &["来源4"]),
    (Attribute::Source5, "五级来源", &["来源5"]),
    (Attribute::Source6, "六级来源", &["来源6"]),
    (Attribute::Source7, "七级来源", &["来源7"]),
    (Attribute::Source8, "八级来源", &["来源8"]),
    (Attribute::CampaignId, "活动ID", &["活动编号"]),
    (Attribute::CampaignName, "活动名称", &["活动", "campaign"]),
    (Attribute::UtmMedium, "UTM媒介", &[]),
    (Attribute::UtmTerm, "UTM关键词", &["utm关键字"]),
    (Attribute::Remark, "备注", &["说明", "notes", "note", "comment"]),
    (Attribute::ExternalId, "外部ID", &["外部编号"]),
    (Attribute::CreateFrom, "创建来源", &[]),
    (Attribute::CreateFromName, "创建来源名称", &[]),
    (Attribute::CreateMethod, "创建方式", &[]),
    (Attribute::UpdateMethod, "更新方式", &[]),
    (Attribute::IsEmployee, "是否员工", &["内部员工"]),
    (Attribute::IsMember, "是否会员", &[]),
    (Attribute::IsReferrer, "是否推荐人", &[]),
    (Attribute::IsAnonymous, "是否匿名", &["匿名"]),
    (Attribute::Referrer, "推荐人", &[]),
    (Attribute::ReferrerName, "推荐人姓名", &[]),
    (Attribute::OwnerId, "负责人ID", &["所有者id"]),
    (Attribute::OwnerName, "负责人", &["负责人姓名", "所有者"]),
    (Attribute::AcceptEmail, "接收邮件", &["是否接收邮件"]),
    (Attribute::AcceptSms, "接收短信", &["是否接收短信"]),
    (Attribute::NotAcceptEmail, "拒收邮件", &["不接收邮件", "邮件退订"]),
    (Attribute::NotAcceptSms, "拒收短信", &["不接收短信", "短信退订"]),
    (Attribute::MembershipLevel, "会员等级", &["会员级别"]),
    (Attribute::MembershipNo, "会员号", &["会员编号", "会员卡号"]),
    (Attribute::MembershipScore, "会员积分", &["积分"]),
    (Attribute::DateMemberReg, "入会时间", &["入会日期", "会员注册时间"]),
    (Attribute::LatestEngageDate, "最近互动时间", &["最近活跃时间", "最后互动时间"]),
    (Attribute::Code, "编码", &["代码"]),
    (Attribute::Status, "状态", &[]),
    (Attribute::Tags, "标签", &["客户标签"]),
    (Attribute::Type, "类型", &["客户类型"]),
    (Attribute::TypeName, "类型名称", &[]),
    (Attribute::WechatCity, "微信城市", &[]),
    (Attribute::WechatNickName, "微信昵称", &["微信名", "微信名称"]),
    (Attribute::Language, "语言", &["微信语言"]),
    (Attribute::SubscribeScene, "关注场景", &["关注渠道", "关注方式"]),
    (Attribute::DateJoin, "加入时间", &["加入日期", "注册时间", "注册日期", "关注时间", "joined"]),
    (Attribute::DateCreated, "创建时间", &["创建日期", "createdat", "created"]),
    (
        Attribute::LastUpdated,
        "更新时间",
        &["最后更新时间", "最近更新时间", "修改时间", "updatedat", "updated"],
    ),
];

/// What forms put before a label, to say whose it is.
const WHOSE: &[&str] = &["会员", "客户", "顾客", "用户", "联系人", "本人"];

/// What means the same behind one of these as alone. 会员状态, 用户类型 and 客户ID of somebody else's system
/// may be something of their own.
const OF_A_PERSON: &[Attribute] = &[
    Attribute::Name,
    Attribute::NickName,
    Attribute::Gender,
    Attribute::Mobile,
    Attribute::Email,
    Attribute::Birthday,
    Attribute::Telephone,
    Attribute::Province,
    Attribute::City,
    Attribute::HomeAddress,
    Attribute::Remark,
];

/// What in brackets behind a label makes something else of it: a day that is none of this calendar, numbers of
/// another size, and what is somebody else's, which would join people wrongly.
const OTHER: &[&str] = &[
    "农历",
    "阴历",
    "旧历",
    "万",
    "亿",
    "千",
    "备用",
    "紧急",
    "家属",
    "家长",
    "父",
    "母",
    "监护",
    "配偶",
    "推荐",
    "介绍",
    "原",
    "旧",
    "lunar",
    "other",
    "emergency",
];

/// What the version of a customer is called, and in Chinese.
pub(crate) const REV: &str = "rev";
pub(crate) const REV_ZH: &str = "版本";

/// Labels of identity types.
const IDENTITIES: &[(&str, &[&str])] = &[
    ("wechat", &["openid", "微信openid", "公众号openid", "wechatopenid"]),
    ("wechat-unionid", &["unionid", "微信unionid", "wechatunionid"]),
    ("applet-wechat", &["小程序openid", "appletopenid", "miniprogramopenid", "appletwechat"]),
];

/// A heading without what does not tell two apart: case, width, white space, `_`, `-`, and the
/// marks that forms put beside a label.
pub(super) fn folded(heading: &str) -> String {
    let narrow = heading.chars().map(|c| match u32::from(c) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        _ => c,
    });
    let kept = narrow.filter(|c| {
        !c.is_whitespace()
            && !c.is_control()
            && !matches!(c, '_' | '-' | '*' | ':' | '/' | '\u{FEFF}')
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// A heading without the note in brackets at its end, such as that it has to be filled in; `None` if there is
/// no note, or one that makes something else of it.
pub(super) fn without_note(heading: &str) -> Option<&str> {
    let heading = heading.trim_end_matches(|c: char| c.is_whitespace() || "*＊:：".contains(c));
    let (rest, opening) =
        [(")）", ['(', '（']), ("]］", ['[', '［']), ("】", ['【', '【'])].into_iter().find_map(
            |(closing, opening)| Some((heading.strip_suffix(|c| closing.contains(c))?, opening)),
        )?;
    let (label, note) = rest.rsplit_once(opening)?;
    let note = folded(note);
    let is_other = OTHER.iter().any(|other| note.contains(other));
    (!is_other && !label.trim().is_empty()).then_some(label)
}

/// What the column of an attribute is called in Chinese. No two are called the same.
pub(crate) fn zh(attribute: Attribute) -> &'static str {
    let mut known = ATTRIBUTES.iter();
    known.find(|(it, ..)| *it == attribute).map_or(attribute.name(), |(_, heading, _)| heading)
}

/// The attribute that a heading in this form means.
pub(super) fn attribute(folded_heading: &str) -> Option<Attribute> {
    labelled(folded_heading).or_else(|| {
        let rest = WHOSE.iter().find_map(|whose| folded_heading.strip_prefix(whose))?;
        labelled(rest).filter(|attribute| OF_A_PERSON.contains(attribute))
    })
}

fn labelled(folded_heading: &str) -> Option<Attribute> {
    let means = |(attribute, heading, labels): &&(Attribute, &str, &[&str])| {
        attribute.name().eq_ignore_ascii_case(folded_heading)
            || folded(heading) == folded_heading
            || labels.contains(&folded_heading)
    };
    ATTRIBUTES.iter().find(means).map(|(attribute, ..)| *attribute)
}

/// A part of an identity. A table that has a row for each identity has a column for each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Type,
    Value,
    Name,
    Scope,
}

impl Part {
    /// All of them, in the order of columns.
    pub(crate) const ALL: [Part; 4] = [Part::Type, Part::Value, Part::Name, Part::Scope];

    /// What its column is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Part::Type => "identityType",
            Part::Value => "identityValue",
            Part::Name => "identityName",
            Part::Scope => "identityScope",
        }
    }

    /// What its column is called in Chinese.
    pub(crate) const fn zh(self) -> &'static str {
        match self {
            Part::Type => "身份类型",
            Part::Value => "身份值",
            Part::Name => "身份名称",
            Part::Scope => "身份范围",
        }
    }

    /// What it is called in an identity of `/api`.
    pub(crate) const fn member(self) -> &'static str {
        match self {
            Part::Type => "type",
            Part::Value => "value",
            Part::Name => "name",
            Part::Scope => "scope",
        }
    }

    /// The part that a heading in the form of [`folded`] means.
    pub(super) fn of(folded_heading: &str) -> Option<Part> {
        let is_meant =
            |it: &Part| it.name().eq_ignore_ascii_case(folded_heading) || it.zh() == folded_heading;
        Part::ALL.into_iter().find(is_meant)
    }
}

/// The identity type that a heading in this form means.
pub(super) fn identity(folded_heading: &str) -> Option<&'static str> {
    let mut types = IDENTITIES.iter();
    types.find(|(_, labels)| labels.contains(&folded_heading)).map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_label_is_folded_and_means_one_thing() {
        let mut seen = BTreeSet::new();
        let headed: Vec<Attribute> = ATTRIBUTES.iter().map(|(attribute, ..)| *attribute).collect();
        assert_eq!(headed, Attribute::ALL);
        for (_, heading, _) in ATTRIBUTES {
            assert!(seen.insert(folded(heading)), "{heading} is there twice");
        }
        let attributes = ATTRIBUTES.iter().flat_map(|(.., labels)| *labels);
        for label in attributes.chain(IDENTITIES.iter().flat_map(|(_, labels)| *labels)) {
            assert_eq!(*label, folded(label), "not in folded form");
            assert!(seen.insert(folded(label)), "{label} is there twice");
            let is_name = Attribute::ALL.iter().any(|it| it.name().eq_ignore_ascii_case(label));
            assert!(!is_name, "{label} is the name of an attribute");
        }
    }

    /// What was exported can be brought in again.
    #[test]
    fn headings_of_exports_are_known() {
        for expected in Attribute::ALL {
            for heading in [expected.name(), zh(*expected)] {
                assert_eq!(attribute(&folded(heading)), Some(*expected), "{heading}");
            }
        }
        for part in Part::ALL {
            assert_eq!([part.name(), part.zh()].map(|it| Part::of(&folded(it))), [Some(part); 2]);
        }
    }

    #[test]
    fn case_width_and_space_do_not_matter() {
        for (heading, expected) in [
            ("手机号", Attribute::Mobile),
            (" 手 机 号 * ", Attribute::Mobile),
            ("Ｍｏｂｉｌｅ", Attribute::Mobile),
            ("NICK_NAME", Attribute::NickName),
            ("acceptsms", Attribute::AcceptSms),
            ("QQ号：", Attribute::Qq),
            ("E-mail", Attribute::Email),
            ("区/县", Attribute::County),
            ("Date of Birth", Attribute::Birthday),
            ("创建时间", Attribute::DateCreated),
            ("会员姓名", Attribute::Name),
            ("顾客 手机号码", Attribute::Mobile),
            ("客户来源", Attribute::Source),
            ("会员编号", Attribute::MembershipNo),
        ] {
            assert_eq!(attribute(&folded(heading)), Some(expected), "{heading}");
        }
        assert_eq!(identity(&folded("微信 OpenID")), Some("wechat"));
        assert_eq!(identity(&folded("UnionId")), Some("wechat-unionid"));
        for unknown in ["会员生日礼", "会员", "会员状态", "用户类型", "会员id", "会员会员姓名"]
        {
            assert_eq!(attribute(&folded(unknown)), None, "{unknown}");
        }
    }

    #[test]
    fn a_note_in_brackets_is_known() {
        for (heading, expected) in [
            ("手机号(必填)", Some("手机号")),
            ("性别（男/女）", Some("性别")),
            ("姓名（必填)*：", Some("姓名")),
            ("电子邮箱\n(Email)", Some("电子邮箱\n")),
            ("地址【省市区】", Some("地址")),
            ("城市 [选填]", Some("城市 ")),
            ("手机号", None),
            ("（必填）", None),
            ("(必填)手机号", None),
            ("手机号 必填)", None),
            ("生日(农历)", None),
            ("年营业额（万元）", None),
            ("手机（紧急联系人）", None),
            ("", None),
        ] {
            assert_eq!(without_note(heading), expected, "{heading}");
        }
    }
}
