//! How a generator draws: the recurrence over the frames, then the decoder.

use kinora_nn::LstmState;
use kinora_tensor::{Error, NormSpec, Result, Tensor};

use super::{Drawn, Generator, Mix, Noise, SLOPE};
use crate::FilmShape;

impl<T: Tensor> Generator<T> {
    /// Films for a batch of sentences.
    ///
    /// # Shapes
    /// sentence `[n, sentence]`, words `[n, m, word]`, bias `[n, m]` as in
    /// [`Attention::forward`](crate::Attention::forward); returns frames `[n, t, h, w, c]` in (-1, 1).
    ///
    /// # Errors
    /// If the shapes disagree with each other or with the sizes of the generator, or the device
    /// fails.
    pub fn forward(&self, sentence: &T, words: &T, bias: &T, noise: &Noise<T>) -> Result<T> {
        Ok(self.draw(sentence, words, bias, noise, &self.all(sentence))?.frames)
    }

    /// The films of [`Generator::forward`] in sharp colours: with a palette, the share a of a colour in a pixel
    /// becomes a⁴ / Σ a⁴, so most pixels have nearly one colour. The mean of two colours of the palette, such as of
    /// black and white, is often a colour that no clip has. For films to look at; a training needs the gradient of
    /// all shares.
    ///
    /// With alpha (4 channels), the alpha of a pixel stays as in [`Generator::forward`]: otherwise one transparent
    /// colour with a share of 0.4 would win against three opaque colours with 0.2 each. The colour is then
    /// Σ a⁴ o P / Σ a⁴ o, with the opacity o of each colour P.
    ///
    /// # Shapes
    /// Those of [`Generator::forward`].
    ///
    /// # Errors
    /// Those of [`Generator::forward`].
    pub fn sharp(&self, sentence: &T, words: &T, bias: &T, noise: &Noise<T>) -> Result<T> {
        let all = self.all(sentence);
        let Drawn { frames, mix, .. } = self.draw(sentence, words, bias, noise, &all)?;
        let Some(Mix { mut shares, palette }) = mix else { return Ok(frames) };
        let scaled = |x: &T| x.div(&x.sum(&[2])?);
        for _ in 0..2 {
            // Scaled each time, so that no sum is too small for a float.
            shares = scaled(&shares.mul(&shares)?)?;
        }
        let [n, t, h, w, channels] = [0, 1, 2, 3, 4].map(|axis| frames.shape()[axis]);
        if channels < 4 {
            return shares.matmul(&palette)?.reshape([n, t, h, w, channels]);
        }
        // From -1 .. 1 to 0 .. 1, and above 0 even where all colours are transparent.
        let opacity = palette.slice(2, 3, 1)?.affine(0.5, 0.5 + 1e-6)?.permute(&[0, 2, 1])?;
        let shares = scaled(&shares.mul(&opacity)?)?;
        let colours = shares.matmul(&palette.slice(2, 0, 3)?)?.reshape([n, t, h, w, 3])?;
        T::concat(&[&colours, &frames.slice(4, 3, 1)?], 4)
    }

