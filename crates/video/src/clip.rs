use crate::{Error, Result};

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
    /// A clip of `dims = [t, h, w, c]` from its bytes, `fps` frames a second.
    ///
    /// # Errors
    /// If a dimension is zero, `c` is not 1, 3 or 4, `fps` is not a positive number, or the
    /// number of bytes is not `t * h * w * c`.
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

    /// `[t, h, w, c]`.
    pub fn dims(&self) -> [usize; 4] {
        [self.frames, self.height, self.width, self.channels]
    }

    /// Frames a second.
    pub fn fps(&self) -> f32 {
        self.fps
    }

    /// All bytes, `[t, h, w, c]`.
    pub fn data(&self) -> &[u8] {
        &self.data
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
