//! Splits text into words as in Universal Dependencies' English treebanks: `do|n't`,
//! `well|-|known`, `$|5`, `10|%`, with addresses, smileys and abbreviations whole.

use std::ops::Range;

/// Splits a text into words, given as byte spans in order. No span is empty, and together they
/// contain every character except white space.
///
/// ```
/// let text = "She didn't pay $5 (well-known).";
/// let words: Vec<&str> = kinora_text::words(text).into_iter().map(|span| &text[span]).collect();
/// assert_eq!(words, ["She", "did", "n't", "pay", "$", "5", "(", "well", "-", "known", ")", "."]);
/// ```
pub fn words(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let written = text.trim_end().len();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_whitespace(), start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                chunk(&text[from..at], from, at == written, &mut spans);
                start = None;
            }
            _ => {}
        }
    }
    spans
}

/// Bytes of a word or address that the rules look at, so that the time stays linear in the text.
const LONG: usize = 512;

/// The first bytes of a text, about [`LONG`].
fn near(rest: &str) -> &str {
    let end = (LONG..rest.len()).find(|&at| rest.is_char_boundary(at));
    &rest[..end.unwrap_or(rest.len())]
}

/// Signs that are always words of their own, even next to each other.
const SINGLE: &str = "()[]{}\"“”«»,;:/\\|%&+^";

/// Splits a chunk, the text between two white spaces. `last` is true for the last chunk of a text.
fn chunk(chunk: &str, offset: usize, last: bool, spans: &mut Vec<Range<usize>>) {
    let mut rest = chunk;
    while !rest.is_empty() {
        let mut len = next(rest, rest.len() == chunk.len());
        // A period at the end of the text is a word, even after an abbreviation.
        if last && len == rest.len() && len > 1 && rest.ends_with('.') && rest.starts_with(is_word)
        {
            len -= 1;
        }
        let at = offset + chunk.len() - rest.len();
        word(&rest[..len], at, spans);
        rest = &rest[len..];
    }
}

/// The length of the next run; only the rules for contractions split a run further. `first` is true
/// at the start of a chunk.
fn next(rest: &str, first: bool) -> usize {
    if let Some(len) = address(rest).or_else(|| if first { smiley(rest) } else { None }) {
        return len;
    }
    let c = rest.chars().next().expect("the rest is not empty");
    if is_word(c) {
        return run(rest);
    }
    // @name and #topic.
    if matches!(c, '@' | '#')
        && first
        && rest[1..].starts_with(|c: char| c.is_alphabetic() || c == '_')
    {
        return 1 + rest[1..].find(|c| !is_word(c) && c != '_').unwrap_or(rest.len() - 1);
    }
    // A clitic with its apostrophe: 'em, '90s.
    if matches!(c, '\'' | '’') && is_clitic(&rest[c.len_utf8()..]) {
        return c.len_utf8()
            + rest[c.len_utf8()..].find(|c| !is_word(c)).unwrap_or(rest.len() - c.len_utf8());
    }
    if c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) && first {
        return 1 + run(&rest[1..]);
    }
    if SINGLE.contains(c) {
        return c.len_utf8();
    }
    // Any other sign, together with the like signs that follow: ..., !!!, --, ?!
    let alike = |other: char| match c {
        '!' | '?' => matches!(other, '!' | '?'),
        _ if c.is_ascii() => other == c,
        // Emoji with their joiners and variation selectors; signs of other scripts.
        _ if is_mark(other) => true,
        _ => !other.is_ascii() && !is_word(other) && !SINGLE.contains(other),
    };
    rest.find(|other| !alike(other)).unwrap_or(rest.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

/// Combining accents, joiners and variation selectors: characters that belong to the one before.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Whether the text after an apostrophe makes it a clitic: 'em, 'cause, '90s.
fn is_clitic(after: &str) -> bool {
    let end = after.find(|c| !is_word(c)).unwrap_or(after.len());
    let word = after[..end].to_lowercase();
    matches!(
        word.as_str(),
        "em" | "cause" | "til" | "bout" | "tis" | "twas" | "s" | "re" | "ve" | "ll" | "d" | "m"
    ) || (word.starts_with(|c: char| c.is_ascii_digit()) && word.trim_end_matches('s').len() == 2)
}

/// The length of a run of letters and digits, including the signs within that belong to it.
fn run(rest: &str) -> usize {
    let mut end = 0;
    loop {
        end += rest[end..].find(|c| !is_word(c)).unwrap_or(rest.len() - end);
        let (inside, after) = (&rest[..end], &rest[end..]);
        let mut signs = after.chars();
        let (Some(sign), following) = (signs.next(), signs.next()) else { return end };
        let digits = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let letter = following.is_some_and(char::is_alphabetic);
        let numeric = inside.ends_with(|c: char| c.is_ascii_digit());
        let joins = match sign {
            '.' | ',' | ':' if numeric && digits(following) => true,
            '/' | '-' if numeric && digits(following) => is_date(inside) && !is_range(rest),
            '.' if following.is_some_and(is_word) => is_initials(inside) || is_name(rest, end),
            '.' => return end + usize::from(is_abbreviation(inside) && !after.starts_with("..")),
            '\'' | '’' | '`' => letter,
            '&' => letter && inside.len() <= 3 && inside.chars().all(char::is_uppercase),
            '-' => letter && is_prefix(inside),
            '_' | '@' => following.is_some_and(is_word),
            _ => false,
        };
        if !joins || end > LONG {
            return end;
        }
        end += sign.len_utf8();
    }
}

/// `U`, `e.g`: single letters separated by periods.
fn is_initials(inside: &str) -> bool {
    inside.split('.').all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic))
}

