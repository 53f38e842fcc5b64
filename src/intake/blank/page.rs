//! The sheets of a blank workbook, as a ministry's forms look: 方正小标宋 falls back to 宋体 where it is missing,
//! landscape A4, one page wide, header repeated on every page.

use super::{Blank, header, unit};
use crate::template::{Column, Kind, Template};
use rust_xlsxwriter::{
    Color, DataValidation, DataValidationErrorStyle, Format, FormatAlign, FormatBorder, Formula, Worksheet,
    XlsxError, utility::row_col_to_cell,
};

/// Row of the headers and of the first data.
const HEADER_ROW: u32 = 2;
const DATA_ROW: u32 = 3;
/// Longest input message that Excel takes, in characters.
const MESSAGE_CHARS_MAX: usize = 255;

fn plain() -> Format {
    Format::new().set_font_name("宋体").set_font_size(11).set_align(FormatAlign::VerticalCenter)
}

fn title() -> Format {
    plain().set_font_name("方正小标宋简体").set_font_size(18).set_align(FormatAlign::Center)
}

fn boxed() -> Format {
    plain().set_border(FormatBorder::Thin).set_align(FormatAlign::Center).set_text_wrap()
}

fn heading() -> Format {
    boxed().set_font_name("黑体").set_background_color(Color::RGB(0xE7_EE_F7))
}

fn open() -> Format {
    boxed().set_unlocked().set_background_color(Color::RGB(0xFF_FD_F0))
}

fn grey() -> Format {
    boxed().set_font_color(Color::RGB(0x59_59_59))
}

fn common_page(sheet: &mut Worksheet, landscape: bool) {
    sheet.set_paper_size(9).set_print_fit_to_pages(1, 0).set_margins(0.6, 0.6, 0.7, 0.7, 0.3, 0.3);
    if landscape {
        sheet.set_landscape();
    }
    sheet.set_footer("&C第 &P 页 共 &N 页").set_print_center_horizontally(true).protect();
}

/// The agency's data.
pub(super) fn agency(sheet: &mut Worksheet, blank: &Blank<'_>) -> Result<(), XlsxError> {
    sheet.set_name("单位信息")?;
    sheet.set_column_width(0, 22)?.set_column_width(1, 60)?.set_row_height(0, 36)?;
    sheet.merge_range(0, 0, 0, 1, "行政执法数据年报 单位信息", &title())?;
    let year = blank.year.to_string();
    let rows = [
        ("机关名称", blank.agency_name, "机关全称，与印章一致"),
        ("统一社会信用代码", blank.agency_code, "18 位；没有的留空"),
        ("区划代码", blank.division, "6 位或 9 位；功能区如 330100-xihu"),
        ("年度", &year, "本工作簿的年度，请勿更改；其他年度请另行生成"),
        ("数据状态", "", "年度已结束的为最终，未结束的为暂定；留空按年度自动判断"),
        ("统计口径", "本级", "只计本机关的为本级；含下级或所属单位的为汇总，并列出成员单位"),
        ("成员单位", "", "仅汇总数据填写，用顿号分隔"),
        ("来源网址", "", "此前已在网站公布的，填写网址"),
        ("照原样公布理由", "", "确须照原样公布不相符的数字时填写，理由将一并公布"),
        ("说明", "", "填报说明，将一并公布"),
    ];
    for ((key, value, rule), row) in rows.into_iter().zip(1_u32..) {
        sheet.set_row_height(row, 24)?;
        sheet.write_string_with_format(row, 0, key, &heading())?;
        let format = open().set_align(FormatAlign::Left).set_num_format("@");
        sheet.write_string_with_format(row, 1, value, &format)?;
        let validation = DataValidation::new().set_input_title(key)?.set_input_message(rule)?;
        let validation = match key {
            "数据状态" => validation.allow_list_strings(&["最终", "暂定"])?,
            "统计口径" => validation.allow_list_strings(&["本级", "汇总"])?,
            _ => validation,
        };
        sheet.add_data_validation(row, 1, row, 1, &validation)?;
    }
    common_page(sheet, false);
    Ok(())
}

