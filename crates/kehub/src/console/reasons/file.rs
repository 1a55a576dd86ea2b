//! Why files and their rows cannot be brought in, in Chinese.

use crate::console::words::Language;
use crate::files::error::{Broken, Halt, NoRow, Unfit};
use crate::files::mapping::MappingError;
use crate::files::ruled::Ruled;

/// What the sentence of an answer, or of an import that failed, says; and what a library has found, which is
/// English. `None` if no page tells it.
pub(super) fn told(text: &str) -> Option<(String, Option<String>)> {
    let line = text.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    let line = line.filter(|(number, _)| number.parse::<u64>().is_ok());
    let (line, text) = line.map_or((None, text), |(number, rest)| (Some(number), rest));
    let unfit = || Unfit::read(text).map(|it| unfit(&it));
    let mapping = || MappingError::read(text).map(|it| mapping(&it));
    let halt = || Halt::read(text).map(|it| halt(&it));
    let (told, found) = unfit().or_else(mapping).or_else(halt)?;
    Some((line.map_or_else(|| told.clone(), |number| format!("第 {number} 行：{told}")), found))
}

fn unfit(unfit: &Unfit) -> (String, Option<String>) {
    let told = match unfit {
        Unfit::PackedTwice => "文件被压缩了两次，只能压缩一次".to_owned(),
        Unfit::OldWorkbook => {
            "这是旧版 Excel 工作簿（.xls），请另存为 .xlsx；支持 CSV、XLSX、NDJSON".to_owned()
        }
        Unfit::Protected => "工作簿有密码保护，请去掉密码后另存".to_owned(),
        Unfit::OpenDocument => "这是 OpenDocument 表格（.ods），请另存为 .xlsx".to_owned(),
        Unfit::NoWorkbookInside => "这是 ZIP 压缩包，其中没有工作簿，请先解压".to_owned(),
        Unfit::OtherArchive => "这是压缩包（RAR、7z），请先解压".to_owned(),
        Unfit::JsonArray => "这是 JSON 数组，请改为每行一个对象，去掉最外层的方括号".to_owned(),
        Unfit::Picture => "这是图片，不是表格".to_owned(),
        Unfit::Pdf => "这是 PDF，不是表格".to_owned(),
        Unfit::WebPage => "这是网页或 XML，请用 Excel 打开后另存为 .xlsx".to_owned(),
        Unfit::HeldTooLarge { most } => {
            format!("再次压缩的工作簿最大 {most} 字节：请直接上传工作簿，或另存为 CSV")
        }
        Unfit::NoSheet { names, .. } if names.is_empty() => "工作簿中没有工作表".to_owned(),
        Unfit::NoSheet { names, found } => format!("没有工作表 {found}，现有工作表：{names}"),
        Unfit::EmptySheet => "工作表是空的，应有一行列标题".to_owned(),
        Unfit::EmptyFile => "文件是空的，应有一行列标题".to_owned(),
        Unfit::NoHeadings { line } => format!("第 {line} 行没有列标题"),
        Unfit::OpenQuote => "列标题中有引号没有结束".to_owned(),
        Unfit::LongRow { most } => too_long(*most),
        Unfit::TooManyColumns { most, found } => format!("最多 {most} 列，实际为 {found} 列"),
        Unfit::FurtherColumn { most } => further_right(*most),
        Unfit::TooManyParts { most, found } => {
            format!("工作簿最多 {most} 个部件，实际为 {found} 个")
        }
        Unfit::OverlappingParts => "不是有效的 XLSX 工作簿：部件列表中有重叠的部件".to_owned(),
        Unfit::OddTexts { part } => format!("不是有效的 XLSX 工作簿：{part} 中有控制字符"),
        Unfit::NoTexts { part } => format!("不是有效的 XLSX 工作簿：{part} 中没有共享文本"),
        Unfit::TooManyTexts { most, part } => {
            format!("工作簿最多 {most} 条共享文本，{part} 中超出")
        }
        Unfit::LargeCells { most, part } => large("单元格解压后", *most, part),
        Unfit::LargeTexts { most, part } => large("共享文本解压后", *most, part),
        Unfit::LargeFormats { most, part } => large("格式和名称解压后", *most, part),
        Unfit::HeldFormats { most, part } => large("格式的名称和代码", *most, part),
        Unfit::NoWorkbook { found } => {
            return ("不是有效的 XLSX 工作簿".to_owned(), Some(found.clone()));
        }
    };
    (told, None)
}

