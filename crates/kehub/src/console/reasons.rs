//! Why a value does not fit, in the language of whoever looks. In English it is the sentence that answers
//! and reports have.

mod file;

use super::words::Language;
use crate::api::problem::{Problem, Wrong};
use crate::files::clean::Misfit;
use kehub_core::attribute::FieldProblem;
use kehub_core::misfit::{Expected, Found};
use maud::{Markup, html};

/// What was expected, and what was found.
pub(super) fn told(problem: &FieldProblem, language: Language) -> String {
    match language {
        Language::En => problem.to_string(),
        Language::Zh => {
            format!("应为{}，实际为{}", expected(&problem.expected), found(&problem.found))
        }
    }
}

/// The language of what [`told`] says, for programs that read it aloud: what no page tells is English.
pub(super) fn tag_of(problem: &FieldProblem, language: Language) -> Option<&'static str> {
    let is_other =
        matches!(problem.expected, Expected::Other(_)) || matches!(problem.found, Found::Other(_));
    (language != Language::En && is_other).then_some("en")
}

/// What is wrong with a cell or a row.
pub(super) fn misfit(misfit: &Misfit, language: Language) -> String {
    match (misfit, language) {
        (Misfit::Unfit(problem), _) => told(problem, language),
        (_, Language::En) => misfit.to_string(),
        (Misfit::NoRow(why), Language::Zh) => file::no_row(why),
        (Misfit::Refused(why), Language::Zh) => file::ruled(why),
    }
}

/// The language of what [`misfit`] says.
pub(super) fn tag(misfit: &Misfit, language: Language) -> Option<&'static str> {
    match misfit {
        Misfit::Unfit(problem) => tag_of(problem, language),
        Misfit::NoRow(_) | Misfit::Refused(_) => None,
    }
}

/// Why a file cannot be read or brought in, of which there is the sentence that answers have. What no page tells
/// stays as it is.
pub(super) fn of_file(text: &str, language: Language) -> Markup {
    let told = (language == Language::Zh).then(|| file::told(text)).flatten();
    match told {
        None => {
            let tag = (language != Language::En).then_some("en");
            html! { code lang=[tag] { (text) } }
        }
        Some((told, None)) => html! { (told) },
        Some((told, Some(found))) => html! { (told) "：" code lang="en" { (found) } },
    }
}

/// All parts of a request that do not fit, a line each.
pub(super) fn lines(problem: &Problem, language: Language) -> Vec<String> {
    let line = |(place, wrong, detail): (&str, &Wrong, &str)| {
        let told = (language == Language::Zh).then(|| in_chinese(wrong)).flatten();
        told.map_or_else(|| format!("`{place}`: {detail}"), |told| format!("`{place}`：{told}"))
    };
    problem.wrongs().map(line).collect()
}

/// What is wrong with a part of a request, in Chinese; `None` if no page tells it.
fn in_chinese(wrong: &Wrong) -> Option<String> {
    Some(match wrong {
        Wrong::Unfit(problem) => told(problem, Language::Zh),
        Wrong::Unknown(names, None) if names.is_empty() => "此处没有任何参数".to_owned(),
        Wrong::Unknown(names, also) => {
            let names = names.iter().map(|name| (*name).to_owned());
            let told: Vec<String> = names.chain(also.as_ref().map(expected)).collect();
            format!("无法识别，应为：{}", told.join("、"))
        }
        Wrong::Missing(missing) => format!("缺少{}", expected(missing)),
        Wrong::Repeated => "重复给出".to_owned(),
        Wrong::NotFound => "找不到".to_owned(),
        Wrong::Other => return None,
    })
}