/// `amazon.com`, `report.doc`: a name with a known ending.
fn is_name(rest: &str, end: usize) -> bool {
    let after = near(&rest[end + 1..]);
    let ending = &after[..after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len())];
    ENDINGS.contains(&ending.to_lowercase().as_str())
}

const ENDINGS: [&str; 24] = [
    "com", "org", "net", "edu", "gov", "co", "uk", "info", "doc", "xls", "pdf", "ppt", "jpg",
    "gif", "html", "htm", "txt", "zip", "exe", "mp3", "biz", "tv", "us", "ca",
];

/// `10/30`, `713-853`: only digits, slashes, hyphens and periods so far.
fn is_date(inside: &str) -> bool {
    inside.chars().all(|c| c.is_ascii_digit() || matches!(c, '/' | '-' | '.'))
}

/// `1969-1970`, `10-12`: a range, whose two numbers are words of their own; not `555-1234` or
/// `10-30-2001`.
fn is_range(rest: &str) -> bool {
    let rest = near(rest);
    let numbers =
        &rest[..rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len())];
    let parts: Vec<usize> = numbers.split('-').map(str::len).collect();
    matches!(parts[..], [1..=4, 1..=4]) && parts != [3, 4]
}

fn is_abbreviation(inside: &str) -> bool {
    let letters = inside.chars().count();
    let single = letters == 1 && inside.chars().all(|c| c.is_uppercase());
    let initials = letters > 1 && inside.contains('.') && is_initials(inside);
    single && inside != "I" || initials || ABBREVIATIONS.contains(&inside.to_lowercase().as_str())
}

const ABBREVIATIONS: [&str; 55] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "inc", "corp", "co", "ltd", "vs", "etc",
    "no", "gen", "col", "sgt", "capt", "lt", "rev", "sen", "rep", "gov", "jan", "feb", "mar",
    "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "ave", "blvd", "dept", "est",
    "approx", "ext", "fig", "mt", "ft", "mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri",
    "attn", "lv",
];

/// Prefixes that keep their hyphen: e-mail, co-op, x-ray.
fn is_prefix(inside: &str) -> bool {
    PREFIXES.contains(&inside.to_lowercase().as_str())
}

const PREFIXES: [&str; 24] = [
    "e", "co", "re", "pre", "post", "anti", "non", "ex", "semi", "multi", "inter", "intra", "sub",
    "super", "ultra", "un", "mid", "pro", "bi", "counter", "over", "under", "self", "x",
];

/// The length of the web or mail address at the start, if there is one.
fn address(rest: &str) -> Option<usize> {
    let rest = near(rest);
    let begins = |start: &str| {
        rest.as_bytes().get(..start.len()).is_some_and(|b| b.eq_ignore_ascii_case(start.as_bytes()))
    };
    let web = ["http://", "https://", "ftp://", "www."].into_iter().any(begins);
    let end = rest.find(['<', '>', '"', '“', '”', '|']).unwrap_or(rest.len());
    let whole =
        rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '’']);
    if web {
        // A closing bracket whose opening bracket is inside belongs to the address.
        let opened = whole.matches('(').count() > whole.matches(')').count();
        let closed = opened && rest[whole.len()..].starts_with(')');
        return Some(whole.len() + usize::from(closed)).filter(|&len| len > 4);
    }
    let (name, host) = whole.split_once('@')?;
    let local = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    let named = !name.is_empty()
        && name.chars().all(local)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let len = host
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .unwrap_or(host.len());
    let hosted = host[..len].split('.').filter(|part| !part.is_empty()).count() > 1;
    (named && hosted).then_some(name.len() + 1 + len)
}

/// The length of the smiley that makes up the chunk, apart from a final comma, period or
/// exclamation mark.
fn smiley(rest: &str) -> Option<usize> {
    let whole = rest.trim_end_matches([',', '.', '!']);
    SMILEYS.contains(&whole).then_some(whole.len())
}

