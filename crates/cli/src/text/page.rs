//! An HTML page of tagged sentences, in the style of displaCy.

use kinora_text::Analysis;

const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Parts of speech and names</title>
<style>
body { font: 18px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 50em; padding: 0 1em; }
p { margin: 2em 0; }
.word { display: inline-block; margin: .3em .2em; text-align: center; vertical-align: top; }
.word small { display: block; font-size: .6em; color: #666; }
.name { display: inline-block; border-radius: .4em; padding: 0 .3em; margin: 0 .1em; }
.name > b { font-size: .6em; vertical-align: top; line-height: 3.2em; }
.PER { background: #ffd9b3; } .LOC { background: #c8e6c9; } .ORG { background: #bbdefb; }
</style>
";

/// The HTML page of these sentences.
pub fn of(analyses: &[Analysis]) -> String {
    let mut page = String::from(HEAD);
    for analysis in analyses {
        page += "<p>";
        for token in &analysis.tokens {
            let name = analysis.entity(token);
            if let Some(name) = name.filter(|name| name.span.start == token.span.start) {
                page += &format!("<span class=\"name {}\">", escaped(&name.label));
            }
            let tag = token.tag.as_ref().map_or("", |tag| &tag.pos);
            let word = escaped(analysis.word(token));
            page += &format!("<span class=\"word\">{word}<small>{}</small></span>", escaped(tag));
            if let Some(name) = name.filter(|name| name.span.end == token.span.end) {
                page += &format!("<b>{}</b></span>", escaped(&name.label));
            }
        }
        page += "</p>\n";
    }
    page + "</html>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
