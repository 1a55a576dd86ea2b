//! What headings and choices make of columns.

use super::*;

fn headings(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

fn mapped(columns: &str, choices: &[&str]) -> Result<String, MappingError> {
    let mut chosen = Choices::default();
    for choice in choices {
        chosen.add(choice)?;
    }
    let mapping = Mapping::new(&headings(columns), chosen, false)?;
    let targets = mapping.columns.iter().map(|column| column.target.to_string());
    Ok(targets.collect::<Vec<_>>().join(", "))
}

#[test]
fn headings_find_attributes_custom_ones_and_identities() {
    let columns = "姓名,手机号,OpenID,attr12,attr.size,identity:member-id,客户ID,喜好,";
    assert_eq!(
        mapped(columns, &[]).unwrap(),
        "name, mobile, identity:wechat, attr.attr12, attr.size, identity:member-id, \
         - (`id` is set by the hub), - (no known label), - (no heading)"
    );
}

#[test]
fn choices_win_over_labels_and_later_ones_over_earlier() {
    let choices =
        ["会员号=identity:member-id", "a=b=attr.x", "#3=-", "手机=email", "手机=telephone"];
    assert_eq!(
        mapped("会员号,a=b,姓名,手机", &choices).unwrap(),
        "identity:member-id, attr.x, -, telephone"
    );
    let mut chosen = Choices::default();
    chosen.add_file(r#"{"喜好": "attr.hobby", "客户ID": "identity:dmhub-id"}"#.as_bytes()).unwrap();
    let mapping = Mapping::new(&headings("客户 id,喜好"), chosen, false).unwrap();
    let targets: Vec<String> = mapping.columns.iter().map(|it| it.target.to_string()).collect();
    assert_eq!(targets, ["identity:dmhub-id", "attr.hobby"]);
}

#[test]
fn what_is_unclear_is_refused_with_what_there_is() {
    for (columns, choice, said) in [
        ("a", "a=nam", "expected a target, found `nam`\nthere are: - to leave"),
        ("a", "a=id", "expected a target, found `id`"),
        ("a", "a=attr.1 x", "expected a target"),
        ("a", "a=identity:", "expected a target"),
        ("a", "a", "expected COLUMN=TARGET, found `a`"),
        ("a", "b=name", "expected a column of the file, found `b`\nthere are: `a`"),
        (
            "a,x,a",
            "a=name",
            "`a` is the heading of several columns: name one by its number, such as #1",
        ),
        ("手机,手机号", "手机=mobile", "columns #1 and #2 both are `mobile`: leave one out"),
    ] {
        let error = mapped(columns, &[choice]).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    assert!(mapped("openid,OpenID", &[]).is_ok());
    // A number is a number, also where a heading reads like one.
    assert_eq!(
        mapped("#3,a,", &["#3=name"]).unwrap(),
        "- (no known label), - (no known label), name"
    );
    assert_eq!(mapped("#3,a,", &["#1=name"]).unwrap(), "name, - (no known label), - (no heading)");
    assert!(mapped("#3,a", &["#3=name"]).is_err());
    let numbers = ["#1", "#12", "#0", "#01", "#+1", "#", "1", "# 1"].map(numbered);
    assert_eq!(numbers, [Some(0), Some(11), None, None, None, None, None, None]);
    let error = Choices::default().add_file(b"[1]").unwrap_err().to_string();
    assert!(error.starts_with("a mapping is a JSON object"), "{error}");
}

#[test]
fn columns_of_an_export_are_known_whatever_language_they_speak() {
    let parts = "identityType, identityValue, identityName, identityScope";
    let columns = "客户ID,版本,身份类型,身份值,身份名称,身份范围,mergedIds";
    let system = "- (set by the hub)";
    let id = "- (`id` is set by the hub)";
    assert_eq!(mapped(columns, &[]).unwrap(), format!("{id}, {system}, {parts}, {system}"));
    assert_eq!(
        mapped("类型名,值", &["类型名=identityType", "值=identityvalue"]).unwrap(),
        "identityType, identityValue"
    );
    // A list is what JSON has.
    let new = |is_open| Mapping::new(&headings("id,identities"), Choices::default(), is_open);
    let targets = [false, true].map(|is_open| new(is_open).unwrap().columns[1].target.to_string());
    assert_eq!(targets, ["- (no known label)", "identities"]);
    let several = |columns: &str, choices: &[&str], is_open| {
        let mut chosen = Choices::default();
        for choice in choices {
            chosen.add(choice).unwrap();
        }
        Mapping::new(&headings(columns), chosen, is_open).unwrap().columns[0].holds_several
    };
    assert!(several("identity:wechat", &[], false));
    assert!(several("identity:wechat", &["#1=identity:old"], false));
    assert!(!several("identity:wechat", &["#1=name"], false));
    assert!(!several("identity:wechat", &[], true));
    assert!(!several("openid", &[], false));
    assert!(!several("会员", &["会员=identity:member-id"], false));
}

#[test]
fn an_export_is_known_by_all_of_its_headings() {
    let is_export =
        |columns| Mapping::new(&headings(columns), Choices::default(), false).unwrap().is_export;
    for columns in [
        "id",
        "id,rev,mobile,attr.x,identity:wechat",
        "客户ID,手机,身份类型",
        "id,rev,identities,mergedIds",
        "id,name,kehub line,kehub reason",
    ] {
        assert!(is_export(columns), "{columns}");
    }
    for columns in ["", "name,id", "id,手机号", "客户id,手机", "id,mobile,喜好", "ID,mobile"]
    {
        assert!(!is_export(columns), "{columns}");
    }
}

#[test]
fn a_report_of_refused_rows_is_read_without_what_it_added() {
    let columns = format!("name,{}", REPORT_COLUMNS.join(","));
    let report = "- (from a report of refused rows)";
    assert_eq!(mapped(&columns, &[]).unwrap(), format!("name, {report}, {report}, {report}"));
}

#[test]
fn columns_that_tell_who_a_row_is_are_known() {
    let names = |columns: &str| {
        let headings: Vec<String> = columns.split(',').map(str::to_owned).collect();
        Mapping::new(&headings, Choices::default(), false).unwrap().names_anybody()
    };
    for columns in ["name,手机", "Email", "openid,name", "identityType,identityValue"] {
        assert!(names(columns), "{columns}");
    }
    for columns in ["name,city", "手机备用,姓名", "attr.size", "identityType"] {
        assert!(!names(columns), "{columns}");
    }
}

#[test]
fn a_note_at_the_end_of_a_heading_does_not_matter() {
    assert_eq!(
        mapped(
            "姓名（必填）,手机号(必填),性别（男/女）,生日(公历),电子邮箱\n(Email),OpenID[公众号]",
            &[]
        )
        .unwrap(),
        "name, mobile, gender, birthday, email, identity:wechat"
    );
    // What is known without one goes first, and what somebody says before all.
    let unknown = "- (no known label)";
    assert_eq!(mapped("姓名(拼音),姓名", &[]).unwrap(), format!("{unknown}, name"));
    assert_eq!(mapped("姓名(拼音),姓名", &["姓名(拼音)=nickName"]).unwrap(), "nickName, name");
    assert_eq!(mapped("生日(农历),喜好(选填)", &[]).unwrap(), format!("{unknown}, {unknown}"));
    assert!(mapped("手机(1),手机(2)", &[]).is_err());
}
