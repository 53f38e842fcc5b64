//! Rust source as the checks see it: files, and their tokens without comments and literals.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

/// A source file.
pub(crate) struct File {
    /// Relative to the crate, with slashes.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// An identifier or a single character of punctuation, and its line from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl File {
    /// The module path: `src/log/tree.rs` and `src/log/tree/mod.rs` are `log`, `tree`; `src/lib.rs` is empty.
    pub(crate) fn module(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path).trim_end_matches(".rs");
        let mut parts: Vec<&str> = inner.split('/').collect();
        if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
            parts.pop();
        }
        parts
    }

    /// All tokens.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        tokens(&self.text)
    }

    /// The tokens outside `#[cfg(test)]` items.
    pub(crate) fn shipped(&self) -> Vec<Token> {
        split_tests(self.tokens()).0
    }
}

/// Reads every `.rs` file under `dirs`, in path order. A directory that is not there holds no files.
pub(crate) fn read(root: &Path, dirs: &[&str]) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for dir in dirs.iter().filter(|dir| root.join(dir).is_dir()) {
        walk(root, dir, &mut files)?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(root: &Path, dir: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(dir))? {
        let entry = entry?;
        let path = format!("{dir}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(root, &path, files)?;
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(root.join(&path))?;
            files.push(File { path, text });
        }
    }
    Ok(())
}

/// Splits source into tokens; comments, texts, characters, numbers' digits and spaces are left out.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let end = match at(i) {
            '/' if at(i + 1) == '/' => until(&chars, i, |c| c == '\n'),
            '/' if at(i + 1) == '*' => block_comment(&chars, i),
            '"' => text(&chars, i + 1, '"'),
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => text(&chars, i + 1, '\''),
            'r' | 'b' | 'c' if raw_text(&chars, i).is_some() => raw_text(&chars, i).unwrap_or(i + 1),
            c if c.is_alphanumeric() || c == '_' => {
                let end = until(&chars, i, |c| !c.is_alphanumeric() && c != '_');
                if !c.is_ascii_digit() {
                    found.push(Token { line, text: chars[i..end].iter().collect() });
                }
                end
            }
            c => {
                if !c.is_whitespace() && c != '\'' {
                    found.push(Token { line, text: c.to_string() });
                }
                i + 1
            }
        };
        let end = end.min(chars.len());
        line += chars[i..end].iter().filter(|c| **c == '\n').count();
        i = end;
    }
    found
}

fn until(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| stop(*c)).map_or(chars.len(), |n| from + n)
}

/// Behind a block comment, which may hold others.
fn block_comment(chars: &[char], from: usize) -> usize {
    let (mut i, mut depth) = (from, 0);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// Behind the closing quote of a text or character that began before `from`.
fn text(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Behind a raw text (`r"..."`, `br#"..."#`) that begins at `from`, if one does.
fn raw_text(chars: &[char], from: usize) -> Option<usize> {
    let mut i = if chars[from] == 'r' { from + 1 } else { from + 2 };
    if chars.get(i - 1) != Some(&'r') {
        return None;
    }
    let hashes = until(chars, i, |c| c != '#') - i;
    i += hashes;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    let closes =
        |n: usize| chars[n] == '"' && chars[n + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (i + 1..chars.len()).find(|n| closes(*n)).map(|n| n + 1 + hashes)
}

/// Parts tokens into what ships and what `#[cfg(test)]` guards.
pub(crate) fn split_tests(tokens: Vec<Token>) -> (Vec<Token>, Vec<Token>) {
    let opens = |i: usize, words: &[&str]| {
        words.iter().enumerate().all(|(n, word)| tokens.get(i + n).is_some_and(|token| token.text == *word))
    };
    if opens(0, &["#", "!", "[", "cfg", "(", "test", ")"]) {
        return (Vec::new(), tokens);
    }
    let (mut shipped, mut tests, mut i) = (Vec::new(), Vec::new(), 0);
    while i < tokens.len() {
        let guarded = opens(i, &["#", "[", "cfg", "(", "test", ")"])
            || opens(i, &["#", "[", "cfg", "(", "all", "(", "test"]);
        let end = if guarded { item_end(&tokens, i) } else { i + 1 };
        let into = if guarded { &mut tests } else { &mut shipped };
        into.extend(tokens[i..end].iter().cloned());
        i = end;
    }
    (shipped, tests)
}

/// Behind the item that begins (with its attributes) at `from`: its body's closing brace, or its semicolon.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" if depth <= 1 => return if depth == 1 { i + 1 } else { i },
            "}" => depth -= 1,
            ";" if depth == 0 => return i + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Paths of files that only tests include: `#[cfg(test)] mod NAME;` and what lies below.
pub(crate) fn test_only(files: &[File]) -> BTreeSet<String> {
    let mut roots = Vec::new();
    for file in files {
        let (shipped, tests) = split_tests(file.tokens());
        let module = file.module().join("/");
        let whole_file = tests.get(1).is_some_and(|token| token.text == "!");
        if shipped.is_empty() && whole_file {
            roots.push(module.clone());
        }
        for words in tests.windows(3) {
            if words[0].text == "mod" && words[2].text == ";" {
                roots.push(format!("{module}/{}", words[1].text).trim_start_matches('/').to_owned());
            }
        }
    }
    let below = |file: &File| {
        let module = file.module().join("/");
        roots.iter().any(|root| module == *root || module.starts_with(&format!("{root}/")))
    };
    files.iter().filter(|file| below(file)).map(|file| file.path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> String {
        tokens(source).into_iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_no_tokens() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(words(r##"a "b \" c" d r#"e " f"# g br"h" i b"j" k"##), "a d g i b k");
        assert_eq!(words(r"a '\'' b '\u{1}' 'c' d <'e> f '"), "a b d < e > f");
        assert_eq!(words("r#type x::y 12_u8 crate"), "r # type x : : y crate");
        assert_eq!(tokens("a\n\"b\n\"\nc /*\n*/ d").iter().map(|t| t.line).collect::<Vec<_>>(), [1, 4, 5]);
    }

    #[test]
    fn test_items_are_parted_from_the_rest() {
        let source = "fn a() {} #[cfg(test)] mod t { fn b() { c(); } } fn d() {} #[cfg(test)] use e::f; const G: [u8; 1];";
        let (shipped, tests) = split_tests(tokens(source));
        let has = |tokens: &[Token], word: &str| tokens.iter().any(|token| token.text == word);
        for word in ["a", "d", "G"] {
            assert!(has(&shipped, word) && !has(&tests, word), "{word}");
        }
        for word in ["b", "c", "e"] {
            assert!(has(&tests, word) && !has(&shipped, word), "{word}");
        }
    }

    #[test]
    fn files_of_tests_are_known_by_their_parent() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let files = [
            file("src/a.rs", "mod b; #[cfg(test)] mod tests;"),
            file("src/a/b.rs", ""),
            file("src/a/tests.rs", "mod more;"),
            file("src/a/tests/more.rs", ""),
            file("src/c/mod.rs", "#[cfg(test)] mod world;"),
            file("src/c/world.rs", ""),
            file("src/d/faults.rs", "#![cfg(test)] fn f() {}"),
        ];
        let found: Vec<String> = test_only(&files).into_iter().collect();
        assert_eq!(found, ["src/a/tests.rs", "src/a/tests/more.rs", "src/c/world.rs", "src/d/faults.rs"]);
    }
}
