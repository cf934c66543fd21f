//! Decoders on files cut off at every length and on files with changed bytes: each gives an error or
//! a clip within the limits, never a panic.

use super::{apng, gif, sheet, webp};
use crate::{Clip, MAX_PIXELS};

type Decode<'a> = Box<dyn Fn(&[u8]) -> Result<Clip, String> + 'a>;

#[test]
fn damaged_files_are_errors() {
    let data = |n: usize| (0..n).map(|i| (i * i / 3 % 30 * 8) as u8).collect::<Vec<u8>>();
    let clip = Clip::new([4, 6, 9, 4], 8.0, data(4 * 6 * 9 * 4)).unwrap();
    let (image, atlas) = sheet::encode(&clip, "a.sheet.png", "").unwrap();
    let strip = apng::encode_image([4, 12, 3], &data(4 * 12 * 3), "").unwrap();
    let mut picture = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut picture);
    encoder.encode(&data(4 * 12 * 3), 12, 4, image_webp::ColorType::Rgb8).unwrap();
    let rows: [(&str, Vec<u8>, Decode); 7] = [
        ("gif", gif::encode(&clip, "of the artist").unwrap(), Box::new(gif::decode)),
        ("apng", apng::encode(&clip, "of the artist").unwrap(), Box::new(apng::decode)),
        ("png", strip, Box::new(apng::decode)),
        ("webp", animation(&picture), Box::new(webp::decode)),
        ("webp", picture, Box::new(webp::decode)),
        ("sheet", image.clone(), Box::new(|image| sheet::decode(image, atlas.as_bytes()))),
        ("atlas", atlas.clone().into_bytes(), Box::new(|atlas| sheet::decode(&image, atlas))),
    ];
    let mut rng = fastrand::Rng::with_seed(7);
    for (name, whole, decode) in rows {
        assert!(decode(&whole).is_ok(), "{name}");
        let errors = (0..whole.len()).filter(|&n| decode(&whole[..n]).is_err()).count();
        // Only the last bytes may be missing: a trailer, a checksum, a line break.
        assert!(errors + 20 > whole.len(), "{name}: {errors} errors at {} lengths", whole.len());
        for _ in 0..10_000 {
            let mut bytes = whole.clone();
            for _ in 0..rng.usize(1..4) {
                let place = rng.usize(..bytes.len());
                bytes[place] = rng.u8(..);
            }
            if !["gif", "webp", "atlas"].contains(&name) && rng.bool() {
                mend(&mut bytes);
            }
            if let Ok(clip) = decode(&bytes) {
                let [t, h, w, _] = clip.dims();
                assert!(t * h * w <= MAX_PIXELS, "{name}");
            }
        }
    }
}

/// A WebP animation of four frames, each the same lossless picture of 12 x 4 pixels.
fn animation(picture: &[u8]) -> Vec<u8> {
    let of = |name: &[u8], body: &[u8]| {
        [name, &(body.len() as u32).to_le_bytes(), body, &[0][..body.len() % 2]].concat()
    };
    let start = picture.windows(4).position(|name| name == b"VP8L").unwrap();
    let frame =
        [&[0, 0, 0, 0, 0, 0, 11, 0, 0, 3, 0, 0, 125, 0, 0, 0][..], &picture[start..]].concat();
    let head = of(b"VP8X", &[0b1_0010, 0, 0, 0, 11, 0, 0, 3, 0, 0]);
    let body = [head, of(b"ANIM", &[0; 6]), of(b"ANMF", &frame).repeat(4)].concat();
    of(b"RIFF", &[b"WEBP", &body[..]].concat())
}

/// Corrects the checksums of a PNG, so that the decoder reads the changed chunks.
fn mend(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(size) = bytes.get(at..at + 4) {
        let size = size.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
        let Some(body) = bytes.get(at + 4..at + 8 + size) else { return };
        let mut crc = flate2::Crc::new();
        crc.update(body);
        let end = at + 8 + size;
        let Some(sum) = bytes.get_mut(end..end + 4) else { return };
        sum.copy_from_slice(&crc.sum().to_be_bytes());
        at = end + 4;
    }
}
