//! Cells as people write them, and what becomes of them.

use super::super::mapping::{Choices, MappingError};
use super::*;
use kehub_core::CustomerId;
use kehub_core::attribute::Real;
use kehub_core::policy::Preset;
use std::borrow::Cow;

/// What is said of genders and flags, word for word.
const GENDERS: &str = "男 (男性, 先生, male, man, m), 女 (女性, 女士, 小姐, female, woman, f), 未知 (保密, \
                       不详, unknown), or 1, 2, 0";
const FLAGS: &str = "是 (真, yes, y, √, ✓, ✔), 否 (假, no, n, ×, ✗, ✘), or true, false, 1, 0";

fn cleaner() -> Cleaner {
    let options = CleanOptions {
        source: "shop.csv".to_owned(),
        zone: "+08:00".to_owned(),
        on_conflict: None,
        matching: Matching::default(),
        cells: Cells::Guarded,
    };
    Cleaner::new(options, Policy::new(Preset::Compat, OnConflict::Merge))
}

fn mapping(headings: &str) -> Mapping {
    let headings: Vec<String> = headings.split(',').map(str::to_owned).collect();
    Mapping::new(&headings, Choices::default(), false).unwrap()
}

fn row(line: u64, cells: &[&str]) -> Row {
    let cells = cells.iter().map(|text| Json::Text(Cow::Owned((*text).to_owned()))).collect();
    Row { line, cells, ..Row::default() }
}

fn read(headings: &str, cells: &[&str]) -> Result<Upsert, Vec<CellProblem>> {
    cleaner().upsert(&mapping(headings), &row(2, cells))
}

fn identities(headings: &str, cells: &[&str]) -> Vec<String> {
    let upsert = read(headings, cells).unwrap();
    let told = |it: &IdentitySent| format!("{} {}", it.kind, it.value);
    upsert.identities.iter().map(told).collect()
}

