//! The parts of a workbook's package: read as text, changed in places, written back beside what is not touched.

use super::{Odd, odd};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::ops::Range;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Longest part that is changed, in bytes; the archive was walked before and is no longer in all.
const PART_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A workbook's package and what is changed in it.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    changed: BTreeMap<String, String>,
}

impl<'a> Package<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Odd> {
        Ok(Self { archive: ZipArchive::new(Cursor::new(bytes))?, changed: BTreeMap::new() })
    }

    pub(super) fn has(&self, part: &str) -> bool {
        self.changed.contains_key(part) || self.archive.index_for_name(part).is_some()
    }

    /// The text of a part as it stands now.
    pub(super) fn text(&mut self, part: &str) -> Result<String, Odd> {
        if let Some(text) = self.changed.get(part) {
            return Ok(text.clone());
        }
        let mut bytes = Vec::new();
        self.archive.by_name(part)?.take(PART_BYTES_MAX).read_to_end(&mut bytes)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
        Ok(String::from_utf8(bytes)?)
    }

    pub(super) fn put(&mut self, part: &str, text: String) {
        self.changed.insert(part.to_owned(), text);
    }

    /// Adds a relationship, and the part of relationships if there is none.
    pub(super) fn relate(&mut self, part: &str, id: &str, kind: &str, target: &str) -> Result<(), Odd> {
        if !self.has(part) {
            let empty = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>"#;
            self.put(part, empty.to_owned());
        }
        let text = self.text(part)?;
        let prefix = prefix_of(&text)?;
        let relation = format!("<{prefix}Relationship Id=\"{id}\" Type=\"{kind}\" Target=\"{target}\"/>");
        self.put(part, inserted(&text, "Relationships", &relation)?);
        Ok(())
    }

    /// Says what kind of content a part is.
    pub(super) fn type_part(&mut self, part: &str, kind: &str) -> Result<(), Odd> {
        let text = self.text("[Content_Types].xml")?;
        let prefix = prefix_of(&text)?;
        let name = format!("/{part}");
        let mut known = false;
        each_tag(&text, |tag| {
            known |= tag.attribute("PartName").is_some_and(|held| held.eq_ignore_ascii_case(&name));
            Ok(())
        })?;
        if !known {
            let over = format!("<{prefix}Override PartName=\"{name}\" ContentType=\"{kind}\"/>");
            self.put("[Content_Types].xml", inserted(&text, "Types", &over)?);
        }
        Ok(())
    }

    /// The package as an archive: what is not changed is copied as it is.
    pub(super) fn write(mut self) -> Result<Vec<u8>, Odd> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let plain = || SimpleFileOptions::default();
        for at in 0..self.archive.len() {
            let entry = self.archive.by_index_raw(at)?;
            let name = entry.name()?.to_string();
            match self.changed.remove(&name) {
                Some(text) => {
                    writer.start_file(name, plain())?;
                    writer.write_all(text.as_bytes())?;
                }
                None => writer.raw_copy_file(entry)?,
            }
        }
        for (name, text) in self.changed {
            writer.start_file(name, plain())?;
            writer.write_all(text.as_bytes())?;
        }
        Ok(writer.finish()?.into_inner())
    }
}

/// A tag of a part: `<c r="B7" s="3">`, `<c/>` or `</c>`.
pub(super) struct Tag<'a> {
    /// Where it stands, in bytes.
    pub(super) at: Range<usize>,
    /// The tag as it stands.
    pub(super) text: &'a str,
    /// How many elements are open around it.
    pub(super) depth: usize,
    /// True for `<c>` and `<c/>`.
    pub(super) opens: bool,
    /// True for `</c>` and `<c/>`.
    pub(super) closes: bool,
    name: String,
    start: Option<BytesStart<'a>>,
}

impl Tag<'_> {
    /// Its name without a prefix.
    pub(super) fn local(&self) -> &str {
        self.name.rsplit_once(':').map_or(self.name.as_str(), |(_, local)| local)
    }

    /// An attribute by its name without a prefix (`id` is `r:id` too).
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.start.as_ref()?.attributes();
        let mut named = attributes.with_checks(false).filter_map(Result::ok);
        let found = named.find(|attribute| {
            let full: &str = attribute.key.as_ref();
            full == name
                || full.rsplit_once(':').is_some_and(|(space, local)| space != "xmlns" && local == name)
        })?;
        Some(quick_xml::escape::unescape(found.value.as_ref()).ok()?.into_owned())
    }
}

/// Looks at every tag of a part, in order.
pub(super) fn each_tag<'a>(
    text: &'a str,
    mut look: impl FnMut(&Tag<'a>) -> Result<(), Odd>,
) -> Result<(), Odd> {
    let mut reader = Reader::from_str(text);
    let mut depth = 0_usize;
    loop {
        let from = usize::try_from(reader.buffer_position())?;
        let event = reader.read_event()?;
        let at = from..usize::try_from(reader.buffer_position())?;
        let (name, start, opens, closes) = match event {
            Event::Start(start) => (own_name(&start), Some(start), true, false),
            Event::Empty(start) => (own_name(&start), Some(start), true, true),
            Event::End(end) => {
                let name: &str = end.name().into_inner();
                (name.to_owned(), None, false, true)
            }
            Event::Eof => return Ok(()),
            _ => continue,
        };
        if !opens {
            depth = depth.saturating_sub(1);
        }
        let tag =
            Tag { text: text.get(at.clone()).unwrap_or_default(), at, depth, opens, closes, name, start };
        look(&tag)?;
        if opens && !closes {
            depth += 1;
        }
    }
}

