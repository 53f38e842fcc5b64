//! The layouts of `config/templates`: what a new federation puts into its log, and what `check` uses without one.
//!
//! They are data like any other template; a later one with the same id takes the place of one of these.

use super::{Template, TemplateError, Templates};

/// File names and texts, in the order in which they are put into the log.
pub const FILES: [(&str, &str); 13] = [
    ("licence.toml", include_str!("../../config/templates/licence.toml")),
    ("licence-chongqing-2022.toml", include_str!("../../config/templates/licence-chongqing-2022.toml")),
    ("penalty-2018.toml", include_str!("../../config/templates/penalty-2018.toml")),
    ("penalty-zhengzhou-2020.toml", include_str!("../../config/templates/penalty-zhengzhou-2020.toml")),
    ("penalty-zhejiang-2024.toml", include_str!("../../config/templates/penalty-zhejiang-2024.toml")),
    ("penalty-shanxi-2021.toml", include_str!("../../config/templates/penalty-shanxi-2021.toml")),
    ("penalty-chongqing-2022.toml", include_str!("../../config/templates/penalty-chongqing-2022.toml")),
    ("penalty-shandong-2021.toml", include_str!("../../config/templates/penalty-shandong-2021.toml")),
    ("penalty-hubei-2023.toml", include_str!("../../config/templates/penalty-hubei-2023.toml")),
    ("coercion.toml", include_str!("../../config/templates/coercion.toml")),
    ("other-acts.toml", include_str!("../../config/templates/other-acts.toml")),
    ("review-litigation.toml", include_str!("../../config/templates/review-litigation.toml")),
    ("staff.toml", include_str!("../../config/templates/staff.toml")),
];

/// All of them, parsed.
///
/// # Errors
/// [`TemplateError`] when a file of this build is not a template; a test holds that none is.
pub fn templates() -> Result<Templates, TemplateError> {
    let parse = |(file, text): &(&str, &str)| Template::parse(file, text.as_bytes());
    FILES.iter().map(parse).collect()
}
