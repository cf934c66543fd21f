//! Sheets: decoded once, trimmed to the cells that clips use, and cached.

use std::collections::HashMap;
use std::io::BufReader;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::figure::{Action, Direction};
use crate::{Error, Result};

/// The side of a cell in pixels.
pub const CELL: usize = 64;
const WIDTH: usize = 13 * CELL;
const HEIGHT: usize = 21 * CELL;
const ROWS: usize = 21;
const COLUMNS: usize = 13;

/// A sheet without its empty parts: for each cell, the box of its visible pixels as straight RGBA.
#[derive(Debug)]
pub struct Sheet {
    cells: Vec<Trimmed>,
    pixels: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Trimmed {
    x: u8,
    y: u8,
    width: u8,
    height: u8,
    /// The index of its first byte in `pixels`.
    start: u32,
}

impl Sheet {
    /// # Errors
    /// If the file cannot be read, is not a PNG, or is not 832x1344 pixels.
    pub fn open(path: &Path) -> Result<Self> {
        let rgba = decode(path)?;
        let mut sheet =
            Self { cells: vec![Trimmed::default(); ROWS * COLUMNS], pixels: Vec::new() };
        for action in Action::ALL {
            for direction in Direction::ALL {
                for column in action.columns() {
                    sheet.trim(&rgba, action.row(direction), column);
                }
            }
        }
        sheet.pixels.shrink_to_fit();
        Ok(sheet)
    }

    fn trim(&mut self, rgba: &[u8], row: usize, column: usize) {
        if self.cells[row * COLUMNS + column].width != 0 {
            return;
        }
        let at = |x: usize, y: usize| 4 * ((row * CELL + y) * WIDTH + column * CELL + x);
        let (mut left, mut right, mut top, mut bottom) = (CELL, 0, CELL, 0);
        for y in 0..CELL {
            for x in 0..CELL {
                if rgba[at(x, y) + 3] != 0 {
                    (left, right) = (left.min(x), right.max(x + 1));
                    (top, bottom) = (top.min(y), bottom.max(y + 1));
                }
            }
        }
        if left >= right {
            return;
        }
        self.cells[row * COLUMNS + column] = Trimmed {
            x: left as u8,
            y: top as u8,
            width: (right - left) as u8,
            height: (bottom - top) as u8,
            start: self.pixels.len() as u32,
        };
        for y in top..bottom {
            self.pixels.extend_from_slice(&rgba[at(left, y)..at(right, y)]);
        }
    }

    /// Draws a cell over `frame`, `[64, 64, 4]`, both with straight alpha.
    pub fn draw(&self, row: usize, column: usize, frame: &mut [u8]) {
        let cell = self.cells[row * COLUMNS + column];
        let (width, left) = (usize::from(cell.width), usize::from(cell.x));
        for y in 0..usize::from(cell.height) {
            let from = cell.start as usize + 4 * width * y;
            let to = 4 * ((usize::from(cell.y) + y) * CELL + left);
            let source = self.pixels[from..from + 4 * width].chunks_exact(4);
            for (under, over) in frame[to..to + 4 * width].chunks_exact_mut(4).zip(source) {
                match over[3] {
                    0 => {}
                    255 => under.copy_from_slice(over),
                    alpha => blend(under, over, u32::from(alpha)),
                }
            }
        }
    }
}

/// Porter-Duff "over" for straight alpha, rounded.
fn blend(under: &mut [u8], over: &[u8], alpha: u32) {
    // Both weights and their sum are in units of 1 / 255².
    let (top, below) = (alpha * 255, u32::from(under[3]) * (255 - alpha));
    let sum = top + below;
    for (u, o) in under[..3].iter_mut().zip(over) {
        *u = ((u32::from(*o) * top + u32::from(*u) * below + sum / 2) / sum) as u8;
    }
    under[3] = ((sum + 127) / 255) as u8;
}

/// The pixels of a sheet, `[1344, 832, 4]`.
fn decode(path: &Path) -> Result<Vec<u8>> {
    let file =
        crate::file::open(path).map_err(|source| Error::Read { path: path.into(), source })?;
    let wrong = |reason: String| Error::Data { path: path.into(), reason };
    let bad = |e: png::DecodingError| wrong(format!("cannot read the PNG: {e}"));
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(bad)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if (width, height) != (WIDTH, HEIGHT) {
        return Err(wrong(format!(
            "a sheet of {width}x{height} pixels; it must be {WIDTH}x{HEIGHT}, 13x21 cells of 64x64"
        )));
    }
    let mut pixels = vec![0; WIDTH * HEIGHT * 4];
    let info = reader.next_frame(&mut pixels).map_err(bad)?;
    pixels.truncate(info.buffer_size());
    Ok(match info.color_type {
        png::ColorType::Rgba => pixels,
        png::ColorType::Rgb => {
            pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect()
        }
        png::ColorType::GrayscaleAlpha => {
            pixels.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect()
        }
        _ => pixels.iter().flat_map(|&p| [p, p, p, 255]).collect(),
    })
}

/// Sheets by path, shared by threads. The first thread that needs a sheet decodes it; other threads
/// that need the same sheet wait. Beyond `limit` bytes, the least recently used sheets are dropped.
pub struct Cache {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    slots: HashMap<String, Slot>,
    clock: u64,
    bytes: usize,
}

#[derive(Default)]
struct Slot {
    sheet: Arc<Mutex<Option<Arc<Sheet>>>>,
    used: u64,
    bytes: usize,
}

impl Cache {
    pub fn new(limit: usize) -> Self {
        Self { limit, inner: Mutex::default() }
    }