/// What a field takes, in Chinese.
fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Text => "文本".to_owned(),
        Expected::TextWithoutNul => "不含 U+0000 的文本".to_owned(),
        Expected::Gender => "0、1 或 2".to_owned(),
        Expected::GenderWord => "男、女、未知（或 1、2、0）".to_owned(),
        Expected::WholeNumber => "整数".to_owned(),
        Expected::Number => "数字".to_owned(),
        Expected::NumberInRange => "小于 2^63 的数字".to_owned(),
        Expected::FewDigits => "最多 15 位有效数字的数字".to_owned(),
        Expected::Flag => "true 或 false".to_owned(),
        Expected::FlagWord => "是、否（或 1、0）".to_owned(),
        Expected::Date => "日期，例如 1990-01-31".to_owned(),
        Expected::Time => "时间，例如 2017-01-31T08:00:00Z".to_owned(),
        Expected::Custom => "文本、数字、是否或空".to_owned(),
        Expected::Value => "值".to_owned(),
        Expected::AllDigits => "完整的数字".to_owned(),
        Expected::AllDigitsAsText => "以文本保存的完整数字".to_owned(),
        Expected::CustomerId => "本系统客户 ID，例如 12".to_owned(),
        Expected::IdentityList => "由 type 和 value 组成的列表".to_owned(),
        Expected::IdentityParts => "身份类型和身份值".to_owned(),
        Expected::OneValue => "一个值".to_owned(),
        Expected::IdentityOrField => "身份或属性值".to_owned(),
        Expected::ValueOrEmpty => "值（筛选未填写的客户请用“为空”）".to_owned(),
        Expected::OrderedField => "可比较大小的字段".to_owned(),
        Expected::TextField => "文本字段".to_owned(),
        Expected::Beginning => "文本的开头".to_owned(),
        Expected::OneOrZero => "1 或 0".to_owned(),
        Expected::CustomerNumber => "客户 ID".to_owned(),
        Expected::EntryNumber => "记录编号".to_owned(),
        Expected::CountFromOne => "大于 0 的整数".to_owned(),
        Expected::LocalTime => "时间，例如 2026-05-04T09:02".to_owned(),
        Expected::OnConflict => " merge、keep 或 reject".to_owned(),
        Expected::FoundBy => " id、identity、mobile、email 中的若干项，用逗号分隔".to_owned(),
        Expected::FoundByIdentity => "含有 identity 的列表".to_owned(),
        Expected::UtcOffset => "时差，例如 +08:00 或 Z".to_owned(),
        Expected::EncodingName => "编码名称，例如 gb18030".to_owned(),
        Expected::Delimiter => "一个 ASCII 字符（不能是字母、数字或引号），或 tab".to_owned(),
        Expected::FilteredField => "属性名称，或 attr. 加自定义属性名称".to_owned(),
        Expected::FilterOperator => {
            "冒号后为 not、in、gt、gte、lt、lte、prefix、empty 之一".to_owned()
        }
        Expected::Chars(most) => format!("最多 {most} 个字符"),
        Expected::Values(most) => format!("最多 {most} 个值"),
        Expected::Cells(columns) => format!(" {columns} 个值"),
        Expected::NameOfChars(most) => format!("最多 {most} 个字符的名称"),
        Expected::OnCustomer(most) => format!("每个客户最多 {most} 个"),
        Expected::SameAsLine(line) => format!("与第 {line} 行相同或留空（同一客户）"),
        Expected::Other(text) => format!(" {text}"),
    }
}

