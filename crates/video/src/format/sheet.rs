//! A sprite sheet and its atlas, in the format of Aseprite and TexturePacker.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DEFAULT_FPS, apng, assemble, cut, push_frame, starts};
use crate::Clip;
use crate::clip::allocate;

/// Largest width of a sheet in pixels; a common limit of textures.
const WIDEST: usize = 4096;

#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
struct Rect {
    x: usize,
    y: usize,
    w: usize,
    h: usize,
}

#[derive(Deserialize)]
struct Cell {
    frame: Rect,
    #[serde(default)]
    rotated: bool,
    #[serde(default)]
    trimmed: bool,
    /// Milliseconds. TexturePacker writes none.
    duration: Option<u64>,
}

/// The image as a PNG, and the atlas as JSON that names the image `name`.
pub fn encode(clip: &Clip, name: &str, copyright: &str) -> Result<(Vec<u8>, String), String> {
    let [t, h, w, c] = clip.dims();
    let columns = (WIDEST / w).clamp(1, t);
    let (sheet_h, sheet_w) = (h * t.div_ceil(columns), w * columns);
    let mut sheet = allocate([1, sheet_h, sheet_w, c]).map_err(|e| e.to_string())?;
    let starts: Vec<u64> = starts(t, clip.fps(), 1000.0).collect();
    let mut frames = Vec::new();
    for i in 0..t {
        let (x, y) = (i % columns * w, i / columns * h);
        for (row, pixels) in clip.frame(i).chunks_exact(w * c).enumerate() {
            sheet[((y + row) * sheet_w + x) * c..][..w * c].copy_from_slice(pixels);
        }
        frames.push(json!({
            "filename": format!("{} {i}", name.trim_end_matches(".sheet.png")),
            "frame": Rect { x, y, w, h },
            "rotated": false,
            "trimmed": false,
            "spriteSourceSize": Rect { x: 0, y: 0, w, h },
            "sourceSize": { "w": w, "h": h },
            "duration": starts[i + 1] - starts[i],
        }));
    }
    let format = match c {
        1 => "I8",
        3 => "RGB888",
        _ => "RGBA8888",
    };
    let mut meta = json!({
        "app": env!("CARGO_PKG_REPOSITORY"),
        "version": env!("CARGO_PKG_VERSION"),
        "image": name,
        "format": format,
        "size": { "w": sheet_w, "h": sheet_h },
        "scale": "1",
    });
    if !copyright.is_empty() {
        meta["copyright"] = copyright.into();
    }
    let atlas = json!({ "frames": frames, "meta": meta });
    let atlas = serde_json::to_string_pretty(&atlas).map_err(|e| e.to_string())?;
    Ok((apng::encode_image([sheet_h, sheet_w, c], &sheet, copyright)?, atlas + "\n"))
}

/// Whether the JSON file beside a picture is an atlas.
pub fn is_atlas(json: &[u8]) -> bool {
    let json = serde_json::from_slice(without_mark(json));
    json.is_ok_and(|json: Value| json["frames"].is_array() || json["frames"].is_object())
}

/// The bytes of a text without the byte order mark that some editors put first.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

pub fn decode(image: &[u8], atlas: &[u8]) -> Result<Clip, String> {
    let broken = |e: serde_json::Error| format!("the atlas (.json beside it): {e}");
    let atlas: Value = serde_json::from_slice(without_mark(atlas)).map_err(broken)?;
    let cell = |value: &Value| Cell::deserialize(value).map_err(broken);
    let cells: Vec<Cell> = match &atlas["frames"] {
        Value::Array(cells) => cells.iter().map(cell).collect::<Result<_, _>>()?,
        Value::Object(cells) => {
            // A JSON object has no order: take the frames row by row, from top to bottom.
            let mut cells: Vec<Cell> = cells.values().map(cell).collect::<Result<_, _>>()?;
            cells.sort_by_key(|cell| (cell.frame.y, cell.frame.x));
            cells
        }
        _ => return Err("the atlas (.json beside it) has no \"frames\"".into()),
    };
    let Some(first) = cells.first() else {
        return Err("the atlas (.json beside it) lists no frames".into());
    };
    let (h, w) = (first.frame.h, first.frame.w);
    let ([sheet_h, sheet_w], c, pixels) = apng::decode_image(image)?;
    let mut frames = Vec::new();
    for (i, cell) in cells.iter().enumerate() {
        let Rect { x, y, w: width, h: height } = cell.frame;
        if cell.rotated || cell.trimmed || (height, width) != (h, w) {
            return Err(format!(
                "frame {i} of the atlas is rotated, trimmed or differs in size from frame 0; \
                 export the sheet without packing"
            ));
        }
        let fits = |at: usize, n: usize, most: usize| n > 0 && at.saturating_add(n) <= most;
        if !fits(x, w, sheet_w) || !fits(y, h, sheet_h) {
            return Err(format!(
                "frame {i} of the atlas lies outside the {sheet_w} x {sheet_h} pixels of the sheet"
            ));
        }
        push_frame(&mut frames, &cut(&pixels, [sheet_w, 4], [y, x, h, w]))?;
    }
    let default = (1000.0 / DEFAULT_FPS) as u64;
    let length = |cell: &Cell| cell.duration.unwrap_or(default).clamp(1, 3_600_000);
    let lengths: Vec<u64> = cells.iter().map(length).collect();
    assemble(frames, [h, w], c, &lengths, 1000.0)
}
