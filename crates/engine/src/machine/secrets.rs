//! Keeps secrets from the environment out of every file that is written.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};

/// Words in a variable's name that indicate a secret.
const WORDS: &[&str] = &[
    "APIKEY",
    "AUTH",
    "CREDENTIAL",
    "CREDENTIALS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "TOKENS",
];
/// Words that do so in front of `KEY`.
const OF_KEYS: &[&str] = &["ACCESS", "API", "ENCRYPTION", "PRIVATE", "SIGNING"];
/// A shorter value is not worth hiding, and hiding it would hide ordinary words.
const SHORTEST: usize = 4;
/// What replaces a secret.
const HIDDEN: &[u8] = b"***";

/// Returns true if a variable's name says that its value is a secret.
#[must_use]
pub fn looks_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_uppercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let speaks_of_a_key =
        |pair: &[&str]| matches!(pair, [of, "KEY" | "KEYS"] if OF_KEYS.contains(of));
    words.iter().any(|word| WORDS.contains(word)) || words.windows(2).any(speaks_of_a_key)
}

/// Values that must not be written to any file.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The forms in which they can occur in a line, longest first.
    forms: Vec<Vec<u8>>,
}

impl Secrets {
    /// Collects the values of variables that look like secrets or are declared as such.
    pub fn of<'a>(
        vars: impl IntoIterator<Item = (&'a OsString, &'a OsString)>,
        declared: &[String],
    ) -> Self {
        let mut forms = Vec::new();
        for (name, value) in vars {
            let value = value.to_string_lossy();
            let is_declared = declared.iter().any(|d| OsStr::new(d) == name);
            let secret = if is_declared || looks_secret(name) {
                Some(&*value)
            } else {
                password(&value)
            };
            // Output is processed line by line.
            let lines = secret.into_iter().flat_map(str::lines);
            forms.extend(
                lines
                    .filter(|line| line.len() >= SHORTEST)
                    .flat_map(forms_of),
            );
        }
        forms.sort_by_key(|form: &Vec<u8>| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self { forms }
    }

    /// Returns a text without its secrets, if it contains any.
    #[must_use]
    pub fn without(&self, text: &str) -> Option<String> {
        match self.hide(text.as_bytes()) {
            Cow::Borrowed(_) => None,
            Cow::Owned(hidden) => Some(String::from_utf8_lossy(&hidden).into_owned()),
        }
    }

    /// Returns a line without its secrets.
    #[must_use]
    pub fn hide<'a>(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        let mut line = Cow::Borrowed(line);
        for form in &self.forms {
            if let Some(hidden) = without(&line, form) {
                line = Cow::Owned(hidden);
            }
        }
        line
    }
}

/// Extracts the password from a URL, such as that of a proxy.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let (user, _) = rest.split('/').next()?.rsplit_once('@')?;
    // A token can replace the user name.
    Some(user.split_once(':').map_or(user, |(_, password)| password))
}

/// Returns a secret as it is, in JSON, and in Rust's debug format.
fn forms_of(secret: &str) -> [Vec<u8>; 3] {
    let json = serde_json::Value::from(secret).to_string();
    let debug = secret.escape_debug().to_string();
    let json = json.trim_matches('"').to_owned();
    [secret.to_owned(), json, debug].map(String::into_bytes)
}

/// Hides a secret in a line, if the line contains it.
fn without(line: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let find = |line: &[u8]| line.windows(secret.len()).position(|part| part == secret);
    let mut rest = line;
    let mut hidden = Vec::new();
    while let Some(at) = find(rest) {
        hidden.extend_from_slice(&rest[..at]);
        hidden.extend_from_slice(HIDDEN);
        rest = &rest[at + secret.len()..];
    }
    if hidden.is_empty() {
        return None;
    }
    hidden.extend_from_slice(rest);
    Some(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(vars: &[(&str, &str)], declared: &[&str], line: &str) -> String {
        let vars: Vec<(OsString, OsString)> = vars
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect();
        let declared: Vec<String> = declared.iter().map(|d| (*d).to_owned()).collect();
        let secrets = Secrets::of(vars.iter().map(|(n, v)| (n, v)), &declared);
        String::from_utf8(secrets.hide(line.as_bytes()).into_owned()).expect("text")
    }

    #[test]
    fn what_looks_like_a_secret_is_hidden_wherever_it_stands() {
        let vars = [("GITHUB_TOKEN", "abcd1234"), ("HOME", "/home/me")];
        let line = "abcd1234 in /home/me, x=abcd1234abcd1234\n";
        assert_eq!(hidden(&vars, &[], line), "*** in /home/me, x=******\n");
    }

    #[test]
    fn what_is_declared_is_hidden_and_what_is_short_is_not() {
        let vars = [("DATABASE", "db://host/mine"), ("MY_TOKEN", "yes")];
        let line = "at db://host/mine, yes";
        assert_eq!(hidden(&vars, &["DATABASE"], line), "at ***, yes");
        assert_eq!(hidden(&vars, &[], line), line);
    }

    #[test]
    fn names_are_taken_word_by_word() {
        for name in [
            "NPM_TOKEN",
            "aws_secret_access_key",
            "GPG_PRIVATE_KEY",
            "X_AUTH",
        ] {
            assert!(looks_secret(OsStr::new(name)), "{name}");
        }
        for name in [
            "CARGO_PKG_AUTHORS",
            "TOKENIZERS_PARALLELISM",
            "KEYBOARD",
            "KEY",
        ] {
            assert!(!looks_secret(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_hidden() {
        let vars = [("https_proxy", "http://me:pass@word@proxy:8080/")];
        assert_eq!(
            hidden(&vars, &[], "by me:pass@word@proxy"),
            "by me:***@proxy"
        );
    }

    #[test]
    fn a_secret_is_hidden_within_json_and_line_by_line() {
        let vars = [("API_KEY", "first\"line\nsecond line\n")];
        let line = r#"{"m":"first\"line\nsecond line"} first"line"#;
        assert_eq!(hidden(&vars, &[], line), r#"{"m":"***\n***"} ***"#);
    }
}