    pub fn get(&self, root: &Path, name: &str) -> Result<Arc<Sheet>> {
        let slot = {
            let mut inner = lock(&self.inner);
            inner.clock += 1;
            let clock = inner.clock;
            if !inner.slots.contains_key(name) {
                inner.slots.insert(name.to_owned(), Slot::default());
            }
            let slot = inner.slots.entry(name.to_owned()).or_default();
            slot.used = clock;
            Arc::clone(&slot.sheet)
        };
        let mut held = lock(&slot);
        if let Some(sheet) = &*held {
            return Ok(Arc::clone(sheet));
        }
        let sheet = Arc::new(Sheet::open(&root.join(name))?);
        *held = Some(Arc::clone(&sheet));
        drop(held);
        self.count(name, sheet.pixels.len());
        Ok(sheet)
    }

    /// Adds the size of a new sheet, and drops others beyond the limit.
    fn count(&self, name: &str, bytes: usize) {
        let mut inner = lock(&self.inner);
        if let Some(slot) = inner.slots.get_mut(name) {
            slot.bytes = bytes;
            inner.bytes += bytes;
        }
        while inner.bytes > self.limit {
            let others =
                inner.slots.iter().filter(|(other, slot)| *other != name && slot.bytes > 0);
            let Some(oldest) = others.min_by_key(|(_, slot)| slot.used).map(|(n, _)| n.clone())
            else {
                break;
            };
            inner.bytes -= inner.slots.remove(&oldest).map_or(0, |slot| slot.bytes);
        }
    }
}

/// Locks, and ignores poisoning: a panic in another thread leaves no half-made sheet behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a sheet whose cells are all full.
    fn full(path: &Path) {
        let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        let mut encoder = png::Encoder::new(file, WIDTH as u32, HEIGHT as u32);
        encoder.set_color(png::ColorType::Rgba);
        let pixels = [9, 8, 7, 255].repeat(WIDTH * HEIGHT);
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    }

    #[test]
    fn the_cache_decodes_once_and_keeps_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a.png", "b.png", "c.png"];
        for name in names {
            full(&folder.path().join(name));
        }
        let size = Sheet::open(&folder.path().join("a.png")).unwrap().pixels.len();
        let cache = Cache::new(2 * size + size / 2);
        let get = |name| cache.get(folder.path(), name).unwrap();
        let first = get("a.png");
        get("b.png");
        // "a" is used again, so "b" is dropped when "c" needs room.
        assert!(Arc::ptr_eq(&first, &get("a.png")));
        get("c.png");
        let kept = |name| lock(&cache.inner).slots.contains_key(name);
        assert_eq!(names.map(kept), [true, false, true]);
        assert_eq!(lock(&cache.inner).bytes, 2 * size);
        assert!(Arc::ptr_eq(&first, &get("a.png")));
    }

    #[test]
    fn blending_is_over() {
        let over = |under: [u8; 4], over: [u8; 4]| {
            let mut out = under;
            blend(&mut out, &over, u32::from(over[3]));
            out
        };
        assert_eq!(over([0; 4], [200, 100, 50, 128]), [200, 100, 50, 128]);
        assert_eq!(over([0, 0, 0, 255], [255, 255, 255, 128]), [128, 128, 128, 255]);
        // Half over half: three quarters are covered, two thirds of that by the upper colour.
        assert_eq!(over([0, 0, 0, 128], [255, 255, 255, 128]), [170, 170, 170, 192]);
    }
}
