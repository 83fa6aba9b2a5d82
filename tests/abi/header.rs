//! What a header declares, as lines that can be compared: prototypes, types, members in their order.
//!
//! abidiff compares what the compiler makes of a header; it cannot see constants, takes a `const`
//! that is gone for nothing, and two parameters of one type that changed places for the same. These
//! lines see exactly that.

/// One declaration of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declaration {
    /// The name, and the prototype on one line without its semicolon.
    Function(String, String),
    /// The name, and the whole definition on one line.
    Typedef(String, String),
    /// The tag of a struct whose members are nobody's business.
    Opaque(String),
    /// The tag, and every member on one line.
    Struct(String, Vec<String>),
}

/// Everything that `header` declares for C, in its order.
pub fn declarations(header: &str) -> Vec<Declaration> {
    let text = without_directives(&without_comments(header));
    statements(&text).iter().map(|statement| declaration(statement)).collect()
}

/// The names of the macros that have a value.
pub fn constants(header: &str) -> Vec<String> {
    let text = without_comments(header);
    let defines = text.lines().filter_map(|line| line.trim().strip_prefix("#define "));
    let names = defines.filter_map(|rest| rest.trim().split_once(char::is_whitespace));
    names.map(|(name, _)| name).filter(|name| !name.contains('(')).map(str::to_owned).collect()
}

fn declaration(statement: &str) -> Declaration {
    if statement.starts_with("typedef ") {
        let name = match statement.split_once("(*") {
            Some((_, rest)) => rest.split(')').next(),
            None => statement.rsplit([' ', '*']).next(),
        };
        return Declaration::Typedef(name.unwrap().to_owned(), statement.to_owned());
    }
    if let Some(rest) = statement.strip_prefix("struct ") {
        match rest.split_once('{') {
            Some((tag, body)) => {
                let body = body.strip_suffix('}').expect("a struct ends");
                let members = body.split(';').map(str::trim).filter(|member| !member.is_empty());
                let members = members.map(str::to_owned).collect();
                return Declaration::Struct(tag.trim().to_owned(), members);
            }
            None if !rest.contains('(') => return Declaration::Opaque(rest.to_owned()),
            None => {}
        }
    }
    let (head, _) = statement.split_once('(').unwrap_or_else(|| panic!("what is {statement:?}?"));
    let name = head.rsplit([' ', '*']).next().unwrap();
    Declaration::Function(name.to_owned(), statement.to_owned())
}

/// What semicolons end outside of braces, each on one line.
fn statements(text: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let (mut depth, mut begin) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => {
                statements.push(text[begin..at].split_whitespace().collect::<Vec<_>>().join(" "));
                begin = at + 1;
            }
            _ => {}
        }
    }
    assert!(text[begin..].trim().is_empty(), "no semicolon: {:?}", text[begin..].trim());
    statements
}

fn without_comments(header: &str) -> String {
    let mut rest = header;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("/*") {
        text.push_str(before);
        rest = after.split_once("*/").expect("a comment ends").1;
    }
    text + rest
}

/// Without the lines of the preprocessor, and without what is for C++ alone.
fn without_directives(text: &str) -> String {
    let mut kept = String::new();
    let mut is_cxx = false;
    for line in text.lines() {
        match line.trim() {
            "#ifdef __cplusplus" => is_cxx = true,
            "#endif" => is_cxx = false,
            line if !is_cxx && !line.starts_with('#') => {
                kept.push_str(line);
                kept.push('\n');
            }
            _ => {}
        }
    }
    kept
}
