//! MP4 with H.264, for browsers.

use muxide::api::{MuxerBuilder, VideoCodec};
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, ColorPrimaries, Encoder, EncoderConfig, FrameRate, FrameType, MatrixCoefficients,
    QpRange, RateControlMode, TransferCharacteristics, UsageType, VuiConfig,
};
use openh264::formats::YUVBuffer;

use crate::Clip;

/// Largest short and long side that the encoder takes.
const LARGEST: [usize; 2] = [2160, 3840];
/// Smallest side that the encoder takes.
const SMALLEST: usize = 16;

/// The clip over `background`, padded with it to even sides of at least 16 pixels.
pub fn encode(clip: &Clip, background: [u8; 3]) -> Result<Vec<u8>, String> {
    let [t, h, w, _] = clip.dims();
    if h.min(w) > LARGEST[0] || h.max(w) > LARGEST[1] {
        return Err(format!("an MP4 is at most 3840 x 2160 pixels, not {w} x {h}"));
    }
    let even = |v: usize| v.next_multiple_of(2).max(SMALLEST);
    let (height, width) = (even(h), even(w));
    let [r, g, b] = background;
    let clip = clip.over(background).place(height, width, 0, 0, [r, g, b, 255]);
    let clip = clip.map_err(|e| e.to_string())?;
    // The duration of a frame is known from the next one, so a single frame is written twice.
    let (count, fps) = if t == 1 { (2, clip.fps() * 2.0) } else { (t, clip.fps()) };

    let out = Vec::new();
    let builder =
        MuxerBuilder::new(out).video(VideoCodec::H264, width as u32, height as u32, f64::from(fps));
    let mut muxer = builder.with_fast_start(true).build().map_err(|e| e.to_string())?;
    for (i, (bytes, key)) in stream(&clip, count, fps)?.iter().enumerate() {
        let seconds = i as f64 / f64::from(fps);
        muxer.write_video(seconds, bytes, *key).map_err(|e| e.to_string())?;
    }
    muxer.finish_in_place().map_err(|e| e.to_string())?;
    Ok(muxer.into_writer())
}

/// The H.264 of each frame (Annex B), and whether it is a key frame.
fn stream(clip: &Clip, count: usize, fps: f32) -> Result<Vec<(Vec<u8>, bool)>, String> {
    let [t, h, w, _] = clip.dims();
    // The matrix of `yuv`; without this a player may assume BT.709.
    let vui = VuiConfig::bt709()
        .color_primaries(ColorPrimaries::Bt709)
        .transfer_characteristics(TransferCharacteristics::Bt709)
        .matrix_coefficients(MatrixCoefficients::Smpte170M);
    // Quality bounds (0 is best, 51 worst) rather than a rate, because films are short. No frame is
    // skipped. One thread, because more threads cut the picture into slices and the bytes would
    // depend on the machine. The options turned off would print warnings on stderr.
    let config = EncoderConfig::new()
        .rate_control_mode(RateControlMode::Bufferbased)
        .bitrate(BitRate::from_bps((h * w * 30).clamp(500_000, 50_000_000) as u32))
        .qp(QpRange::new(12, 22))
        .max_frame_rate(FrameRate::from_hz(fps))
        .usage_type(UsageType::ScreenContentRealTime)
        .adaptive_quantization(false)
        .background_detection(false)
        .skip_frames(false)
        .num_threads(1)
        .vui(vui);
    let api = OpenH264API::from_source();
    let mut encoder = Encoder::with_api_config(api, config).map_err(|e| e.to_string())?;
    let frame = |i: usize| {
        let yuv = YUVBuffer::from_vec(yuv(clip.frame(i * t / count), h, w), w, h);
        let bits = encoder.encode(&yuv).map_err(|e| e.to_string())?;
        let key = matches!(bits.frame_type(), FrameType::IDR | FrameType::I);
        Ok((bits.to_vec(), key))
    };
    (0..count).map(frame).collect()
}

/// RGB as planes of YCbCr (BT.601, 16 to 235), chroma at half the size. The values are rounded; the
/// encoder's own conversion is off by up to 6.
fn yuv(rgb: &[u8], h: usize, w: usize) -> Vec<u8> {
    let dot = |p: [f32; 3], k: [f32; 3]| (p[0] * k[0] + p[1] * k[1] + p[2] * k[2]) / 255.0;
    let pixel = |y: usize, x: usize| [0, 1, 2].map(|c| f32::from(rgb[(y * w + x) * 3 + c]));
    let mut planes = Vec::with_capacity(h * w * 3 / 2);
    for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
        planes.push((16.0 + dot(pixel(y, x), [65.481, 128.553, 24.966])).round() as u8);
    }
    for weights in [[-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]] {
        for (y, x) in (0..h / 2).flat_map(|y| (0..w / 2).map(move |x| (2 * y, 2 * x))) {
            let square = [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)];
            let sum: f32 = square.map(|(y, x)| dot(pixel(y, x), weights)).iter().sum();
            planes.push((128.0 + sum / 4.0).round() as u8);
        }
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;
    use openh264::decoder::Decoder;
    use openh264::formats::YUVSource;

    #[test]
    fn what_is_decoded_is_near() {
        // Colours that change slowly, so that their half size loses little.
        let (t, h, w) = (9, 48, 64);
        let pixel = |i: usize| [i % w * 4, i / w % h * 5, i / (w * h) * 20].map(|v| v as u8);
        let data: Vec<u8> = (0..t * h * w).flat_map(pixel).collect();
        let clip = Clip::new([t, h, w, 3], 8.0, data).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let (mut shown, mut sum) = (0, 0.0);
        for (i, (bits, key)) in stream(&clip, t, 8.0).unwrap().iter().enumerate() {
            assert_eq!(*key, i == 0);
            let Some(picture) = decoder.decode(bits).unwrap() else { continue };
            assert_eq!(picture.dimensions(), (w, h));
            let mut rgb = vec![0; w * h * 3];
            picture.write_rgb8(&mut rgb);
            let pairs = rgb.iter().zip(clip.frame(shown));
            sum += pairs.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>();
            shown += 1;
        }
        assert_eq!(shown, t);
        let rms = (sum / clip.data().len() as f64).sqrt();
        println!("root of the mean squared error in H.264: {rms:.2} of 255");
        assert!(rms < 3.0, "{rms}");
    }
}
