use kinora_nn::{Conv, ConvLstm, Embedding, Fill, Gru, Init, Linear, Module, join, same};
use kinora_tensor::Result;

use crate::{Attention, FilmShape};

mod config;
mod decoder;
mod draw;
mod parts;

pub use config::GeneratorConfig;
pub(crate) use config::check_size;
use decoder::{Block, Refine};
use parts::{Cells, Wide};

/// The slope below zero of the crate's leaky ReLUs.
pub(crate) const SLOPE: f32 = 0.2;

/// G(s, V, z): draws the frames of a film from the sentence vector s, the word vectors V and the
/// noise z.
///
/// A ConvLSTM runs over the frames at low resolution. Its input at frame t is the sentence, the
/// noise z, the embedding of t, the frame noise z_t = GRU(z_{t-1}, ε_t), and the context from
/// [`Attention`] over the words, queried by the sentence and the recurrent state. All frames are
/// then decoded as one batch; the sentence, the noise and the context modulate each norm of the
/// decoder.
///
/// With a style, a network of two layers on s and z replaces s and z in the pose, the norms and the
/// palette, so a word can overrule the noise. (A layer that is linear in both can only add them.)
/// Wide paths add to the style and to the recurrence's input. A bypass normalises the recurrence's input and
/// also adds it to the decoder's input. With a direct path, the sentence itself modulates the norms of the
/// decoder too.
///
/// With a palette, the decoder computes for each pixel the shares of the film's colours, and the
/// style gives these colours.
#[derive(Clone, Debug)]
pub struct Generator<T> {
    film: FilmShape,
    /// `[h, w]` of the recurrent state.
    base: [usize; 2],
    noise: Gru<T>,
    style: Option<(Linear<T>, Linear<T>)>,
    position: Embedding<T>,
    attention: Attention<T>,
    /// Maps the style and the frame embedding to the pose. A leaky ReLU follows.
    pose: Option<Linear<T>>,
    /// Maps the pose (without a style: s, z and the frame embedding) to the first summand of the
    /// recurrence's input.
    plan: Linear<T>,
    wide: Option<Wide<T>>,
    /// Maps the context and z_t of a frame to the second summand of the recurrence's input.
    moment: Linear<T>,
    recurrence: ConvLstm<T>,
    /// Skip connection: maps the recurrence's input to a summand of the decoder's input. If it is
    /// present, the recurrence's input is normalised.
    bypass: Option<Conv<T>>,
    cells: Option<Cells<T>>,
    /// Whether the sentence is a part of the condition of the decoder's norms.
    direct: bool,
    /// From each cell of the decoder's input to the pixels of this cell.
    sketch: Option<Conv<T>>,
    /// One before each block of the decoder, or none.
    refine: Vec<Refine<T>>,
    decoder: Vec<Block<T>>,
    output: Conv<T>,
    /// From the style (or s and z) to the colours of a film, `[palette · c]`.
    palette: Option<Linear<T>>,
}

/// The random numbers behind one batch of films.
#[derive(Clone, Debug)]
pub struct Noise<T> {
    /// z, `[n, noise]`.
    pub film: T,
    /// ε, `[n, t, frame_noise]`.
    pub frames: T,
}

/// Frames of films.
#[derive(Clone, Debug)]
pub struct Drawn<T> {
    /// The frames, `[n, t, h, w, c]`, in (-1, 1).
    pub frames: T,
    /// The colours and shares that give `frames`; `None` for a generator without palette.
    pub mix: Option<Mix<T>>,
    /// The decoder's input, `[n · t, 1, h / 2ᵏ, w / 2ᵏ, hidden]` for k blocks of the decoder.
    pub input: T,
}

/// Pixels as mixtures of the colours of their film.
#[derive(Clone, Debug)]
pub struct Mix<T> {
    /// The shares of the colours in each pixel, `[n, t · h · w, palette]`; they sum to 1.
    pub shares: T,
    /// The colours of each film, `[n, palette, c]`.
    pub palette: T,
}

