//! What search engines for data sets read: schema.org `Dataset` as JSON-LD (<https://schema.org/Dataset>).

use super::escape::DataBlock;
use super::folio::Folio;
use super::frame::Frame;
use serde_json::json;

/// A page's data set.
pub(super) fn described(frame: &Frame, folio: &Folio) -> DataBlock {
    let distribution = |(ending, media_type): (&str, &str)| {
        json!({
            "@type": "DataDownload", "encodingFormat": media_type,
            "contentUrl": format!("{}{}{ending}", frame.origin, frame.to(&folio.stem)),
        })
    };
    let forms = [
        (".csv", "text/csv"),
        (".json", "application/json"),
        (".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ];
    let owner = match frame.site.owner.as_str() {
        "" => frame.node.name.as_str(),
        owner => owner,
    };
    DataBlock(json!({
        "@context": "https://schema.org", "@type": "Dataset",
        "name": folio.title, "description": folio.lead, "url": frame.canonical(),
        "inLanguage": if frame.is_english() { "en" } else { "zh-CN" }, "isAccessibleForFree": true,
        "creator": {"@type": "GovernmentOrganization", "name": owner},
        "version": format!("{}:{}", frame.node.root_log.size, frame.node.root_log.root_hash.base64()),
        "distribution": forms.map(distribution),
    }))
}
