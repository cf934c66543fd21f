/// The words that an English word in lower case may be an inflected form of, the likeliest first.
pub(super) fn stems(word: &str) -> impl Iterator<Item = String> {
    let mut stems = Vec::new();
    if let Some(stem) = word.strip_suffix('s').filter(|stem| !stem.ends_with(['s', 'u'])) {
        stems.push(stem.to_owned());
        let stem = stem.strip_suffix('e').unwrap_or("");
        if stem.ends_with(['s', 'x', 'z', 'o']) || stem.ends_with("ch") || stem.ends_with("sh") {
            stems.push(stem.to_owned());
        }
        stems.extend(stem.strip_suffix('i').map(|stem| format!("{stem}y")));
    }
    for ending in ["ing", "ed"] {
        let Some(stem) = word.strip_suffix(ending) else { continue };
        stems.push(format!("{stem}e"));
        stems.push(stem.to_owned());
        let mut letters = stem.chars().rev();
        if let (Some(last), Some(before)) = (letters.next(), letters.next())
            && last == before
        {
            stems.push(stem[..stem.len() - last.len_utf8()].to_owned());
        }
        stems.extend(stem.strip_suffix('i').map(|stem| format!("{stem}y")));
    }
    // The stem of a short word is another word: "sing" is no form of "s".
    stems.into_iter().filter(|stem| stem.chars().count() > 2)
}
