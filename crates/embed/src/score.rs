//! Scores of tables and encoders against human judgements.

use std::path::Path;

use rayon::prelude::*;

use crate::vectors::{dot, text_of, unit};
use crate::{Error, Result, Vectors, cosine};

/// The agreement of a table or encoder with a file of human judgements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Score {
    /// The similarity of pairs of words.
    Words {
        /// Pairs in the file.
        pairs: usize,
        /// Pairs with a vector for both words; the others are left out.
        covered: usize,
        /// Spearman's ρ of cosines and judgements.
        spearman: f64,
    },
    /// The fourth word of analogies.
    Analogies {
        /// Questions in the file.
        questions: usize,
        /// Questions with all four words in the table; the others are left out.
        covered: usize,
        /// Questions whose answer is the nearest word.
        right: usize,
    },
    /// The similarity of pairs of sentences.
    Sentences {
        /// Pairs in the file.
        pairs: usize,
        /// Pairs in which both sentences have a non-zero vector; the others count with a cosine of
        /// 0.
        covered: usize,
        /// Pearson's r of cosines and judgements.
        pearson: f64,
        /// Spearman's ρ of cosines and judgements.
        spearman: f64,
    },
}

/// Scores a table against a file of human judgements.
///
/// A `.csv` file has two sentences and a number per line, as the STS Benchmark. A file whose first
/// line begins with `:` has analogies of four words, as word2vec's questions-words.txt. Any other
/// file has two words and a number per line, and its lines that begin with `#` are skipped. In all
/// files of pairs, a first line with the names of the columns is skipped.
///
/// The vector of a sentence is the mean of its words ([`Vectors::mean`]).
///
/// # Errors
/// If the file cannot be read, a line is malformed, the table covers fewer than two rows, or all
/// cosines or all judgements are equal.
pub fn score(vectors: &Vectors, path: &Path) -> Result<Score> {
    if sentences(path) {
        let mean = |sentence: &String| vectors.mean(sentence).0;
        return score_sentences(path, |sentences| Ok(sentences.par_iter().map(mean).collect()));
    }
    let text = text_of(path)?;
    if text.starts_with(':') {
        let questions = lines(&text).filter(|(_, text)| !text.starts_with(':'));
        let questions = questions.map(|(line, text)| {
            let words: Vec<&str> = text.split_whitespace().collect();
            <[&str; 4]>::try_from(words).map_err(|_| wrong(path, line, "four words"))
        });
        let score = analogies(vectors, &questions.collect::<Result<Vec<_>>>()?);
        let Score::Analogies { questions, covered, .. } = score else { return Ok(score) };
        return enough(path, covered, questions).map(|()| score);
    }
    let pairs = pairs(path, &text)?;
    let (mut found, mut judged) = (Vec::new(), Vec::new());
    for (a, b, score) in &pairs {
        if let (Some(a), Some(b)) = (vectors.vector(a), vectors.vector(b)) {
            found.push(f64::from(cosine(&a, &b)));
            judged.push(*score);
        }
    }
    enough(path, found.len(), pairs.len())?;
    varied(path, [&found, &judged])?;
    let spearman = spearman(&found, &judged);
    Ok(Score::Words { pairs: pairs.len(), covered: found.len(), spearman })
}

/// Scores an encoder of sentences against a file of pairs in a format of [`score`]. In a file of
/// words, each word is encoded as a sentence.
///
/// `encode` is called once with the sentences of all pairs, the two of each pair next to each
/// other.
///
/// # Errors
/// As [`score`], or the error of `encode`.
pub fn score_sentences(
    path: &Path,
    encode: impl FnOnce(&[String]) -> Result<Vec<Vec<f32>>>,
) -> Result<Score> {
    let pairs = pairs(path, &text_of(path)?)?;
    // Checked before the encoding, which may take long.
    enough(path, pairs.len(), pairs.len())?;
    let sentences: Vec<String> =
        pairs.iter().flat_map(|(a, b, _)| [a.clone(), b.clone()]).collect();
    let vectors = encode(&sentences)?;
    let cosines = vectors.as_chunks::<2>().0.iter().map(|[a, b]| f64::from(cosine(a, b)));
    let found: Vec<f64> = cosines.collect();
    let judged: Vec<f64> = pairs.iter().map(|pair| pair.2).collect();
    let says = |vector: &Vec<f32>| vector.iter().any(|&x| x != 0.0);
    let covered = vectors.as_chunks::<2>().0.iter().filter(|pair| pair.iter().all(says)).count();
    enough(path, covered, pairs.len())?;
    varied(path, [&found, &judged])?;
    Ok(Score::Sentences {
        pairs: pairs.len(),
        covered,
        pearson: pearson(&found, &judged),
        spearman: spearman(&found, &judged),
    })
}

