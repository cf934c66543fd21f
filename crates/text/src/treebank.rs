//! Files of labelled sentences: CoNLL-U and BIO.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use crate::labels::{BIO, ENTITIES, POS};
use crate::{Error, Result};

/// The kind of labels in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// Parts of speech: labels are indices into [`POS`].
    Pos,
    /// Names: labels are indices into [`BIO`].
    Ner,
}

impl Task {
    /// The names of the labels, by index.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Pos => &POS,
            Self::Ner => &BIO,
        }
    }

    /// Checks that each word of the sentences has a label of this task.
    pub(crate) fn check(self, sentences: &[Sentence]) -> Result<()> {
        let labels = self.labels().len();
        let wrong = |Sentence { words, labels: of, .. }: &Sentence| {
            words.len() != of.len() || of.iter().any(|&label| label >= labels)
        };
        match sentences.iter().position(wrong) {
            Some(index) => Err(Error::Labels { task: self, index }),
            None => Ok(()),
        }
    }
}

/// A labelled sentence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sentence {
    /// The words.
    pub words: Vec<String>,
    /// One label per word, as an index into [`Task::labels`].
    pub labels: Vec<usize>,
    /// The original text, from a CoNLL-U comment `# text = `.
    pub text: Option<String>,
    /// Only from CoNLL-U: the written tokens, each with the range of its words in `words`. A token
    /// may stand for several words, as `don't` for `do` and `n't`.
    pub surface: Vec<(String, Range<usize>)>,
}

impl Sentence {
    /// The sentence in lower case.
    pub fn lowered(&self) -> Self {
        let lower = |text: &String| text.to_lowercase();
        Self {
            words: self.words.iter().map(lower).collect(),
            labels: self.labels.clone(),
            text: self.text.as_ref().map(lower),
            surface: self.surface.iter().map(|(form, of)| (lower(form), of.clone())).collect(),
        }
    }
}

/// Reads a file of labelled sentences. A name that ends in `.conllu` means CoNLL-U with parts of
/// speech, any other name means BIO with names.
///
/// # Errors
/// [`Error::Read`] if the file cannot be read, [`Error::Line`] if a line is malformed, or if a file
/// of names has only names of other kinds than [`ENTITIES`](crate::ENTITIES).
pub fn read(path: &Path) -> Result<(Task, Vec<Sentence>)> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Read { path: path.to_owned(), source })?;
    // Some editors put a byte order mark before the text.
    let text = text.trim_start_matches('\u{feff}');
    let wrong = |(line, reason)| Error::Line { path: path.to_owned(), line, reason };
    match path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("conllu")) {
        true => Ok((Task::Pos, conllu(text).map_err(wrong)?)),
        false => Ok((Task::Ner, bio(text).map_err(wrong)?)),
    }
}

/// The number of a line, from 1, and what is wrong with it.
type Wrong = (usize, String);

/// Parses Universal Dependencies' CoNLL-U: ten columns, of which the form and the universal part of
/// speech are used. Words without a written form (empty nodes, such as `8.1`) are left out.
fn conllu(text: &str) -> Result<Vec<Sentence>, Wrong> {
    let mut sentences = Vec::new();
    let mut sentence = Sentence::default();
    // Words of the last surface token that are still to come.
    let mut waiting = 0;
    for (number, line) in (1..).zip(text.lines()).chain([(0, "")]) {
        let wrong = |reason: String| (number, reason);
        if line.trim().is_empty() {
            waiting = 0;
            let done = std::mem::take(&mut sentence);
            sentences.extend(Some(done).filter(|sentence| !sentence.words.is_empty()));
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            if let Some(text) = comment.trim_start().strip_prefix("text = ") {
                sentence.text = Some(text.to_owned());
            }
            continue;
        }
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, form, _, pos, _, _, _, _, _, _] = columns[..] else {
            return Err(wrong(format!(
                "the line has {} of 10 columns; they are separated by tabs",
                columns.len()
            )));
        };
        if id.contains('.') {
            continue;
        }
        let next = sentence.words.len();
        if let Some((first, last)) = id.split_once('-') {
            let ends = [first, last].map(str::parse::<usize>);
            let [Ok(first), Ok(last)] = ends else {
                return Err(wrong(format!("{id:?} is not a range of words")));
            };
            if last < first {
                return Err(wrong(format!("the range {id} ends before it begins")));
            }
            waiting = (last - first).saturating_add(1);
            sentence.surface.push((form.to_owned(), next..next));
            continue;
        }
        let label = Task::Pos.labels().iter().position(|&known| known == pos);
        let label = label.ok_or_else(|| {
            wrong(format!("{pos:?} is not a part of speech of Universal Dependencies"))
        })?;
        sentence.words.push(form.to_owned());
        sentence.labels.push(label);
        match sentence.surface.last_mut().filter(|_| waiting > 0) {
            Some((_, range)) => {
                range.end += 1;
                waiting -= 1;
            }
            None => sentence.surface.push((form.to_owned(), next..next + 1)),
        }
    }
    Ok(sentences)
}