/// What a value is instead, in Chinese.
fn found(found: &Found) -> String {
    match found {
        Found::Null | Found::Nothing => "空".to_owned(),
        Found::Text => "文本".to_owned(),
        Found::OtherText => "其他文本".to_owned(),
        Found::TextWithNul => "含 U+0000 的文本".to_owned(),
        Found::WholeNumber => "整数".to_owned(),
        Found::Number => "数字".to_owned(),
        Found::OtherNumber => "其他数字".to_owned(),
        Found::LargerNumber => "更大的数字".to_owned(),
        Found::ManyDigits => "位数过多的数字".to_owned(),
        Found::Flag => "true 或 false".to_owned(),
        Found::FlagField => "是否字段".to_owned(),
        Found::Array => "列表".to_owned(),
        Found::Object => "对象".to_owned(),
        Found::ObjectWithout => "缺少这两项的对象".to_owned(),
        Found::OnePart => "只有其中一项".to_owned(),
        Found::SecondColumn => "另一列也给出了值".to_owned(),
        Found::OtherValue => "其他值".to_owned(),
        Found::OtherField => "其他字段".to_owned(),
        Found::Neither => "两者都没有".to_owned(),
        Found::Damaged => "乱码，文件可能是其他编码".to_owned(),
        Found::FormulaError => "表格公式的错误值".to_owned(),
        Found::Rounded => "被表格软件舍入的数字".to_owned(),
        Found::RoundedLong => "超过 15 位、已被表格软件舍入的数字".to_owned(),
        Found::Chars(chars) => format!(" {chars} 个字符"),
        Found::Digits(digits) => format!(" {digits} 位"),
        Found::Count(count) => format!(" {count} 个"),
        Found::Other(text) => format!(" {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::parameters::Parameters;

    #[test]
    fn a_reason_is_told_in_the_language_of_the_page() {
        for (problem, en, zh) in [
            (
                FieldProblem::new(Expected::Date, Found::OtherText),
                "expected a date like 1990-01-31, found other text",
                "应为日期，例如 1990-01-31，实际为其他文本",
            ),
            (
                FieldProblem::new(Expected::Chars(64), Found::Chars(70)),
                "expected at most 64 characters, found 70 characters",
                "应为最多 64 个字符，实际为 70 个字符",
            ),
            (
                FieldProblem::new(Expected::AllDigits, Found::Rounded),
                "expected all digits, found a number that a spreadsheet has rounded",
                "应为完整的数字，实际为被表格软件舍入的数字",
            ),
            (
                FieldProblem::new(Expected::SameAsLine(7), Found::OtherValue),
                "expected what line 7 says of the same customer, or nothing, found another value",
                "应为与第 7 行相同或留空（同一客户），实际为其他值",
            ),
        ] {
            assert_eq!(told(&problem, Language::En), en);
            assert_eq!(
                (&*told(&problem, Language::Zh), tag_of(&problem, Language::Zh)),
                (zh, None)
            );
        }
        let other = FieldProblem::new("a name", "none");
        assert_eq!(told(&other, Language::Zh), "应为 a name，实际为 none");
        assert_eq!([Language::Zh, Language::En].map(|it| tag_of(&other, it)), [Some("en"), None]);
    }

    #[test]
    fn what_is_wrong_with_an_address_is_told_in_the_language_of_the_page() {
        let mut parameters = Parameters::given(Vec::new());
        parameters.unknown("nonsense", Expected::FilteredField);
        parameters.missing("toValue", "the value of the identity");
        parameters.repeated("stage", "the parameter is given twice");
        parameters.unfit("seq", Expected::EntryNumber, Found::OtherText);
        let problem = parameters.end().unwrap_err();
        assert_eq!(
            lines(&problem, Language::Zh),
            [
                "`nonsense`：无法识别，应为：属性名称，或 attr. 加自定义属性名称",
                "`toValue`：缺少 the value of the identity",
                "`stage`：重复给出",
                "`seq`：应为记录编号，实际为其他文本",
            ]
        );
        assert_eq!(
            lines(&problem, Language::En),
            [
                "`nonsense`: expected one of an attribute, or `attr.` and a key",
                "`toValue`: expected the value of the identity, found nothing",
                "`stage`: the parameter is given twice",
                "`seq`: expected the number of an entry, found other text",
            ]
        );
        let given = vec![("step".to_owned(), "1".to_owned())];
        let unknown = Parameters::given(given).end().unwrap_err();
        assert_eq!(lines(&unknown, Language::Zh), ["`step`：此处没有任何参数"]);
    }
}