fn too_long(most: usize) -> String {
    format!("一行超过 {most} 字节")
}

fn further_right(most: usize) -> String {
    format!("最多 {most} 列，更靠右的列中还有值")
}

/// A workbook of which something is too large.
fn large(what: &str, most: u64, part: &str) -> String {
    let part = if part == Unfit::LIST { "部件列表" } else { part };
    format!("工作簿的{what}最大 {most} 字节，{part} 超出：请另存为 CSV")
}

fn mapping(error: &MappingError) -> (String, Option<String>) {
    let told = match error {
        MappingError::NotAPair { found } => format!("应为“列=含义”，实际为 {found}"),
        MappingError::TargetUnknown { found, names } => {
            format!("没有含义 {found}；可用：-（不导入）、identity:类型、attr.名称、{names}")
        }
        MappingError::ColumnUnknown { wanted, known } => {
            format!("文件中没有列 {wanted}，现有列：{known}")
        }
        MappingError::ColumnAmbiguous { wanted, first } => {
            format!("有多列的标题为 {wanted}，请用列号指定，例如 #{first}")
        }
        MappingError::TargetTwice { one, other, target } => {
            format!("第 {one} 列和第 {other} 列的含义都是 {target}，请去掉其中一列")
        }
        MappingError::NotAMapping { found } => {
            return ("列设置应为 JSON 对象".to_owned(), Some(found.clone()));
        }
        MappingError::NoIds => "按 ID 匹配需要 id 或 客户ID 列".to_owned(),
    };
    (told, None)
}

fn halt(halt: &Halt) -> (String, Option<String>) {
    match halt {
        Halt::Report { trouble } => ("无法写入被拒绝的行".to_owned(), Some(trouble.clone())),
        Halt::Outcome => ("系统内部错误".to_owned(), None),
        Halt::OtherVersion => ("该导入由其他版本的系统开始，请重新上传文件".to_owned(), None),
    }
}

/// Why a line is no row.
pub(super) fn no_row(why: &NoRow) -> String {
    match why {
        NoRow::Other(found) => format!("应为 JSON 对象，实际为{}", super::found(found)),
        NoRow::Broken { broken: Broken::Ended, .. } => "不是完整的 JSON 对象：内容中断".to_owned(),
        NoRow::Broken { broken: Broken::Repeated, column, .. } => {
            format!("不是有效的 JSON 对象：同一个键出现两次（至第 {column} 字节）")
        }
        NoRow::Broken { broken: Broken::Malformed, column, .. } => {
            format!("不是有效的 JSON 对象：第 {column} 字节有误")
        }
        NoRow::OpenQuote { line } => {
            format!("不是一行：第 {line} 行的引号直到文件末尾都没有结束")
        }
        NoRow::StrayQuote { line } => {
            format!("结束引号后应为分隔符，实际为文本：第 {line} 行的引号似乎没有结束")
        }
        NoRow::Long { most } => too_long(*most),
        NoRow::Cells { most, found } => format!("最多 {most} 个值，实际为 {found} 个"),
        NoRow::FurtherColumn { most } => further_right(*most),
        NoRow::Headings => "不是客户，而是重复的列标题".to_owned(),
        NoRow::Total { found } => format!("不是客户，而是以“{found}”开头的合计行"),
        NoRow::Members { most } => format!("最多 {most} 个不同的键，实际更多"),
    }
}