const SMILEYS: [&str; 30] = [
    ":)", ":-)", ":(", ":-(", ";)", ";-)", ":D", ":-D", ":P", ":-P", ":p", ":/", ":-/", ":\\",
    ":|", ":o", ":O", "=)", "=(", "=D", ":))", ":)))", "<3", ":'(", "XD", "xD", "^_^", "-_-", ":]",
    ":*",
];

/// Adds a word, or the two words of a contraction: do|n't, she|'s, can|not, gon|na.
fn word(word: &str, at: usize, spans: &mut Vec<Range<usize>>) {
    let cut = contraction(word).filter(|&cut| cut > 0 && cut < word.len());
    match cut {
        Some(cut) => spans.extend([at..at + cut, at + cut..at + word.len()]),
        None => spans.push(at..at + word.len()),
    }
}

/// The byte at which a contraction is split; `None` for other words.
fn contraction(word: &str) -> Option<usize> {
    let letters = word.chars().count();
    if !(2..=32).contains(&letters) || !word.starts_with(char::is_alphanumeric) {
        return None;
    }
    let lower = word.to_lowercase().replace(['’', '`'], "'");
    // Some letters become two in lower case, which would shift the places of the rest.
    if lower.chars().count() != letters {
        return None;
    }
    let number = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_number = |text: &str| !text.contains(char::is_alphabetic);
    let endings = ["n't", "'re", "'ve", "'ll", "'s", "'m", "'d"];
    let first = if let Some((_, first)) = TWO.iter().find(|(whole, _)| *whole == lower) {
        *first
    } else if UNITS.contains(&&lower[number.len()..]) && is_number(number) {
        number.chars().count()
    } else {
        let ending = endings.iter().find(|ending| lower.ends_with(**ending))?;
        letters - ending.len()
    };
    word.char_indices().nth(first).map(|(at, _)| at)
}

/// Units that may follow a number without a space: 10|pm, $|5|m, 35|mm.
const UNITS: [&str; 20] = [
    "am", "pm", "k", "m", "b", "t", "bn", "mm", "cm", "km", "ft", "in", "lb", "lbs", "kg", "min",
    "mins", "hrs", "hh", "mph",
];

/// Contractions without an apostrophe, and the length of their first word.
const TWO: [(&str, usize); 34] = [
    ("aint", 2),
    ("arent", 3),
    ("cannot", 3),
    ("cant", 2),
    ("couldnt", 5),
    ("didnt", 3),
    ("doesnt", 4),
    ("dont", 2),
    ("gimme", 3),
    ("gonna", 3),
    ("gotta", 3),
    ("hasnt", 3),
    ("havent", 4),
    ("hes", 2),
    ("im", 1),
    ("isnt", 2),
    ("itll", 2),
    ("ive", 1),
    ("lemme", 3),
    ("outta", 3),
    ("shouldnt", 6),
    ("thats", 4),
    ("theres", 5),
    ("theyre", 4),
    ("theyve", 4),
    ("wanna", 3),
    ("wasnt", 3),
    ("werent", 4),
    ("weve", 2),
    ("whats", 4),
    ("wont", 2),
    ("wouldnt", 5),
    ("youre", 3),
    ("youve", 3),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_the_treebank() {
        for expected in [
            "",
            "a knight , who walks",
            "do|n't ca|n’t she|'s we|'ll I|'m they|’ve James|' mama|`s",
            "can|not gon|na I|m does|nt donted",
            "well|-|known e-mail co-op and|/|or",
            "$|5 10|% 10|am 7:30|PM 35|mm 3rd 90s 1,000.50 10-30-2001 1969|-|1970 555-1234",
            "Mr. Smith|, U.S. e.g.|, a.m.|, no",
            "wait|... what|?! no|!!! --|yes|--|no",
            "( a|) \"|b|\" [|c|]",
            "HTTP://été.fr| www.abcé.de| http://a.b/c_(d)|. mail|:|me@home.org|, <|www.x.com|> amazon.com @name #topic",
            ":) :-( |<3",
            "👩🏽‍🚀 騎士 naïve nai\u{308}ve",
            "the end etc|.",
            "Dr. No|.",
        ] {
            let expected = expected
                .split_whitespace()
                .map(|chunk| chunk.split('|').filter(|word| !word.is_empty()).collect::<Vec<_>>());
            let expected: Vec<Vec<&str>> = expected.collect();
            let text: Vec<String> = expected.iter().map(|chunk| chunk.concat()).collect();
            let text = text.join(" ");
            let found: Vec<&str> = words(&text).into_iter().map(|span| &text[span]).collect();
            assert_eq!(found, expected.concat(), "{text}");
        }
    }
}