/// The kinds of names of other schemes (CoNLL 2003, OntoNotes, WNUT 2017) that stand for ours.
const KINDS: [(&str, &str); 12] = [
    ("PERSON", "PER"),
    ("LOCATION", "LOC"),
    ("GPE", "LOC"),
    ("FAC", "LOC"),
    ("FACILITY", "LOC"),
    ("GEO", "LOC"),
    ("GEO-LOC", "LOC"),
    ("ORGANIZATION", "ORG"),
    ("ORGANISATION", "ORG"),
    ("CORPORATION", "ORG"),
    ("COMPANY", "ORG"),
    ("GROUP", "ORG"),
];

/// The index of a label in [`BIO`], written in any case; `Err` with the kind if the label is that of
/// another kind of name. `None` if it is no label. In the schemes BIOES and BILOU, S and U (a name of
/// one word) count as B, E and L (the last word of a name) as I.
pub(crate) fn label(text: &str) -> Option<Result<usize, String>> {
    let text = text.trim().to_uppercase();
    if text == BIO[0] {
        return Some(Ok(0));
    }
    let (letter, kind) = text.split_once('-')?;
    let letter = match letter {
        "B" | "S" | "U" => "B",
        "I" | "E" | "L" => "I",
        _ => return None,
    };
    let ours = KINDS.iter().find(|(other, _)| *other == kind).map_or(kind, |(_, ours)| ours);
    let wanted = format!("{letter}-{ours}");
    let known = BIO.iter().position(|known| *known == wanted);
    Some(known.ok_or_else(|| kind.to_owned()))
}

