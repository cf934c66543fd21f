use kinora_tensor::{Desc, Error, Random, Result, Shape, Tensor};

/// The most elements that a tensor may have. A larger size, for example from a file, is an error
/// before anything is allocated.
pub const MAX_ELEMENTS: usize = 1 << if usize::BITS > 32 { 32 } else { 29 };

/// The initial values of a new tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// All elements are 0.
    Zeros,
    /// All elements are 1.
    Ones,
    /// The innermost axis consists of equal blocks, and each block has one of these values. Used
    /// for the biases of the gates of an LSTM.
    Blocks(&'static [f32]),
    /// Normal numbers of mean 0 and this standard deviation.
    Normal(f32),
    /// Uniform numbers between minus this bound and this bound.
    Uniform(f32),
    /// Random orthogonal blocks. The tensor is a matrix `[.., columns]`, whose columns are split
    /// into equal blocks. Each block has orthogonal columns (or rows, if it has fewer rows than
    /// columns) of length `gain` (Saxe et al., "Exact solutions to the nonlinear dynamics of
    /// learning", 2014).
    Orthogonal {
        /// The length of each column or row.
        gain: f32,
        /// The number of blocks, for example the gates of a recurrent cell.
        blocks: usize,
    },
}

/// Normal numbers that keep the variance of activations in the forward pass, for a layer with a
/// leaky ReLU of this slope: 0 for a ReLU, 1 for no activation (He et al., "Delving deep into
/// rectifiers", 2015).
pub fn kaiming(fan_in: usize, slope: f32) -> Fill {
    Fill::Normal((2.0 / ((1.0 + slope * slope) * fan_in.max(1) as f32)).sqrt())
}

/// Uniform numbers that roughly keep the variance in the forward and the backward pass
/// (Glorot and Bengio, "Understanding the difficulty of training deep networks", 2010).
pub fn xavier(fan_in: usize, fan_out: usize) -> Fill {
    Fill::Uniform((6.0 / fan_in.saturating_add(fan_out).max(1) as f32).sqrt())
}

/// Makes the tensors of new layers: real tensors, or only their descriptions.
pub trait Init<T> {
    /// A tensor of this shape with these initial values.
    ///
    /// # Errors
    /// If it has more than [`MAX_ELEMENTS`] elements, if its innermost axis cannot be split into
    /// the blocks of the fill, or if the device has no room for it.
    fn tensor(&mut self, shape: Shape, fill: Fill) -> Result<T>;
}

/// Makes real tensors on a device. All random numbers come from one stream, in the order in which
/// the layers are created.
#[derive(Clone, Debug)]
pub struct Fresh<T: Tensor> {
    device: T::Device,
    random: Random,
}

impl<T: Tensor> Fresh<T> {
    /// Makes tensors on `device` with random numbers from `random`.
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
                    return Err(wrong(
                        &shape,
                        format!("the last axis does not split into {} equal blocks", values.len()),
                    ));
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
                    return Err(wrong(
                        &shape,
                        format!("the last axis does not split into {blocks} equal blocks"),
                    ));
                }
                orthogonal(random, [len / columns.max(1), columns], gain, blocks)
            }
        };
        T::from_slice(&self.device, &data, shape)
    }
}

/// Makes only descriptions. The parameter count, the memory, and whether a file fits are then known
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
    // A length of 0 counts as 1 here: a shape [0, huge, huge] would overflow elsewhere.
    let product = shape.iter().try_fold(1usize, |product, &d| product.checked_mul(d.max(1)));
    match product {
        Some(product) if product <= MAX_ELEMENTS => Ok(shape.elements()),
        _ => Err(wrong(shape, format!("a tensor has at most {MAX_ELEMENTS} elements"))),
    }
}

fn wrong(shape: &Shape, reason: String) -> Error {
    Error::Shape { op: "init", shapes: vec![*shape], reason }
}

/// Orthogonalises each block by Gram-Schmidt, run twice, which is as accurate as QR in f64.
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
            // A vector that happens to lie in the span of the others is drawn again.
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
