//! What an expression of PromQL asks for.

use super::exported::Exported;

/// The metrics and recorded series that `expression` names, each with its matchers of the form
/// `label="value"`.
pub fn selectors(expression: &str) -> Vec<(String, Vec<(String, String)>)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_part) {
        rest = &rest[start..];
        let end = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        let mut matchers = Vec::new();
        if let Some(inner) = behind.strip_prefix('{') {
            let (inside, after) = inner.split_once('}').expect("a selector has an end");
            rest = after;
            for matcher in inside.split(',') {
                if let Some((label, value)) = matcher.split_once("=\"")
                    && !label.ends_with('!')
                {
                    matchers.push((label.trim().to_owned(), value.trim_matches('"').to_owned()));
                }
            }
        }
        if word.starts_with("peermon_") || word.contains(':') || word == "up" {
            found.push((word.to_owned(), matchers));
        }
    }
    found
}

/// Every metric of `expression` exists, with the values of its labels; or it is in `recorded`.
pub fn assert_known(expression: &str, exported: &Exported, recorded: &[String]) {
    let selectors = selectors(expression);
    assert!(!selectors.is_empty(), "nothing of peermon in {expression:?}");
    for (name, matchers) in selectors {
        if recorded.contains(&name) {
            continue;
        }
        assert!(exported.has(&name), "there is no {name}, which {expression:?} asks for");
        for (label, value) in matchers {
            if name != "up" && label != "instance" && label != "job" {
                let known = exported.has_label(&name, &label, &value);
                assert!(known, "{name} has no {label}={value:?}: {expression:?}");
            }
        }
    }
}

#[test]
fn names_and_matchers_are_found_and_words_of_the_language_are_not() {
    let found = selectors("sum by (peer) (peermon_a{x=\"1\",y=~\"2|3\"}) > 0 and a:b:avg == up");
    let names: Vec<&str> = found.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["peermon_a", "a:b:avg", "up"]);
    assert_eq!(found[0].1, [("x".to_owned(), "1".to_owned())]);
}