/// Whether a file has pairs of sentences.
fn sentences(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// The lines that are not blank, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty())
}

/// Parses two words or sentences and a number per line.
fn pairs(path: &Path, text: &str) -> Result<Vec<(String, String, f64)>> {
    let sentences = sentences(path);
    let wanted = if sentences { "two sentences and a number" } else { "two words and a number" };
    let lines = lines(text).filter(|(_, text)| sentences || !text.starts_with('#'));
    let lines: Vec<(usize, Vec<String>)> = lines
        .map(|(line, text)| match sentences {
            true => (line, csv(text)),
            false => (line, text.split_whitespace().map(str::to_owned).collect()),
        })
        .collect();
    // If there are several lines, the first may name the columns.
    let is_names = |fields: &[String]| match fields {
        [_, _, .., last] => {
            !last.trim().starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        }
        _ => false,
    };
    let has_names = matches!(&lines[..], [(_, first), _, ..] if is_names(first));
    let pair = |(line, fields): (usize, Vec<String>)| {
        let fields = <[String; 3]>::try_from(fields).ok();
        let pair = fields.and_then(|[a, b, score]| Some((a, b, number(&score)?)));
        pair.ok_or_else(|| wrong(path, line, wanted))
    };
    lines.into_iter().skip(has_names.into()).map(pair).collect()
}

fn wrong(path: &Path, line: usize, wanted: &str) -> Error {
    Error::Line { path: path.to_owned(), line, reason: format!("{wanted} are expected here") }
}

fn enough(path: &Path, covered: usize, of: usize) -> Result<()> {
    let reason = match covered {
        0 | 1 if of < 2 => format!("the score needs at least two rows; the file has {of}"),
        0 | 1 => {
            format!(
                "only {covered} of {of} rows have all their words in the table; at least two are needed"
            )
        }
        _ => return Ok(()),
    };
    Err(Error::file(path, reason))
}

/// Checks that neither the cosines nor the judgements are constant.
fn varied(path: &Path, of: [&[f64]; 2]) -> Result<()> {
    for (what, values) in ["cosines", "judgements"].into_iter().zip(of) {
        let Some((first, rest)) = values.split_first() else { continue };
        if rest.iter().all(|value| value == first) {
            let reason = format!("all {what} equal {first}; correlation is undefined");
            return Err(Error::file(path, reason));
        }
    }
    Ok(())
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|x: &f64| x.is_finite())
}

/// The fields of a line of CSV.
fn csv(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(c),
        }
    }
    fields.push(field);
    fields
}

fn analogies(vectors: &Vectors, questions: &[[&str; 4]]) -> Score {
    let rows = vectors.values().par_chunks_exact(vectors.dim());
    let units: Vec<Vec<f32>> = rows.map(unit).collect();
    let known = questions.iter().filter_map(|question| {
        let [a, b, c, d] = question.map(|word| vectors.find(word));
        Some([a?, b?, c?, d?])
    });
    let known: Vec<[usize; 4]> = known.collect();
    let right = known.par_iter().filter(|[a, b, c, d]| {
        let x = units[*a].iter().zip(&units[*b]).zip(&units[*c]).map(|((a, b), c)| b - a + c);
        let x: Vec<f32> = x.collect();
        let near = |index: &usize| dot(&units[*index], &x);
        let others = (0..units.len()).filter(|index| ![a, b, c].contains(&index));
        others.max_by(|i, j| near(i).total_cmp(&near(j))) == Some(*d)
    });
    Score::Analogies { questions: questions.len(), covered: known.len(), right: right.count() }
}