/// Parses BIO: one word per line, tab-separated, with blank lines between sentences. The columns
/// are word and label, or number, word and label with any others behind them (Universal NER).
fn bio(text: &str) -> Result<Vec<Sentence>, Wrong> {
    let mut sentences = Vec::new();
    let mut sentence = Sentence::default();
    let (mut others, mut is_known) = (BTreeMap::new(), false);
    for (number, line) in (1..).zip(text.lines()).chain([(0, "")]) {
        if line.trim().is_empty() {
            if !sentence.words.is_empty() {
                sentences.push(std::mem::take(&mut sentence));
            }
            continue;
        }
        let columns: Vec<&str> = line.split('\t').collect();
        let (word, label) = match columns[..] {
            // With two columns the first is the word, even if it is a number or `#`.
            [word, label] => (word, label),
            [_, word, label, ..] => (word, label),
            _ if line.starts_with("# ") => continue,
            _ => return Err((number, "a word, a tab and a label are expected".into())),
        };
        let found = self::label(label);
        let found =
            found.ok_or_else(|| (number, format!("{label:?} is not one of {}", BIO.join(", "))))?;
        // Other kinds of names, such as OTH, count as outside of a name.
        let label = found.unwrap_or_else(|kind| {
            others.entry(kind).or_insert(number);
            0
        });
        is_known |= label > 0;
        sentence.words.push(word.to_owned());
        sentence.labels.push(label);
    }
    match others.values().min() {
        Some(&first) if !is_known => {
            let kinds: Vec<&str> = others.keys().map(String::as_str).collect();
            let ours = ENTITIES.join(", ");
            let kinds = kinds.join(", ");
            Err((
                first,
                format!("no name has a known kind; the file has {kinds}, known are {ours}"),
            ))
        }
        _ => Ok(sentences),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_share_a_token() {
        let text = "# text = I don't\n1\tI\tI\tPRON\t_\t_\t_\t_\t_\t_\n\
            2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_\n2\tdo\tdo\tAUX\t_\t_\t_\t_\t_\t_\n\
            3\tn't\tnot\tPART\t_\t_\t_\t_\t_\t_\n3.1\tgo\tgo\tVERB\t_\t_\t_\t_\t_\t_\n";
        let sentence = &conllu(text).unwrap()[0];
        assert_eq!(sentence.words, ["I", "do", "n't"]);
        assert_eq!(
            sentence.labels.iter().map(|&l| POS[l]).collect::<Vec<_>>(),
            ["PRON", "AUX", "PART"]
        );
        assert_eq!(sentence.surface, [("I".into(), 0..1), ("don't".into(), 1..3)]);
        assert_eq!(sentence.text.as_deref(), Some("I don't"));
    }

    #[test]
    fn without_capitals() {
        let text = "# text = Don't\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_\n\
            1\tDo\tdo\tAUX\t_\t_\t_\t_\t_\t_\n2\tn't\tnot\tPART\t_\t_\t_\t_\t_\t_\n";
        let lower = conllu(text).unwrap()[0].lowered();
        assert_eq!(lower.surface, [("don't".into(), 0..2)]);
        assert_eq!(crate::score_words(&[lower]).right, 2);
    }

    #[test]
    fn comments_of_no_words() {
        let word = "1\tI\tI\tPRON\t_\t_\t_\t_\t_\t_\n";
        let sentences = conllu(&format!("# text = gone\n\n{word}")).unwrap();
        assert_eq!(sentences[0].text, None);
    }

    /// A range of more words than its sentence has takes none from the next sentence.
    #[test]
    fn ranges_that_are_too_long() {
        let word = "1\tI\tI\tPRON\t_\t_\t_\t_\t_\t_\n";
        let range = format!("0-{}\tI\t_\t_\t_\t_\t_\t_\t_\t_\n", usize::MAX);
        let sentences = conllu(&format!("{range}{word}\n{word}{word}")).unwrap();
        assert_eq!(sentences[0].surface, [("I".into(), 0..1)]);
        assert_eq!(sentences[1].surface, [("I".into(), 0..1), ("I".into(), 1..2)]);
    }

    #[test]
    fn both_forms_of_names() {
        let two = bio("#\tO\n8\tO\nJo\tB-PER\n\n\nRome\tB-LOC\n").unwrap();
        assert_eq!(
            two.iter().map(|s| s.labels.clone()).collect::<Vec<_>>(),
            [vec![0, 0, 1], vec![3]]
        );
        let five = bio("# sent_id = 1\n1\tJo\tB-PER\t-\t-\n2\tLee\tI-PER\t-\tme\n").unwrap();
        assert_eq!(five[0].words, ["Jo", "Lee"]);
        assert_eq!(five[0].labels, [1, 2]);
    }

    #[test]
    fn labels_of_other_schemes() {
        for (text, labels) in [
            ("Mira\tB-per\nLee\ti-PER \nRome\t B-Loc\nsits\to\n", [1, 2, 3, 0]),
            ("Mira\tB-person\nLee\tE-person\nRome\tU-GPE\nsits\tO\n", [1, 2, 3, 0]),
            ("Ada\tS-PERSON\nAcme\tB-corporation\nLtd\tL-corporation\na\tB-date\n", [1, 5, 6, 0]),
        ] {
            assert_eq!(bio(text).unwrap()[0].labels, labels, "{text}");
        }
        // A file without names is a file of sentences without names.
        assert_eq!(bio("we\tO\n").unwrap()[0].labels, [0]);
        let (line, reason) = bio("we\tO\nMay\tB-DATE\nfive\tB-CARDINAL\n").unwrap_err();
        assert!(line == 2 && reason.contains("CARDINAL, DATE"), "{line}: {reason}");
    }

    #[test]
    fn files_of_any_editor() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let word = "1\tI\tI\tPRON\t_\t_\t_\t_\t_\t_\r\n";
        std::fs::write(path("a.CoNLLU"), format!("\u{feff}{word}")).unwrap();
        let (task, sentences) = read(&path("a.CoNLLU")).unwrap();
        assert_eq!((task, &sentences[0].words[..]), (Task::Pos, &["I".to_string()][..]));
        std::fs::write(path("a.bio"), "\u{feff}Mira\tB-PER\r\nsits\tO\r\n").unwrap();
        let (task, sentences) = read(&path("a.bio")).unwrap();
        assert_eq!(
            (task, &sentences[0].words[..]),
            (Task::Ner, &["Mira".into(), "sits".into()][..])
        );
        assert_eq!(sentences[0].labels, [1, 0]);
    }

    #[test]
    fn lines_that_are_wrong() {
        for (text, line, part) in [
            ("1\tI\tI\tPRON", 1, "4 of 10 columns"),
            ("\n1\tI\tI\tPRN\t_\t_\t_\t_\t_\t_", 2, "\"PRN\""),
            ("2-x\tI\tI\tPRON\t_\t_\t_\t_\t_\t_", 1, "\"2-x\""),
            ("3-2\tI\tI\tPRON\t_\t_\t_\t_\t_\t_", 1, "3-2"),
        ] {
            let (at, reason) = conllu(text).unwrap_err();
            assert!(at == line && reason.contains(part), "{text:?}: {at}: {reason}");
        }
        for (text, line, part) in [("Jo B-PER", 1, "tab"), ("a\tO\nJo\tPERSON", 2, "PERSON")] {
            let (at, reason) = bio(text).unwrap_err();
            assert!(at == line && reason.contains(part), "{text:?}: {at}: {reason}");
        }
    }
}