fn own_name(start: &BytesStart<'_>) -> String {
    let name: &str = start.name().into_inner();
    name.to_owned()
}

/// The prefix of a part's root element with its colon, or nothing: what is put in must bear it too.
pub(super) fn prefix_of(text: &str) -> Result<String, Odd> {
    let mut prefix = None;
    each_tag(text, |tag| {
        if prefix.is_none() {
            prefix =
                Some(tag.name.split_once(':').map_or_else(String::new, |(space, _)| format!("{space}:")));
        }
        Ok(())
    })?;
    prefix.ok_or_else(|| Odd("an empty part".to_owned()))
}

/// The text with `what` put in as the last child of the first element `parent`.
pub(super) fn inserted(text: &str, parent: &str, what: &str) -> Result<String, Odd> {
    let mut edits = Edits::default();
    let mut done = false;
    each_tag(text, |tag| {
        if tag.local() == parent && tag.closes && !done {
            done = true;
            match tag.opens {
                // <Types/> becomes <Types>…</Types>.
                true => {
                    let open = tag.text.trim_end_matches('>').trim_end_matches('/');
                    edits.replace(tag.at.clone(), format!("{open}>{what}</{}>", tag.name));
                }
                false => edits.insert(tag.at.start, what.to_owned()),
            }
        }
        Ok(())
    })?;
    if done { Ok(edits.apply(text)) } else { odd(parent) }
}

/// A tag with an attribute set to a value that needs no escapes.
pub(super) fn with_attribute(tag: &str, name: &str, value: &str) -> String {
    let mut from = 0;
    while let Some(found) = tag.get(from..).and_then(|rest| rest.find(name)) {
        let start = from + found;
        let before = tag.get(..start).and_then(|before| before.chars().next_back());
        let rest = tag.get(start + name.len()..).unwrap_or_default();
        let equals = rest.trim_start();
        if before.is_some_and(char::is_whitespace)
            && let Some(quoted) = equals.strip_prefix('=').map(str::trim_start)
            && let Some(quote) = quoted.chars().next().filter(|c| matches!(c, '"' | '\''))
            && let Some((_, after)) = quoted.get(1..).and_then(|inner| inner.split_once(quote))
        {
            return format!("{}{name}=\"{value}\"{after}", tag.get(..start).unwrap_or_default());
        }
        from = start + name.len();
    }
    let end = if tag.ends_with("/>") { tag.len() - 2 } else { tag.len().saturating_sub(1) };
    let (open, close) = tag.split_at(end);
    format!("{} {name}=\"{value}\"{close}", open.trim_end())
}

/// A target of a relationship as the name of a part.
pub(super) fn resolve(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut path: Vec<&str> = folder.split('/').collect();
    for step in target.split('/') {
        match step {
            ".." => drop(path.pop()),
            "." => {}
            step => path.push(step),
        }
    }
    path.join("/")
}

/// Text for a place between tags or quotes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Changes of a text by place.
#[derive(Default)]
pub(super) struct Edits(BTreeMap<(usize, usize), String>);

impl Edits {
    pub(super) fn replace(&mut self, at: Range<usize>, with: String) {
        self.0.insert((at.start, at.end), with);
    }

    /// Puts text before a place, behind what was put there before.
    pub(super) fn insert(&mut self, at: usize, what: String) {
        self.0.entry((at, at)).or_default().push_str(&what);
    }

    pub(super) fn apply(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 4096);
        let mut from = 0;
        for ((start, end), with) in &self.0 {
            // Edits never overlap: each is a whole tag, or a place between two.
            out.push_str(text.get(from..*start).unwrap_or_default());
            out.push_str(with);
            from = (*end).max(from);
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_set_in_place_and_added_at_the_end() {
        assert_eq!(with_attribute(r#"<c r="A1" s="3">"#, "s", "7"), r#"<c r="A1" s="7">"#);
        assert_eq!(with_attribute(r#"<c r='A1' s = '3' t="s"/>"#, "s", "7"), r#"<c r='A1' s="7" t="s"/>"#);
        assert_eq!(with_attribute(r#"<c r="A1"/>"#, "s", "7"), r#"<c r="A1" s="7"/>"#);
        assert_eq!(with_attribute(r#"<c rs="1" r="s=">"#, "s", "7"), r#"<c rs="1" r="s=" s="7">"#);
        assert_eq!(with_attribute("<c>", "s", "7"), r#"<c s="7">"#);
    }

    #[test]
    fn tags_are_seen_where_they_stand() {
        let text = "<?xml version=\"1.0\"?><x:a>t<!-- <b/> --><x:b r:id=\"1\"/>&amp;<c><d/></c></x:a>";
        let mut seen = Vec::new();
        assert!(
            each_tag(text, |tag| {
                assert_eq!(text.get(tag.at.clone()), Some(tag.text));
                seen.push((tag.local().to_owned(), tag.depth, tag.opens, tag.attribute("id")));
                Ok(())
            })
            .is_ok()
        );
        let names: Vec<_> = seen.iter().map(|(name, depth, ..)| (name.as_str(), *depth)).collect();
        assert_eq!(names, [("a", 0), ("b", 1), ("c", 1), ("d", 2), ("c", 1), ("a", 0)]);
        assert_eq!(seen[1].3.as_deref(), Some("1"));
        assert!(matches!(prefix_of(text).as_deref(), Ok("x:")));
        assert!(matches!(inserted("<T a='1'/>", "T", "<b/>").as_deref(), Ok("<T a='1'><b/></T>")));
        assert_eq!(resolve("xl/worksheets", "../comments1.xml"), "xl/comments1.xml");
    }
}