/// The prose.
pub(super) fn prose(sheet: &mut Worksheet, blank: &Blank<'_>) -> Result<(), XlsxError> {
    sheet.set_name("总体情况")?;
    sheet.set_column_width(0, 90)?.set_row_height(0, 36)?;
    sheet.write_string_with_format(0, 0, format!("{}年度行政执法总体情况", blank.year), &title())?;
    let format = open().set_align(FormatAlign::Left).set_align(FormatAlign::Top).set_num_format("@");
    let rule = "每格一段。请勿写入身份证号、手机号、银行卡号和个人健康情况：内容将全文公开。";
    let validation = DataValidation::new().set_input_title("总体情况")?.set_input_message(rule)?;
    for row in 1..=12 {
        sheet.set_row_height(row, 60)?;
        sheet.write_blank(row, 0, &format)?;
    }
    sheet.add_data_validation(1, 0, 12, 0, &validation)?;
    common_page(sheet, false);
    Ok(())
}

/// A table.
pub(super) fn table(
    sheet: &mut Worksheet,
    blank: &Blank<'_>,
    template: &Template,
    name: &str,
) -> Result<(), XlsxError> {
    // A layout has at most 200 columns.
    let count = u16::try_from(template.columns.len()).unwrap_or(u16::MAX);
    let shift = u16::from(!blank.units.is_empty());
    let last = (count + shift).saturating_sub(1);
    sheet.set_name(name)?.set_row_height(0, 36)?.set_row_height(HEADER_ROW, 66)?;
    let heads = format!("{}年{}", blank.year, template.title);
    merged(sheet, 0, last, &heads, &title())?;
    merged(sheet, 1, last, &format!("计量单位：{}", unit(template)), &plain().set_align(FormatAlign::Right))?;
    if shift == 1 {
        sheet.set_column_width(0, 26)?;
        sheet.write_string_with_format(HEADER_ROW, 0, "单位名称", &heading())?;
    }
    let unit_rows = u32::try_from(blank.units.len()).unwrap_or(u32::MAX).max(1);
    let data = DATA_ROW..DATA_ROW + unit_rows;
    for (unit, row) in blank.units.iter().zip(data.clone()) {
        sheet.write_string_with_format(row, 0, unit, &grey().set_align(FormatAlign::Left))?;
    }
    let total_row = (shift == 1).then_some(data.end);
    if let Some(row) = total_row {
        sheet.write_string_with_format(row, 0, "合计", &heading())?;
    }
    for (column, at) in template.columns.iter().zip(shift..) {
        sheet.set_column_width(at, if column.kind == Kind::Money { 15 } else { 11 })?;
        sheet.write_string_with_format(HEADER_ROW, at, header(template, column), &heading())?;
        for row in data.clone() {
            match parts(template, column, row, shift) {
                Some(formula) => {
                    sheet.write_formula_with_format(
                        row,
                        at,
                        Formula::new(formula).set_result(""),
                        &grey(),
                    )?;
                }
                None => {
                    sheet.write_blank(row, at, &open())?;
                }
            }
        }
        if let Some(row) = total_row {
            let sum = format!("SUM({}:{})", row_col_to_cell(DATA_ROW, at), row_col_to_cell(row - 1, at));
            sheet.write_formula_with_format(row, at, Formula::new(sum).set_result(""), &grey())?;
        }
        // Each cell says its own figure of last year.
        for (unit, row) in names(blank).zip(data.clone()) {
            let last = blank.last_year.of(template, unit, column);
            let validation = validation(template, column, &row_col_to_cell(row, at), last)?;
            sheet.add_data_validation(row, at, row, at, &validation)?;
        }
    }
    let below = data.end + u32::from(shift) + 1;
    let rules = below + last_year(sheet, blank, template, below, shift)?;
    // A narrow table leaves the note little room.
    let width: u32 =
        template.columns.iter().map(|column| if column.kind == Kind::Money { 15 } else { 11 }).sum();
    sheet.set_row_height(rules, if width < 90 { 48 } else { 20 })?;
    merged(
        sheet,
        rules,
        last,
        "注：有职权而没有案件的填 0；没有此项职权的填“不适用”；整张表都没有职权的不填。",
        &plain().set_text_wrap(),
    )?;
    sheet.set_freeze_panes(DATA_ROW, shift)?.set_repeat_rows(0, HEADER_ROW)?;
    common_page(sheet, true);
    Ok(())
}

/// What the rows to fill in are called: the units; nothing, where the one row is the whole.
fn names<'a>(blank: &'a Blank<'_>) -> impl Iterator<Item = &'a str> {
    let whole = blank.units.is_empty().then_some("");
    blank.units.iter().map(String::as_str).chain(whole)
}

