//! `kinora inspect`

use std::collections::BTreeSet;

use anyhow::Result;
use kinora_model::{Card, Contents, Source};
use serde_json::json;

use crate::args::Inspect;
use crate::models;
use crate::output::{count, say};

pub fn run(args: &Inspect) -> Result<()> {
    let (bytes, origin, _) = models::read(&args.model)?;
    let contents = kinora_model::contents(&bytes, &origin)?;
    let Contents { format, checked, config, card, tokenizer, words, sources, parameters, header } =
        &contents;
    let types: BTreeSet<&str> = header.tensors.iter().map(|t| t.dtype.as_str()).collect();
    let precision = types.into_iter().collect::<Vec<_>>().join(", ");
    if args.json {
        let tensors = header.tensors.iter();
        let tensors = tensors
            .map(|t| json!({ "name": t.name, "shape": t.shape, "dtype": t.dtype }))
            .collect::<Vec<_>>();
        return say(json!({
            "model": origin,
            "format": format,
            "bytes": bytes.len(),
            "checked": checked,
            "precision": precision,
            "parameters": parameters,
            "pieces": tokenizer.vocab_size(),
            "card": card,
            "config": config,
            "words": words,
            "sources": sources,
            "tensors": tensors,
        }));
    }
    let Card { name, data, command, steps, clips, time, licence, credits, notes } = card;
    let clip = &config.clip;
    let colour = match clip.channels {
        1 => "grey",
        3 => "colour",
        _ => "colour with alpha",
    };
    let mut training = format!("{}, {}", count(*steps, "step"), count(*clips, "clip"));
    if !time.is_empty() {
        training += &format!(", {time}");
    }
    for (what, text) in [
        ("model", format!("{origin}, {} bytes, format {format}", bytes.len())),
        (
            "checksum",
            match checked {
                true => "right: the file is as it was saved".into(),
                false => "none: changes to the file would not be noticed".into(),
            },
        ),
        ("name", name.clone()),
        ("licence", licence.clone()),
        ("credit", credits.clone()),
        ("films", {
            let [frames, height, width, _] = clip.dims();
            format!("{frames} frames of {width} x {height}, {colour}, {} per second", clip.fps)
        }),
        ("weights", format!("{parameters} parameters, {precision}")),
        ("tokenizer", {
            let (known, most) = (tokenizer.vocab_size(), config.encoder.pieces);
            format!("vocabulary {known} pieces, sentence at most {most} pieces")
        }),
        (
            "words",
            match words.len() {
                0 => String::new(),
                n => format!("{n} in the training captions; --json lists them"),
            },
        ),
        ("needs", {
            let kinds = [
                ("the word vectors", &config.encoder.vectors, &sources.vectors),
                ("the encoder", &config.encoder.onnx, &sources.encoder),
            ];
            let lines = kinds.into_iter().filter_map(|(what, path, source)| {
                let Source { dim, fingerprint } = source.as_ref()?;
                Some(format!("{what} {path:?}, dimension {dim}, fingerprint {fingerprint}"))
            });
            lines.collect::<Vec<_>>().join("\n")
        }),
        ("data", data.clone()),
        ("training", training),
        ("command", command.clone()),
        ("notes", notes.clone()),
    ] {
        let text = text.trim().replace('\n', &format!("\n{:11}", ""));
        if !text.is_empty() {
            say(format_args!("{what:<10} {text}"))?;
        }
    }
    Ok(())
}