fn value(heading: &str, text: &str) -> Result<Value, String> {
    let upsert = read(heading, &[text]).map_err(|problems| problems[0].problem.to_string())?;
    Ok(upsert.fields.values.into_values().next().flatten().unwrap())
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn values_are_cleaned_as_people_write_them() {
    for (heading, written, expected) in [
        ("手机", "+86 138-0000-0001", text("13800000001")),
        ("手机", "=\"13800000001\"", text("13800000001")),
        ("手机", "１３８００００００01", text("13800000001")),
        ("姓名", " 王芳\u{3000}", text("王芳")),
        ("性别", "女士", Value::Integer(2)),
        ("性别", "Male", Value::Integer(1)),
        ("性别", "0", Value::Integer(0)),
        ("是否会员", "是", Value::Flag(true)),
        ("是否会员", "N", Value::Flag(false)),
        ("是否会员", "1", Value::Flag(true)),
        ("生日", "1990年3月5日", text("1990-03-05")),
        ("生日", "1990/3/5 0:00", text("1990-03-05")),
        ("员工数", "1,234,567", Value::Integer(1_234_567)),
        ("积分", "１,０００", Value::Integer(1_000)),
        ("积分", "9007199254740993", Value::Integer(9_007_199_254_740_993)),
        ("积分", "12.50", Value::Decimal(Real::new(12.5).unwrap())),
        (
            "积分",
            "0.30000000000000004",
            Value::Decimal(Real::new(0.300_000_000_000_000_04).unwrap()),
        ),
        ("备注", "'=1+1", text("=1+1")),
        ("备注", "'=\"0138\"", text("=\"0138\"")),
        ("备注", "'tis", text("'tis")),
        ("注册时间", "1970-01-01 08:00", Value::Integer(0)),
        ("注册时间", "1970-01-01T00:00:00Z", Value::Integer(0)),
        ("attr1", "38", text("38")),
    ] {
        assert_eq!(value(heading, written).as_ref(), Ok(&expected), "{heading} {written}");
    }
}

#[test]
fn what_cannot_be_cleaned_is_refused() {
    for (heading, written, said) in [
        ("生日", "3/5/1990", "expected a date like 1990-01-31, found other text"),
        ("性别", "x", &format!("expected {GENDERS}, found text")),
        ("性别", "3", &format!("expected {GENDERS}, found another number")),
        ("是否会员", "maybe", &format!("expected {FLAGS}, found other text")),
        ("年收入", "inf", "expected a number, found text"),
        (
            "年收入",
            "0.12345678901234567",
            "expected a number of at most 15 significant digits, found 17 digits",
        ),
        ("员工数", "1,23", "expected a whole number, found text"),
        ("手机", "1.38E+10", "expected all digits, found a number that a spreadsheet has rounded"),
        (
            "attr.card",
            "1.10101199003051E+017",
            "expected all digits, found a number that a spreadsheet has rounded",
        ),
        (
            "openid",
            "1.38E+10",
            "expected all digits, found a number that a spreadsheet has rounded",
        ),
        (
            "姓名",
            "王\u{FFFD}",
            "expected text, found damaged characters: the file may have another encoding",
        ),
        ("姓名", "#N/A", "expected a value, found an error of a spreadsheet formula"),
        ("喜好", "x", "expected an identity, or a value of a field, found neither"),
    ] {
        assert_eq!(value(heading, written), Err(said.to_owned()), "{heading} {written}");
    }
}

#[test]
fn all_that_is_told_to_be_taken_is_taken() {
    for (heading, told) in [("性别", GENDERS), ("是否会员", FLAGS)] {
        let words = told.split([' ', ',', '(', ')']).filter(|it| !["", "or"].contains(it));
        for word in words {
            assert!(value(heading, word).is_ok(), "{heading} {word}");
        }
    }
}

#[test]
fn a_cell_of_an_identity_column_holds_several_and_any_other_one() {
    let expected = ["wechat o|1", "wechat o2\\", "wechat =x"];
    assert_eq!(identities("identity:wechat", &["o\\|1||o2\\\\|=x"]), expected);
    assert_eq!(identities("identity:wechat", &["'=a|b"]), ["wechat =a", "wechat b"]);
    assert_eq!(identities("OpenID", &["o|1"]), ["wechat o|1"]);
}

#[test]
fn parts_are_an_identity_and_rows_of_one_customer_have_one_each() {
    let headings = "id,姓名,身份类型,身份值,身份名称,身份范围";
    let mut first = row(2, &["7", "王芳", "wechat", "o1", "芳", "wx1"]);
    first.further.push(row(3, &["7", "王芳 ", "member-id", "'=M1"]));
    first.further.push(row(4, &["7", "", "", ""]));
    let upsert = cleaner().upsert(&mapping(headings), &first).unwrap();
    let [wechat, member] = upsert.identities.as_slice() else { panic!("{upsert:?}") };
    assert_eq!((wechat.name.as_deref(), wechat.scope.as_deref()), (Some("芳"), Some("wx1")));
    assert_eq!((&*member.kind, &*member.value, &member.name), ("member-id", "=M1", &None));

    first.further.push(row(5, &["7", "李雷", "", "x"]));
    let problems = cleaner().upsert(&mapping(headings), &first).unwrap_err();
    let said: Vec<_> = problems.iter().map(|it| (it.column, it.problem.to_string())).collect();
    let other = "expected what line 2 says of the same customer, or nothing, found another value";
    let missing = "expected a type and a value of an identity, found one without the other";
    assert_eq!(said, [(Some(1), other.to_owned()), (Some(2), missing.to_owned())]);
}

#[test]
fn a_list_of_json_has_identities_of_any_type() {
    let read = |json: &str| {
        let headings = ["identities".to_owned(), "identity:wechat".to_owned()];
        let mapping = Mapping::new(&headings, Choices::default(), true).unwrap();
        let Ok(Json::Array(cells)) = Json::parse(json.as_bytes()) else { panic!("{json}") };
        let cells = cells.iter().map(Json::owned).collect();
        let mut cleaner = cleaner();
        cleaner.options.cells = Cells::Typed;
        cleaner.upsert(&mapping, &Row { line: 1, cells, ..Row::default() })
    };
    let upsert = read(
        r#"[[{"number":1,"type":"qq","value":7,"name":null},{"type":"a","value":"'=|"}],["o1","o|2"]]"#,
    );
    let told = |it: &IdentitySent| format!("{} {}", it.kind, it.value);
    let told: Vec<_> = upsert.unwrap().identities.iter().map(told).collect();
    assert_eq!(told, ["qq 7", "a '=|", "wechat o1", "wechat o|2"]);
    let list = "expected a list of objects with `type` and `value`";
    for (json, said) in [
        (r#"["a"]"#, format!("{list}, found text")),
        (r"[[1]]", format!("{list}, found a whole number")),
        (r"[[{}]]", format!("{list}, found an object without them")),
        (
            r#"[[{"value":"x"}]]"#,
            "expected a type and a value of an identity, found one without the other".to_owned(),
        ),
    ] {
        assert_eq!(read(json).unwrap_err()[0].problem.to_string(), said, "{json}");
    }
}

#[test]
fn an_export_is_in_the_form_in_which_a_hub_keeps_it() {
    let mobile = |headings| {
        let upsert = read(headings, &["7", "+86 138-0000-0001"]).unwrap();
        upsert.fields.values[&FieldKey::Builtin(Attribute::Mobile)].clone().unwrap()
    };
    assert_eq!(mobile("id,mobile"), text("+86 138-0000-0001"));
    assert_eq!(mobile("客户ID,手机"), text("+86 138-0000-0001"));
    assert_eq!(mobile("客户ID,手机号"), text("13800000001"));
    assert!(read("id,name,attr.x", &["7", "damaged \u{FFFD}"]).is_ok());
}

#[test]
fn what_finds_a_customer_makes_it_known_again() {
    let mut by_id = Choices::default();
    by_id.match_by_id();
    let headings = ["客户ID".to_owned(), "手机".to_owned()];
    let mapping = Mapping::new(&headings, by_id.clone(), false).unwrap();
    let mut cleaner = cleaner();
    let upsert = cleaner.upsert(&mapping, &row(2, &["12", "13800000001"])).unwrap();
    assert_eq!(upsert.matching.customer, Some(CustomerId(12)));
    let problem = cleaner.upsert(&mapping, &row(2, &["C12", ""])).unwrap_err().remove(0).problem;
    assert_eq!(
        problem.to_string(),
        "expected the id of a customer of this hub, such as 12, found text"
    );
    assert_eq!(Mapping::new(&headings[1..], by_id, false).unwrap_err(), MappingError::NoIds);

    cleaner.options.matching.mobile = false;
    let row_type = |cells| {
        let upsert = cleaner.upsert(&mapping, &row(2, cells)).unwrap();
        upsert.record.map(|record| record.kind)
    };
    assert_eq!(row_type(&["", "13800000001"]).as_deref(), Some(ROW_TYPE));
    assert_eq!(row_type(&["12", "13800000001"]), None);
}

#[test]
fn a_number_that_a_spreadsheet_has_rounded_is_no_text() {
    let read = |heading, number, cells| {
        let mut cleaner = cleaner();
        cleaner.options.cells = cells;
        let row = Row { line: 2, cells: vec![Json::Real(number)], ..Row::default() };
        cleaner.upsert(&mapping(heading), &row).map_err(|problems| problems[0].problem.to_string())
    };
    let rounded = "expected all digits, as text, found a number of more than 15 digits, which a \
                   spreadsheet has rounded";
    for heading in ["attr.card", "identity:card", "手机", "备注"] {
        assert_eq!(read(heading, 6_222_021_234_567_890.0, Cells::Plain), Err(rounded.to_owned()));
        assert!(read(heading, 0.125, Cells::Plain).is_ok());
    }
    assert!(read("积分", 6_222_021_234_567_890.0, Cells::Plain).is_ok());
    assert!(read("attr.card", 6_222_021_234_567_890.0, Cells::Typed).is_ok());
}

#[test]
fn all_that_does_not_fit_in_a_row_is_told_at_once() {
    let problems = read("生日,name,性别", &["x", "王芳", "y", "z"]).unwrap_err();
    let places: Vec<_> = problems.iter().map(|it| (it.column, it.value.as_str())).collect();
    assert_eq!(places, [(None, ""), (Some(0), "x"), (Some(2), "y")]);
    assert_eq!(problems[0].problem.to_string(), "expected 3 values, found 4");
    assert!(read("name", &["王芳", "", " "]).is_ok());
}

#[test]
fn only_a_row_without_identities_has_a_record() {
    assert_eq!(read("name,openid", &["王", "o1"]).unwrap().record, None);
    let row = |headings, cells| {
        let record = read(headings, cells).unwrap().record.unwrap();
        assert_eq!(record.kind, ROW_TYPE);
        record.value
    };
    row("name,邮箱", &["王", "w@example.com"]);
    row("name,openid,手机", &["王", "unknown", "13800000001"]);
    let one = row("name,city", &["王芳", "深圳"]);
    assert_eq!(one, row("city,姓名,喜好", &["深圳 ", "王芳", "x"]));
    assert_ne!(one, row("name,city", &["王芳", "广州"]));
    assert_ne!(row("id,name", &["1", "王芳"]), row("id,name", &["2", "王芳"]));
    row("name,openid", &["王", "unknown"]);
    row("name,手机", &["王", "00000000000"]);
}