/// Pearson's r; 0 for fewer than two pairs or if a variable is constant.
pub(crate) fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| f(x - mx, y - my)).sum()
    };
    let r = sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
    if r.is_finite() { r } else { 0.0 }
}

/// Spearman's ρ: Pearson's r of the ranks, where equal values share their mean rank.
pub(crate) fn spearman(x: &[f64], y: &[f64]) -> f64 {
    pearson(&ranks(x), &ranks(y))
}

fn ranks(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| x[i].total_cmp(&x[j]));
    let mut ranks = vec![0.0; x.len()];
    let mut start = 0;
    for same in order.chunk_by(|&i, &j| x[i] == x[j]) {
        let rank = start as f64 + (same.len() - 1) as f64 / 2.0;
        same.iter().for_each(|&i| ranks[i] = rank);
        start += same.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations() {
        // The expected values are from the same formulas in Python.
        let (x, y) = ([1.0, 2.0, 2.0, 3.0, 5.0], [2.0, 1.0, 4.0, 3.0, 10.0]);
        assert!((pearson(&x, &y) - 0.885_879_567_828_298).abs() < 1e-12);
        assert!((spearman(&x, &y) - 0.666_885_928_855_350_3).abs() < 1e-12);
        assert_eq!(ranks(&[3.0, 1.0, 3.0]), [1.5, 0.0, 1.5]);
        assert_eq!(pearson(&[1.0], &[1.0]), 0.0);
        assert_eq!(pearson(&[], &[]), 0.0);
    }

    #[test]
    fn fields_of_csv() {
        assert_eq!(csv(r#""a, ""b""",c,1"#), ["a, \"b\"", "c", "1"]);
        assert_eq!(csv(",,"), ["", "", ""]);
    }

    #[test]
    fn files_of_judgements() {
        let folder = tempfile::tempdir().unwrap();
        #[rustfmt::skip]
        let values = vec![1.0, 0.0, 0.1, 1.0, 1.0, 0.1, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0];
        let vectors = Vectors::new(&["man", "woman", "king", "queen"], 3, values).unwrap();
        let of = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            score(&vectors, &path)
        };
        let words =
            "# x\nthe first and the second\nking queen 9\nMan king 1\nman\twoman\t8\nking pear 3\n";
        let found = of("words.txt", words).unwrap();
        assert_eq!(found, Score::Words { pairs: 4, covered: 3, spearman: 0.5 });
        let questions = ": a\nman king woman queen\nMan woman king queen\n: b\na b c d\n";
        let found = of("questions.txt", questions).unwrap();
        assert_eq!(found, Score::Analogies { questions: 3, covered: 2, right: 2 });
        let found =
            of("sts.csv", "\"a king\",a queen,4\nman,king,1\nman,man,5\npear,man,0\n").unwrap();
        let Score::Sentences { pairs: 4, covered: 3, spearman, pearson } = found else {
            panic!("{found:?}")
        };
        assert!((spearman - 1.0).abs() < 1e-12 && pearson > 0.9);
        for (name, text, part) in [
            ("a.txt", "king queen\n", "a.txt:1"),
            ("b.txt", "king queen 9\nking queen x\n", "b.txt:2"),
            ("c.txt", ": a\na b c\n", "c.txt:2"),
            ("d.csv", "a,b\n", "d.csv:1"),
            ("e.csv", "a,b,x\n", "e.csv:1"),
            ("n.csv", "a,b,1x\na,b,1\n", "n.csv:1"),
            ("f.csv", "a,b,x\nman,king,1\nking,queen\n", "f.csv:3"),
            ("g.csv", "man,king,1\nking,queen,1\n", "all judgements equal 1"),
            ("h.csv", "pear,king,1\nking,plum,2\n", "only 0 of 2 rows have all their words"),
            ("j.csv", "man,king,1\nman,king,2\n", "all cosines equal 0."),
            ("k.txt", "king queen 9,5\nking man 3\n", "k.txt:1"),
            ("l.txt", "king queen\nking man 3\n", "l.txt:1"),
            ("m.txt", "a b c\nking man\n", "m.txt:2"),
            ("i.txt", "man king 1\nking queen 1\n", "all judgements equal 1"),
        ] {
            let error = of(name, text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
