use kinora_tensor::{Desc, Error, Random, Result, Shape, Tensor};

/// The most elements a tensor may have: a size from a file that asks for more is an error before
/// anything is allocated.
pub const MAX_ELEMENTS: usize = 1 << 32;

/// How a new tensor is filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// The innermost axis falls into as many equal blocks, one for each value, as the biases of
    /// the gates of an LSTM do.
    Blocks(&'static [f32]),
    /// Normal numbers of mean 0 and this standard deviation.
    Normal(f32),
    /// Uniform numbers between minus this and this.
    Uniform(f32),
    /// Taken as a matrix `[.., columns]` whose columns fall into `blocks` equal blocks, each block
    /// is random with orthogonal columns (rows, where these are fewer) of length `gain`
    /// (Saxe et al., "Exact solutions to the nonlinear dynamics of learning", 2014).
    Orthogonal {
        /// The length of each column.
        gain: f32,
        /// How many blocks: the gates of a recurrent cell.
        blocks: usize,
    },
}

/// Normal numbers that keep the variance of what flows forward through a leaky ReLU of this slope
/// (He et al., "Delving deep into rectifiers", 2015): 0 for a ReLU, 1 for none.
pub fn kaiming(fan_in: usize, slope: f32) -> Fill {
    Fill::Normal((2.0 / ((1.0 + slope * slope) * fan_in.max(1) as f32)).sqrt())
}

/// Uniform numbers that keep the variance both ways
/// (Glorot and Bengio, "Understanding the difficulty of training deep networks", 2010).
pub fn xavier(fan_in: usize, fan_out: usize) -> Fill {
    Fill::Uniform((6.0 / fan_in.saturating_add(fan_out).max(1) as f32).sqrt())
}

/// Makes the tensors of new layers: real ones, or their descriptions alone.
pub trait Init<T> {
    /// A tensor of this shape, filled so.
    ///
    /// # Errors
    /// If it has more than [`MAX_ELEMENTS`] elements, or the device has no room for it.
    fn tensor(&mut self, shape: Shape, fill: Fill) -> Result<T>;
}

/// Real tensors on a device. The numbers are those of one stream, in the order in which the layers
/// are made.
#[derive(Clone, Debug)]
pub struct Fresh<T: Tensor> {
    device: T::Device,
    random: Random,
}

impl<T: Tensor> Fresh<T> {
    /// Tensors on `device`, random numbers from `random`.
    pub fn new(device: &T::Device, random: Random) -> Self {
        Self { device: device.clone(), random }
    }
}

impl<T: Tensor> Init<T> for Fresh<T> {
    fn tensor(&mut self, shape: Shape, fill: Fill) -> Result<T> {
        let len = elements(&shape)?;
        let random = &mut self.random;
        let data = match fill {
            Fill::Zeros => return T::full(&self.device, 0.0, shape),
            Fill::Ones => return T::full(&self.device, 1.0, shape),
            Fill::Blocks(values) => {
                let last = shape.last().copied().unwrap_or(1);
                if values.is_empty() || last % values.len() != 0 {
                    return Err(wrong(&shape, format!("it makes no {} blocks", values.len())));
                }
                (0..len).map(|i| values[i % last / (last / values.len())]).collect()
            }
            Fill::Normal(deviation) => {
                random.normals(len).iter().map(|x| x * deviation).collect::<Vec<_>>()
            }
            Fill::Uniform(bound) => {
                (0..len).map(|_| (2.0 * random.uniform() - 1.0) * bound).collect()
            }
            Fill::Orthogonal { gain, blocks } => {
                let columns = shape.last().copied().unwrap_or(1);
                if blocks == 0 || columns % blocks != 0 {
                    return Err(wrong(&shape, format!("it makes no {blocks} blocks")));
                }
                orthogonal(random, [len / columns.max(1), columns], gain, blocks)
            }
        };
        T::from_slice(&self.device, &data, shape)
    }
}

/// Descriptions alone: the count of parameters, the memory and the fit of a file can be known
/// before anything is allocated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outline;

impl Init<Desc> for Outline {
    fn tensor(&mut self, shape: Shape, _: Fill) -> Result<Desc> {
        elements(&shape)?;
        Ok(Desc::f32(shape))
    }
}

fn elements(shape: &Shape) -> Result<usize> {
    // Without the zeros, or a shape of [0, huge, huge] would overflow elsewhere.
    let product = shape.iter().try_fold(1usize, |product, &d| product.checked_mul(d.max(1)));
    match product {
        Some(product) if product <= MAX_ELEMENTS => Ok(shape.elements()),
        _ => Err(wrong(shape, format!("a tensor has at most {MAX_ELEMENTS} elements"))),
    }
}

fn wrong(shape: &Shape, reason: String) -> Error {
    Error::Shape { op: "init", shapes: vec![*shape], reason }
}

/// Each block by Gram and Schmidt, twice over, which is as good as QR in f64.
fn orthogonal(
    random: &mut Random,
    [rows, columns]: [usize; 2],
    gain: f32,
    blocks: usize,
) -> Vec<f32> {
    let mut data = vec![0.0; rows * columns];
    let width = columns / blocks;
    for block in 0..blocks {
        let (count, len) = if rows >= width { (width, rows) } else { (rows, width) };
        let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
        while basis.len() < count {
            let mut x: Vec<f64> = random.normals(len).into_iter().map(f64::from).collect();
            for e in basis.iter().chain(&basis) {
                let along = dot(&x, e);
                x.iter_mut().zip(e).for_each(|(x, e)| *x -= along * e);
            }
            let length = dot(&x, &x).sqrt();
            // One that lies in the span of the others by chance is drawn anew.
            if length > 1e-6 {
                x.iter_mut().for_each(|x| *x /= length);
                basis.push(x);
            }
        }
        for (i, e) in basis.iter().enumerate() {
            for (j, &value) in e.iter().enumerate() {
                let (row, column) = if rows >= width { (j, i) } else { (i, j) };
                data[row * columns + block * width + column] = gain * value as f32;
            }
        }
    }
    data
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
