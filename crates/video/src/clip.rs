use crate::{Error, Result};

/// The largest number of pixels of a clip, over all frames. A file or an operation that needs more
/// is an error before anything is allocated.
pub const MAX_PIXELS: usize = 1 << 26;

/// A short film in memory: 8-bit frames, channels last, `[t, h, w, c]`.
///
/// One channel is grey, three are sRGB, four are sRGB with straight (not premultiplied) alpha.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    frames: usize,
    height: usize,
    width: usize,
    channels: usize,
    fps: f32,
    data: Vec<u8>,
}

impl Clip {
    /// A clip of `dims = [t, h, w, c]` from its bytes, at `fps` frames per second.
    ///
    /// # Errors
    /// If a dimension is zero, `c` is not 1, 3 or 4, `fps` is not finite and positive, or the number
    /// of bytes is not `t * h * w * c`.
    pub fn new(dims: [usize; 4], fps: f32, data: Vec<u8>) -> Result<Self> {
        let [frames, height, width, channels] = dims;
        let expected = dims.iter().try_fold(1usize, |product, &d| product.checked_mul(d));
        if expected != Some(data.len()) || data.is_empty() || !matches!(channels, 1 | 3 | 4) {
            return Err(Error::Clip { dims, bytes: data.len() });
        }
        if !(fps.is_finite() && fps > 0.0) {
            return Err(Error::Fps(fps));
        }
        Ok(Self { frames, height, width, channels, fps, data })
    }

    /// A clip without checks: `dims` must fit `data`, and come from a clip or from [`allocate`].
    pub(crate) fn from_parts(dims: [usize; 4], fps: f32, data: Vec<u8>) -> Self {
        let [frames, height, width, channels] = dims;
        debug_assert_eq!(dims.iter().product::<usize>(), data.len());
        Self { frames, height, width, channels, fps, data }
    }

    /// Frames, height, width and channels: `[t, h, w, c]`.
    pub fn dims(&self) -> [usize; 4] {
        [self.frames, self.height, self.width, self.channels]
    }

    /// The same frames at `fps` frames per second.
    ///
    /// # Errors
    /// If `fps` is not finite and positive.
    pub fn with_fps(mut self, fps: f32) -> Result<Self> {
        if !(fps.is_finite() && fps > 0.0) {
            return Err(Error::Fps(fps));
        }
        self.fps = fps;
        Ok(self)
    }

    /// Frames per second.
    pub fn fps(&self) -> f32 {
        self.fps
    }

    /// All bytes, `[t, h, w, c]`.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Turns the clip into its bytes, `[t, h, w, c]`, without a copy.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// The bytes of frame `t`, `[h, w, c]`.
    ///
    /// # Panics
    /// If there is no frame `t`.
    pub fn frame(&self, t: usize) -> &[u8] {
        let size = self.height * self.width * self.channels;
        &self.data[t * size..(t + 1) * size]
    }
}

/// Zeros for a clip of `dims`, after a check against [`MAX_PIXELS`].
pub(crate) fn allocate(dims: [usize; 4]) -> Result<Vec<u8>> {
    let [t, h, w, c] = dims;
    let pixels = t.checked_mul(h).and_then(|n| n.checked_mul(w));
    match pixels {
        Some(0) => Err(Error::Clip { dims, bytes: 0 }),
        Some(n) if n <= MAX_PIXELS => Ok(vec![0; n * c]),
        _ => Err(Error::TooLarge { dims }),
    }
}