/// Why the rules refuse a row.
pub(super) fn ruled(why: &Ruled) -> String {
    match why {
        Ruled::NothingUsable => "没有可用于匹配的身份，也没有其他依据可找到或新建客户".to_owned(),
        Ruled::InConflict(rules) => {
            let words = Language::Zh.words();
            let rules: Vec<&str> = rules.iter().map(|rule| words.rule(*rule)).collect();
            format!("有冲突：{}", rules.join("、"))
        }
        Ruled::TooManyCustom { found, limit } => {
            format!("每个客户最多 {limit} 个自定义属性，实际为 {found} 个")
        }
        Ruled::NoCustomer(id) => format!("系统中没有客户 {id}"),
        Ruled::Deleted(id) => format!("客户 {id} 已删除"),
        Ruled::Erased(id) => format!("客户 {id} 的数据已清除"),
        Ruled::Other => "不符合规则".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::reasons::{misfit, of_file, tag};
    use crate::files::clean::Misfit;
    use crate::wire::json::Json;
    use kehub_core::CustomerId;
    use kehub_core::conflict::Rule;

    #[test]
    fn what_an_import_has_kept_is_told_in_the_language_of_the_page() {
        for (text, zh) in [
            (
                "expected CSV, XLSX or one JSON object a line, found a workbook of an old Excel \
                 (.xls): save it as .xlsx",
                "这是旧版 Excel 工作簿（.xls），请另存为 .xlsx；支持 CSV、XLSX、NDJSON",
            ),
            (
                "line 7: expected a row of headings, found a quote that is opened and not closed",
                "第 7 行：列标题中有引号没有结束",
            ),
            (
                "expected one of the sheets `a`, `b`, found `c`",
                "没有工作表 `c`，现有工作表：`a`, `b`",
            ),
            (
                "expected a workbook whose formats and names unpack to at most 8388608 bytes, found \
                 more in its list of parts: save it as CSV",
                "工作簿的格式和名称解压后最大 8388608 字节，部件列表 超出：请另存为 CSV",
            ),
            (
                "to match by id, expected a column `id` or `客户ID`, found none",
                "按 ID 匹配需要 id 或 客户ID 列",
            ),
            (
                "it was begun by another version of Kehub: send it again",
                "该导入由其他版本的系统开始，请重新上传文件",
            ),
            (
                "expected an XLSX workbook, found invalid Zip archive",
                "不是有效的 XLSX 工作簿：<code lang=\"en\">invalid Zip archive</code>",
            ),
            ("expected a row of headings in line 9, found none", "第 9 行没有列标题"),
            (
                "expected CSV, XLSX or one JSON object a line, found a workbook that is protected by a \
                 password: save it without one",
                "工作簿有密码保护，请去掉密码后另存",
            ),
            // What an earlier version has kept, or the system says.
            ("line up", "<code lang=\"en\">line up</code>"),
        ] {
            assert_eq!(of_file(text, Language::Zh).into_string(), zh);
            let en = of_file(text, Language::En).into_string();
            assert_eq!(en, format!("<code>{text}</code>"));
        }
    }

    #[test]
    fn a_row_is_refused_in_the_language_of_the_page() {
        let broken = |text: &str| NoRow::from(Json::parse(text.as_bytes()).unwrap_err());
        for (why, en, zh) in [
            (
                Misfit::NoRow(NoRow::Other(Json::Array(Vec::new()).kind())),
                "expected a JSON object, found an array",
                "应为 JSON 对象，实际为列表",
            ),
            (
                Misfit::NoRow(broken("{\"a\":1,\"a\":2}")),
                "expected a JSON object: the key `a` is given twice at line 1 column 13",
                "不是有效的 JSON 对象：同一个键出现两次（至第 13 字节）",
            ),
            (
                Misfit::NoRow(NoRow::OpenQuote { line: 7 }),
                "expected a row, found a quote that is opened in line 7 and not closed up to the end \
                 of the file",
                "不是一行：第 7 行的引号直到文件末尾都没有结束",
            ),
            (
                Misfit::NoRow(NoRow::Cells { most: 2000, found: 2001 }),
                "expected at most 2000 values, found 2001",
                "最多 2000 个值，实际为 2001 个",
            ),
            (
                Misfit::NoRow(NoRow::Total { found: "合计" }),
                "expected a customer, found a total: the row begins with `合计`",
                "不是客户，而是以“合计”开头的合计行",
            ),
            (
                Misfit::Refused(Ruled::InConflict(vec![Rule::Distinguishing, Rule::Keep])),
                "expected no conflict, found distinguishing, keep",
                "有冲突：唯一标识不同、设置为不合并",
            ),
            (
                Misfit::Refused(Ruled::Deleted(CustomerId(7))),
                "expected the id of a customer of this hub, found one that was deleted: 7",
                "客户 7 已删除",
            ),
        ] {
            assert_eq!(misfit(&why, Language::En), en);
            assert_eq!(misfit(&why, Language::Zh), zh);
            assert_eq!(tag(&why, Language::Zh), None);
        }
    }
}