/// Last year's figures, if there are any: a row for each unit that has some, and one for the whole. How many rows they
/// take.
fn last_year(
    sheet: &mut Worksheet,
    blank: &Blank<'_>,
    template: &Template,
    row: u32,
    shift: u16,
) -> Result<u32, XlsxError> {
    let named = |unit: &str| {
        template.columns.iter().any(|column| blank.last_year.of(template, unit, column).is_some())
    };
    let units: Vec<&str> =
        blank.units.iter().map(String::as_str).chain([""]).filter(|unit| named(unit)).collect();
    if units.is_empty() {
        return Ok(0);
    }
    let heading = format!("上年公布数（{} 年，仅供对照，不随本表上报）", blank.year.saturating_sub(1));
    sheet.write_string_with_format(row, 0, heading, &plain())?;
    for (unit, row) in units.iter().zip(row + 1..) {
        if shift == 1 {
            let name = if unit.is_empty() { "合计" } else { unit };
            sheet.write_string_with_format(row, 0, name, &grey().set_align(FormatAlign::Left))?;
        }
        for (column, at) in template.columns.iter().zip(shift..) {
            let value = blank.last_year.of(template, unit, column).unwrap_or_default();
            sheet.write_string_with_format(row, at, value, &grey())?;
        }
    }
    Ok(u32::try_from(units.len()).unwrap_or(u32::MAX).saturating_add(2))
}

/// The formula of a column that is the sum of others.
fn parts(template: &Template, column: &Column, row: u32, shift: u16) -> Option<String> {
    let equals = template.columns.iter().position(|other| other.id == column.id)?;
    let identity = template.identities.iter().find(|identity| identity.equals == equals)?;
    let cells: Vec<String> = identity
        .sum
        .iter()
        .map(|place| row_col_to_cell(row, u16::try_from(*place).unwrap_or(u16::MAX).saturating_add(shift)))
        .collect();
    let ascending = identity.sum.windows(2).all(|pair| matches!(pair, [a, b] if *b == a + 1));
    match (cells.first(), cells.last()) {
        (Some(first), Some(last)) if ascending => Some(format!("SUM({first}:{last})")),
        _ => Some(cells.join("+")),
    }
}

/// What a cell takes, and what it says when it is selected.
fn validation(
    template: &Template,
    column: &Column,
    cell: &str,
    last: Option<&str>,
) -> Result<DataValidation, XlsxError> {
    let whole = if column.kind == Kind::Count { format!(",{cell}=INT({cell})") } else { String::new() };
    let rule = format!("OR({cell}=\"不适用\",AND(ISNUMBER({cell}),{cell}>=0{whole}))");
    let at = template.columns.iter().position(|other| other.id == column.id);
    let mut message = match column.kind {
        Kind::Count => format!("单位：{}，整数。", column.unit),
        Kind::Money => format!("单位：{}，以决定书载明的金额计，不计入合计。", column.unit),
    };
    for identity in &template.identities {
        let total = template.columns.get(identity.equals).map_or("", |total| total.header.as_str());
        if Some(identity.equals) == at {
            message.push_str("等于各分项之和，自动计算。");
        } else if at.is_some_and(|at| identity.sum.contains(&at)) {
            message.push_str(&format!(
                "计入“{total}”；同一案件有几项的只计一次，计最重的一项，有名称的先于“其他”。"
            ));
        }
    }
    for warning in &template.warnings {
        if at.is_some_and(|at| warning.left.contains(&at)) {
            message.push_str(&format!("请核实：{}。", warning.zh));
        }
    }
    if let Some(value) = last {
        message.push_str(&format!("上年：{value}。"));
    }
    let message: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
    let short: String = column.header.chars().take(30).collect();
    DataValidation::new()
        .allow_custom(Formula::new(rule))
        .set_input_title(short)?
        .set_input_message(message)?
        .set_error_style(DataValidationErrorStyle::Stop)
        .set_error_title("请填数字")?
        .set_error_message("请填 0 或正数（件数为整数）；没有此项职权的填“不适用”。")
}

fn merged(sheet: &mut Worksheet, row: u32, last: u16, text: &str, format: &Format) -> Result<(), XlsxError> {
    match last {
        0 => sheet.write_string_with_format(row, 0, text, format)?,
        _ => sheet.merge_range(row, 0, row, last, text, format)?,
    };
    Ok(())
}
