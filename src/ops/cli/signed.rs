//! Signed packages at the node: what an agency's desk signed is read, checked as a report is, and submitted as it is.

use super::args::Global;
use super::attach::{Part, begin, outline};
use super::link::Link;
use super::{NOT_VERIFIED, runtime};
use crate::ops::service::{Failure, Keying, Request};
use crate::package::body;
use crate::package::finding::{Finding, Findings, Grade};
use crate::package::validate::check_tables;
use crate::statement::signed::{HEAD_BYTES_MAX, MAGIC, SignedError, SignedPackage};
use crate::statement::{BodyRole, Card};
use crate::sync::body::PackedBody;
use crate::template::Templates;
use serde_bytes::ByteBuf;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A signed package that was read: its head, the card in it, and where its attachments begin.
pub(super) struct Signed {
    path: PathBuf,
    package: SignedPackage,
    card: Card,
    attachments_from: u64,
}

/// True for a file that begins as a signed package.
pub(super) fn is_signed(path: &Path) -> bool {
    let mut first = [0; MAGIC.len()];
    File::open(path).is_ok_and(|mut file| file.read_exact(&mut first).is_ok()) && first == *MAGIC
}

/// Reads a signed package and checks its figures against the templates, as its desk did or should have.
pub(super) fn read(path: &Path, templates: &Templates) -> (Option<Box<Signed>>, Vec<Finding>) {
    let signed = match open(path) {
        Ok(signed) => signed,
        Err(error) => {
            let zh = format!("签名文件不能用：{error}");
            return (
                None,
                vec![Finding::must_fix("signed_package", &zh, "the signed package cannot be used")],
            );
        }
    };
    let mut found = Findings::new();
    let report = signed.card.act.report();
    let package = report.and_then(|report| report.package());
    if let (Some(_), Some((_, content))) = (package, signed.package.carried.first()) {
        match body::parse(content) {
            Ok(body) => {
                let mut tables = body.tables.into_owned();
                check_tables(&mut tables, templates, body.as_printed.is_some(), &mut found);
            }
            Err(error) => {
                let zh = format!("正文不合格式：{error}");
                found.push(Finding::must_fix("body_format", &zh, "the body is not of its format"));
            }
        }
    }
    let found = found.into_list();
    let sound = found.iter().all(|finding| finding.grade != Grade::MustFix);
    (sound.then(|| Box::new(signed)), found)
}

fn open(path: &Path) -> Result<Signed, SignedError> {
    let cut = || SignedError::Layout(crate::bytes::LayoutError::invalid("file", "cannot be read to its end"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|_| cut())?;
    let length = file.metadata().map_err(|_| cut())?.len();
    file.take(HEAD_BYTES_MAX).read_to_end(&mut bytes).map_err(|_| cut())?;
    let (package, card, end) = SignedPackage::parse(&bytes)?;
    let attachments: u64 = package.attached.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    // Cut, or with something behind it.
    if (end as u64).saturating_add(attachments) != length {
        return Err(cut());
    }
    Ok(Signed { path: path.to_path_buf(), package, card, attachments_from: end as u64 })
}

/// Hands the attachments to the node; the request that submits the rest.
pub(super) fn submission(global: &Global, signed: &Signed) -> Result<Request, Failure> {
    let report = signed.card.act.report();
    let named = report.into_iter().flat_map(|report| &report.bodies);
    let named: Vec<_> = named.filter(|body| body.role == BodyRole::Attachment).collect();
    let damaged = || {
        let message = format!(
            "{}: 附件与签名不符，文件已损坏 / an attachment is not what was signed: the file is damaged",
            signed.path.display()
        );
        Failure::new(NOT_VERIFIED, "body_not_signed", message)
    };
    if named.len() != signed.package.attached.len() {
        return Err(damaged());
    }
    let mut from = signed.attachments_from;
    for ((salt, bytes), body) in signed.package.attached.iter().zip(named) {
        let part = Part { path: &signed.path, from, bytes: Some(*bytes) };
        let outline = outline(part, *salt)?;
        if outline.digest() != Some(body.digest) || outline.bytes != body.bytes {
            return Err(damaged());
        }
        runtime()?.block_on(async {
            let mut link = Link::open(&global.data()).await?;
            begin(&mut link, part, outline).await
        })?;
        from = from.saturating_add(*bytes);
    }
    let bodies =
        signed.package.carried.iter().map(|(salt, content)| PackedBody::pack(*salt, content)).collect();
    let card = ByteBuf::from(signed.package.card.clone());
    Ok(Request::Keying(Box::new(Keying::Submit { card, bodies })))
}