    /// Some frames of the films of [`Generator::forward`], with their mixture of colours and the decoder's
    /// input. `which` lists t indices of frames for the first film, then t for the second film, and so on.
    /// The recurrence stops after the largest index. Only the listed frames are decoded.
    ///
    /// # Shapes
    /// Those of [`Generator::forward`], with t = `which.len()` / n.
    ///
    /// # Errors
    /// Those of [`Generator::forward`].
    ///
    /// # Panics
    /// If `which` is empty, its length is no multiple of n, or it has an index beyond the last frame.
    pub fn draw(
        &self,
        sentence: &T,
        words: &T,
        bias: &T,
        noise: &Noise<T>,
        which: &[usize],
    ) -> Result<Drawn<T>> {
        let known = self.known(sentence, &noise.film)?;
        let last = *which.iter().max().expect("a frame");
        assert!(last < self.film.frames, "frame {last} of {}", self.film.frames);
        if noise.frames.shape().get(1) != Some(&self.film.frames) {
            return Err(Error::Shape {
                op: "generator",
                shapes: vec![*noise.frames.shape()],
                reason: format!("the noise must have {} frames", self.film.frames),
            });
        }
        let frames = noise.frames.slice(1, 0, last + 1)?;
        let noise = &Noise { film: noise.film.clone(), frames };
        let (mut contexts, mut inputs, mut states) = (Vec::new(), Vec::new(), Vec::new());
        self.run(&known, sentence, words, bias, noise, |context, input, state, _| {
            contexts.push(context);
            inputs.push(input);
            states.push(state);
        })?;
        let FilmShape { height, width, channels, .. } = self.film;
        let n = sentence.shape()[0];
        let t = which.len() / n;
        assert!(t > 0 && n * t == which.len(), "{} frames of {n} films", which.len());
        // The rows of all frames are a table; row t · n + i is frame t of film i.
        let rows: Vec<f32> =
            which.iter().enumerate().map(|(at, frame)| (frame * n + at / t) as f32).collect();
        let rows = T::from_slice(sentence.device(), &rows, [n * t])?;
        let pick = |all: &[T]| {
            let table = T::concat(&all.iter().collect::<Vec<_>>(), 0)?;
            let each = &all[0].shape()[1..];
            let table = table.reshape([table.shape()[0], each.iter().product()])?;
            table.gather(&rows)?.reshape(&[&[n * t], each].concat()[..])
        };
        let mut x = pick(&states)?;
        if let Some(bypass) = &self.bypass {
            x = x.add(&bypass.forward(&pick(&inputs)?)?)?;
        }
        if let Some(cells) = &self.cells {
            x = cells.forward(&x, words, bias)?;
        }
        let input = x.clone();
        let per_frame = |x: &T| {
            let d = x.shape()[1];
            x.reshape([n, 1, d])?.broadcast_to([n, t, d])?.reshape([n * t, d])
        };
        let mut condition = vec![per_frame(&known)?, pick(&contexts)?];
        if self.direct {
            condition.push(per_frame(sentence)?);
        }
        let condition = T::concat(&condition.iter().collect::<Vec<_>>(), 1)?;
        for (k, block) in self.decoder.iter().enumerate() {
            if let Some(refine) = self.refine.get(k) {
                x = refine.forward(&x, &condition)?;
            }
            x = block.forward(&x, &condition)?;
        }
        let x = self.output.forward(&x)?;
        let mix = match &self.palette {
            None => None,
            Some(palette) => {
                let colours = x.shape()[4];
                let palette = palette.forward(&known)?.tanh()?.reshape([n, colours, channels])?;
                let shares = x.softmax()?.reshape([n, t * height * width, colours])?;
                Some(Mix { shares, palette })
            }
        };
        let frames = match &mix {
            None => x.tanh()?,
            Some(Mix { shares, palette }) => shares.matmul(palette)?,
        };
        Ok(Drawn { frames: frames.reshape([n, t, height, width, channels])?, mix, input })
    }

    /// The sketch of frames, of their shape: a linear function of the decoder's input. A loss on the
    /// sketch trains the layers before the decoder directly. `None` for a generator without sketches.
    ///
    /// # Errors
    /// If the frames are not of this generator, or the device fails.
    pub fn sketch(&self, drawn: &Drawn<T>) -> Result<Option<T>> {
        let Some(sketch) = &self.sketch else { return Ok(None) };
        let FilmShape { height, width, channels, .. } = self.film;
        let [h, w] = self.base;
        let (rows, columns) = (height / h, width / w);
        let cells = sketch.forward(&drawn.input)?;
        let frames = cells.shape()[0];
        let cells = cells.reshape([frames, h, w, rows, columns * channels])?;
        Ok(Some(cells.permute(&[0, 1, 3, 2, 4])?.reshape(*drawn.frames.shape())?))
    }

    /// The indices of all frames, once for each sentence.
    fn all(&self, sentence: &T) -> Vec<usize> {
        (0..self.film.frames).collect::<Vec<_>>().repeat(sentence.shape()[0])
    }

