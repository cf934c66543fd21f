//! MP4 with H.264, as browsers play it.

use muxide::api::{MuxerBuilder, VideoCodec};
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, ColorPrimaries, Encoder, EncoderConfig, FrameRate, FrameType, MatrixCoefficients,
    QpRange, RateControlMode, TransferCharacteristics, UsageType, VuiConfig,
};
use openh264::formats::{RgbSliceU8, YUVBuffer};

use crate::Clip;

/// What the encoder takes, either way round.
const LARGEST: [usize; 2] = [2160, 3840];
/// What the encoder takes at least.
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
    // The length of a frame is told by the next one, so a single frame is shown twice.
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

/// The H.264 of each frame (Annex B), and whether it stands by itself.
fn stream(clip: &Clip, count: usize, fps: f32) -> Result<Vec<(Vec<u8>, bool)>, String> {
    let [t, h, w, _] = clip.dims();
    // The conversion from RGB is BT.601; a player that is not told takes BT.709.
    let vui = VuiConfig::bt709()
        .color_primaries(ColorPrimaries::Bt709)
        .transfer_characteristics(TransferCharacteristics::Bt709)
        .matrix_coefficients(MatrixCoefficients::Smpte170M);
    // Of quality 10 to 24 (of 0 to 51), whatever the bits; every frame kept; one thread, since
    // more of them cut the picture into slices, and the bytes would depend on the machine.
    let config = EncoderConfig::new()
        .rate_control_mode(RateControlMode::Quality)
        .bitrate(BitRate::from_bps((h * w * 30).clamp(500_000, 50_000_000) as u32))
        .qp(QpRange::new(10, 24))
        .max_frame_rate(FrameRate::from_hz(fps))
        .usage_type(UsageType::ScreenContentNonRealTime)
        .skip_frames(false)
        .num_threads(1)
        .vui(vui);
    let api = OpenH264API::from_source();
    let mut encoder = Encoder::with_api_config(api, config).map_err(|e| e.to_string())?;
    let frame = |i: usize| {
        let yuv = YUVBuffer::from_rgb8_source(RgbSliceU8::new(clip.frame(i * t / count), (w, h)));
        let bits = encoder.encode(&yuv).map_err(|e| e.to_string())?;
        let key = matches!(bits.frame_type(), FrameType::IDR | FrameType::I);
        Ok((bits.to_vec(), key))
    };
    (0..count).map(frame).collect()
}
