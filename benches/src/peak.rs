//! The peak speed of the machine.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_tensor::{Random, Tensor};

/// GFLOP/s in 32-bit floats, on all threads of the pool.
#[derive(Clone, Copy, Debug)]
pub struct Peak {
    /// For independent fused multiply-adds.
    pub fma: f64,
    /// For the product of two 512×512 matrices.
    pub gemm: f64,
}

impl Peak {
    pub fn best(self) -> f64 {
        self.fma.max(self.gemm)
    }

    /// Duration of each of the two measurements, in seconds.
    const LONG: f64 = 0.5;

    /// The fastest of many runs, because other programs can only slow a run down.
    pub fn measure() -> Result<Self> {
        const ROUNDS: usize = 1 << 20;
        let fma = fastest(Self::LONG, || {
            let flops: u64 = rayon::broadcast(|_| multiply_adds(black_box(ROUNDS))).iter().sum();
            Ok(flops)
        })?;
        const N: usize = 512;
        let (device, mut random) = (CpuDevice::new(), Random::new(0, 0));
        let a = CpuTensor::randn(&device, &mut random, [N, N])?;
        let b = CpuTensor::randn(&device, &mut random, [N, N])?;
        let gemm = fastest(Self::LONG, || {
            a.matmul(&b)?;
            Ok(2 * (N * N * N) as u64)
        })?;
        Ok(Self { fma, gemm })
    }
}

/// The best rate of `run`, which returns its number of operations, in 10⁹ per second.
fn fastest(seconds: f64, mut run: impl FnMut() -> Result<u64>) -> Result<f64> {
    let (begin, mut best) = (Instant::now(), 0f64);
    while best == 0.0 || begin.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        let flops = run()?;
        best = best.max(flops as f64 / start.elapsed().as_secs_f64() / 1e9);
    }
    Ok(best)
}

/// Runs chains of `rounds` multiply-adds each, and returns the number of operations.
fn multiply_adds(rounds: usize) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") {
            // SAFETY: the feature was detected.
            return unsafe { x86::avx512(rounds) };
        }
        if has!("avx2") && has!("fma") {
            // SAFETY: the features were detected.
            return unsafe { x86::avx2(rounds) };
        }
    }
    const LANES: usize = 4 * CHAINS;
    let mut sums = black_box([1f32; LANES]);
    for _ in 0..rounds {
        sums.iter_mut().for_each(|sum| *sum = *sum * 0.5 + 0.25);
    }
    black_box(sums);
    (2 * LANES * rounds) as u64
}

/// Number of independent chains: enough to hide a latency of four cycles with two units.
const CHAINS: usize = 12;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::CHAINS;

    macro_rules! chains {
        ($name:ident, $features:literal, $lanes:literal, $set:ident, $fmadd:ident) => {
            #[target_feature(enable = $features)]
            pub fn $name(rounds: usize) -> u64 {
                let (factor, term) = ($set(0.5), $set(0.25));
                let mut sums = black_box([$set(1.0); CHAINS]);
                for _ in 0..rounds {
                    sums.iter_mut().for_each(|sum| *sum = $fmadd(*sum, factor, term));
                }
                black_box(sums);
                (2 * $lanes * CHAINS * rounds) as u64
            }
        };
    }

    chains!(avx512, "avx512f", 16, _mm512_set1_ps, _mm512_fmadd_ps);
    chains!(avx2, "avx2,fma", 8, _mm256_set1_ps, _mm256_fmadd_ps);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_measured() {
        let mut runs = 0;
        let rate = fastest(0.0, || {
            runs += 1;
            std::thread::sleep(std::time::Duration::from_millis(2));
            Ok(1_000_000)
        });
        let rate = rate.unwrap();
        assert!(runs == 1 && rate > 0.0 && rate <= 0.5, "{runs} runs, {rate}");
        assert!(multiply_adds(10) >= 2 * 4 * 10 * CHAINS as u64);
    }
}
