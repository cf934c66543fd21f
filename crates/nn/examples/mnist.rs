//! Trains a classifier of handwritten digits on the CPU, for one pass over MNIST, and prints its
//! accuracy on the test set:
//!
//! `cargo run --release -p kinora-nn --example mnist -- FOLDER`
//!
//! FOLDER holds the four files of MNIST, compressed by gzip. Without FOLDER the example looks in
//! `mnist` below the folder `KINORA_DATA`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_nn::{
    Adam, AdamConfig, Fresh, Linear, clip_factor, cross_entropy, gradient_norm, lift, parameters,
};
use kinora_tensor::{Random, Result, Tensor, Var, grad};

const PIXELS: usize = 28 * 28;
const HIDDEN: usize = 128;
const DIGITS: usize = 10;
const BATCH: usize = 128;

/// A pair of layers is a module, so the network needs no type of its own.
type Net<T> = (Linear<T>, Linear<T>);

/// Pictures `[n, 784]` to logits of the digits, `[n, 10]`.
fn logits<T: Tensor>((first, last): &Net<T>, pictures: &T) -> Result<T> {
    last.forward(&first.forward(pictures)?.leaky_relu(0.1)?)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let Some(folder) = folder() else {
        println!("no data: give the folder of MNIST, or set KINORA_DATA");
        return Ok(());
    };
    let (pictures, labels) = read(&folder, "train")?;
    let (test_pictures, test_labels) = read(&folder, "t10k")?;

    let (device, mut random) = (CpuDevice::default(), Random::new(0, 0));
    let mut init = Fresh::<CpuTensor>::new(&device, Random::new(0, 1));
    let first = Linear::new(&mut init, PIXELS, HIDDEN, true)?;
    let mut net: Net<CpuTensor> = (first, Linear::new(&mut init, HIDDEN, DIGITS, true)?);
    let mut adam = Adam::new(&net, AdamConfig { rate: 3e-3, ..AdamConfig::default() })?;
    let mut order: Vec<usize> = (0..labels.len()).collect();
    random.shuffle(&mut order);
    for batch in order.chunks(BATCH) {
        let n = batch.len();
        let x: Vec<f32> =
            batch.iter().flat_map(|&i| &pictures[i * PIXELS..][..PIXELS]).copied().collect();
        let x = Var::constant(CpuTensor::from_slice(&device, &x, [n, PIXELS])?);
        let digits: Vec<usize> = batch.iter().map(|&i| usize::from(labels[i])).collect();
        let lifted = lift(&net);
        let loss = cross_entropy(&logits(&lifted, &x)?, &digits)?;
        let gradients = grad(loss, &parameters(&lifted))?;
        drop(lifted); // nobody else holds the weights: Adam works in place
        let factor = clip_factor(&gradient_norm(&gradients)?, f32::INFINITY)?;
        net = adam.step(net, &gradients, &factor)?;
    }

    let n = test_labels.len();
    let x = CpuTensor::from_slice(&device, &test_pictures, [n, PIXELS])?;
    let digits = logits(&net, &x)?.argmax()?;
    let right = digits.iter().zip(&test_labels).filter(|(a, b)| **a == usize::from(**b)).count();
    println!("{right} of {n} test pictures are right");
    if right * 100 < n * 95 {
        return Err("fewer than 95 of 100: something is wrong".into());
    }
    Ok(())
}

fn folder() -> Option<PathBuf> {
    let given = std::env::args().nth(1).map(PathBuf::from);
    given.or_else(|| {
        let data = std::env::var_os("KINORA_DATA")?;
        Some(Path::new(&data).join("mnist")).filter(|folder| folder.is_dir())
    })
}

/// The pictures of a set, with pixels from 0 to 1, and their digits.
fn read(folder: &Path, set: &str) -> std::io::Result<(Vec<f32>, Vec<u8>)> {
    /// Bytes before the pixels and before the digits.
    const HEADERS: [usize; 2] = [16, 8];
    let pixels = unpacked(&folder.join(format!("{set}-images-idx3-ubyte.gz")))?;
    let pictures = pixels.iter().skip(HEADERS[0]).map(|&pixel| f32::from(pixel) / 255.0);
    let pictures: Vec<f32> = pictures.collect();
    let labels = unpacked(&folder.join(format!("{set}-labels-idx1-ubyte.gz")))?;
    let labels: Vec<u8> = labels.into_iter().skip(HEADERS[1]).collect();
    let are_digits = labels.iter().all(|&label| usize::from(label) < DIGITS);
    if labels.is_empty() || pictures.len() != labels.len() * PIXELS || !are_digits {
        let reason = format!("{}: the files {set}-* are not those of MNIST", folder.display());
        return Err(std::io::Error::other(reason));
    }
    Ok((pictures, labels))
}

fn unpacked(path: &Path) -> std::io::Result<Vec<u8>> {
    let named = |error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path).map_err(named)?).read_to_end(&mut bytes).map_err(named)?;
    Ok(bytes)
}