impl<T> Generator<T> {
    /// A generator of films of shape `film`, for sentence vectors of width `sentence` and word
    /// vectors of width `word`.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    ///
    /// # Panics
    /// If [`GeneratorConfig::base`] rejects the sizes.
    pub fn new<I: Init<T>>(
        init: &mut I,
        config: &GeneratorConfig,
        film: FilmShape,
        sentence: usize,
        word: usize,
    ) -> Result<Self> {
        let base = config.base(film).expect("the sizes were checked");
        let area = base[0] * base[1];
        let GeneratorConfig { noise, frame_noise, position, input, hidden, .. } = *config;
        let mut channels = hidden;
        let noise_gru = Gru::new(init, frame_noise, frame_noise)?;
        let (style, known) = match config.style {
            0 => (None, sentence + noise),
            width => {
                let first = Linear::new(init, sentence + noise, width, true)?;
                (Some((first, Linear::new(init, width, width, true)?)), width)
            }
        };
        let place = Embedding::new(init, film.frames, position)?;
        let attention = Attention::new(init, sentence + hidden, word)?;
        let (pose, planned) = match config.style {
            0 => (None, known + position),
            width => (Some(Linear::new(init, known + position, width, true)?), width),
        };
        let plan = Linear::new(init, planned, area * input, true)?;
        let wide = match config.wide {
            0 => None,
            width => {
                let both = sentence + noise;
                let plan = [known + position + both, area * input];
                Some(Wide::new(init, width, [both, known], plan)?)
            }
        };
        let moment = Linear::new(init, word + frame_noise, area * input, false)?;
        let recurrence = ConvLstm::new(init, [1, 3, 3], input, hidden)?;
        let bypass = match config.bypass {
            false => None,
            true => {
                let (kernel, both) = ([1, 1, 1], [input, hidden]);
                Some(Conv::with(init, kernel, both, same(kernel), Fill::Zeros, None)?)
            }
        };
        let cells = match config.cells {
            false => None,
            true => Some(Cells::new(init, hidden, word)?),
        };
        let sketch = match config.sketch {
            false => None,
            true => {
                let pixels = film.height * film.width / area * film.channels;
                Some(Conv::new(init, [1, 1, 1], hidden, pixels, same([1, 1, 1]))?)
            }
        };
        let (mut refine, mut decoder) = (Vec::new(), Vec::new());
        let condition = known + word + if config.direct { sentence } else { 0 };
        for &next in &config.decoder {
            if config.refine {
                refine.push(Refine::new(init, channels, condition, config.group)?);
            }
            decoder.push(Block::new(init, [channels, next], condition, config.group)?);
            channels = next;
        }
        let (kernel, outputs, palette) = match config.palette {
            0 => ([1, 3, 3], film.channels, None),
            colours => {
                let numbers = colours * film.channels;
                // The bias makes the colours differ at first; the style changes them a little.
                let weight = Fill::Normal(0.1 * (known as f32).sqrt().recip());
                let bias = Some(Fill::Normal(1.0));
                ([1, 1, 1], colours, Some(Linear::with(init, [known, numbers], weight, bias)?))
            }
        };
        let output = Conv::new(init, kernel, channels, outputs, same(kernel))?;
        Ok(Self {
            film,
            base,
            noise: noise_gru,
            style,
            position: place,
            attention,
            pose,
            plan,
            wide,
            moment,
            recurrence,
            bypass,
            direct: config.direct,
            cells,
            sketch,
            refine,
            decoder,
            output,
            palette,
        })
    }
}

impl<T> Module<T> for Generator<T> {
    type Of<U> = Generator<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Generator<U>, E> {
        Ok(Generator {
            film: self.film,
            base: self.base,
            noise: self.noise.try_map(&join(path, "noise"), f)?,
            style: self.style.try_map(&join(path, "style"), f)?,
            position: self.position.try_map(&join(path, "position"), f)?,
            attention: self.attention.try_map(&join(path, "attention"), f)?,
            pose: self.pose.try_map(&join(path, "pose"), f)?,
            plan: self.plan.try_map(&join(path, "plan"), f)?,
            wide: self.wide.try_map(&join(path, "wide"), f)?,
            moment: self.moment.try_map(&join(path, "moment"), f)?,
            recurrence: self.recurrence.try_map(&join(path, "recurrence"), f)?,
            bypass: self.bypass.try_map(&join(path, "bypass"), f)?,
            direct: self.direct,
            cells: self.cells.try_map(&join(path, "cells"), f)?,
            sketch: self.sketch.try_map(&join(path, "sketch"), f)?,
            refine: self.refine.try_map(&join(path, "refine"), f)?,
            decoder: self.decoder.try_map(&join(path, "decoder"), f)?,
            output: self.output.try_map(&join(path, "output"), f)?,
            palette: self.palette.try_map(&join(path, "palette"), f)?,
        })
    }
}