    /// The style `[n, style]`, or s and z `[n, sentence + noise]` if there is no style.
    fn known(&self, sentence: &T, film: &T) -> Result<T> {
        let both = T::concat(&[sentence, film], 1)?;
        match &self.style {
            None => Ok(both),
            Some((first, second)) => {
                let hidden = first.forward(&both)?.leaky_relu(SLOPE)?;
                let mut known = second.forward(&hidden)?;
                if let Some(wide) = &self.wide {
                    known = known.add(&wide.to_style(&both)?)?;
                }
                known.leaky_relu(SLOPE)
            }
        }
    }

    /// The attention weight of each word at each frame of a film.
    ///
    /// # Shapes
    /// Those of [`Generator::forward`]; returns `[n, t, m]`, which sums to 1 over m.
    ///
    /// # Errors
    /// Those of [`Generator::forward`].
    pub fn attention(&self, sentence: &T, words: &T, bias: &T, noise: &Noise<T>) -> Result<T> {
        let mut heard = Vec::new();
        let known = self.known(sentence, &noise.film)?;
        self.run(&known, sentence, words, bias, noise, |_, _, _, weights| heard.push(weights))?;
        T::stack(&heard.iter().collect::<Vec<_>>(), 1)
    }

    /// Runs the recurrence over the frames that have noise. `visit` gets each frame's context
    /// `[n, word]`, input `[n, 1, h, w, input]`, state `[n, 1, h, w, hidden]` and attention weights.
    fn run(
        &self,
        known: &T,
        sentence: &T,
        words: &T,
        bias: &T,
        noise: &Noise<T>,
        mut visit: impl FnMut(T, T, T, T),
    ) -> Result<()> {
        let [n, t] = [noise.frames.shape()[0], noise.frames.shape()[1]];
        let [h, w] = self.base;
        let device = sentence.device();
        let input = self.plan.weight.shape()[1] / (h * w);

        let noises = self.noise.run(&noise.frames, None, false)?;
        // One product plans all frames: the style is the same for each frame.
        let every = |x: &T| {
            let d = x.shape()[1];
            x.reshape([1, n, d])?.broadcast_to([t, n, d])
        };
        let places = self.position.table.slice(0, 0, t)?;
        let position = places.shape()[1];
        let places = places.reshape([t, 1, position])?.broadcast_to([t, n, position])?;
        let placed = T::concat(&[&every(known)?, &places], 2)?;
        let mut plans = match &self.pose {
            None => self.plan.forward(&placed)?,
            Some(pose) => self.plan.forward(&pose.forward(&placed)?.leaky_relu(SLOPE)?)?,
        };
        if let Some(wide) = &self.wide {
            let all = [&placed, &every(sentence)?, &every(&noise.film)?];
            plans = plans.add(&wide.to_plan(&T::concat(&all, 2)?)?)?;
        }

        let hidden = self.recurrence.state().weight.shape()[3];
        let full = |value: f32| T::full(device, value, [1, h * w * input]);
        // The scale and the shift of the norm.
        let spec = NormSpec { groups: 1, epsilon: 1e-5, slope: SLOPE };
        let unit = self.bypass.as_ref().map(|_| Ok((full(1.0)?, full(0.0)?))).transpose()?;
        let mut state: Option<LstmState<T>> = None;
        for (frame, noise) in noises.iter().enumerate() {
            let pooled = match &state {
                Some(state) => state.hidden.mean(&[1, 2, 3])?.reshape([n, hidden])?,
                None => T::full(device, 0.0, [n, hidden])?,
            };
            let query = T::concat(&[sentence, &pooled], 1)?;
            let (context, weights) = self.attention.forward(&query, words, bias)?;
            let moment = self.moment.forward(&T::concat(&[&context, noise], 1)?)?;
            let x = plans.select(0, frame)?.add(&moment)?;
            let x = match &unit {
                None => x.leaky_relu(SLOPE)?,
                // Large inputs would saturate the gates, which then pass almost no gradient.
                Some((scale, shift)) => x.norm(scale, shift, spec)?,
            };
            let x = x.reshape([n, 1, h, w, input])?;
            let next = match &state {
                Some(state) => self.recurrence.forward(&x, state)?,
                None => self.recurrence.first(&x)?,
            };
            visit(context, x, next.hidden.clone(), weights);
            state = Some(next);
        }
        Ok(())
    }
}
