//! The inner loop of all convolutions. It keeps a small block of the output in registers and sums
//! over several segments of both inputs (a "batch-reduce GEMM": Georganas et al.,
//! "High-performance deep learning via a single building block", 2020).

use kinora_tensor::Result;

use crate::CpuDevice;
use crate::buffer::Buffer;
use crate::parallel::{Shared, tasks};
use crate::vector::{Vector, load, store};

/// c[i, j] (+)= Σ over segments and k of
/// a[rows[i] + segment.a + k · a_step] · b[segment.b + k · b_step + j]
pub(crate) struct Block<'a> {
    pub a: &'a [f32],
    pub a_step: usize,
    pub b: &'a [f32],
    pub b_step: usize,
    /// The offsets of each segment in a and in b.
    pub segments: &'a [(usize, usize)],
    /// The number of k in a segment.
    pub len: usize,
    pub rows: &'a [Row],
    /// The number of j: at most [`VECTORS`] vectors. Rounded up to whole vectors, the columns must
    /// still lie within `b_step` and b.
    pub columns: usize,
    /// Whether to add to c instead of overwriting it.
    pub add: bool,
}

/// A row of the output: the offset of its values in a, and its place in c.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub a: usize,
    pub c: *mut f32,
}

/// The most vectors in the columns of a block.
const VECTORS: usize = 3;

/// A vector instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Level {
    /// The widest vectors of this machine.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") {
                return Self::Avx512;
            }
            if has!("avx2") && has!("fma") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// This level, and then the narrower ones of the machine (without the portable level).
    pub fn or_narrower(self) -> impl Iterator<Item = Self> {
        let narrower = match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                use std::arch::is_x86_feature_detected as has;
                (has!("avx2") && has!("fma")).then_some(Self::Avx2)
            }
            _ => None,
        };
        std::iter::once(self).chain(narrower)
    }

    /// All levels of the machine.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") {
                all.push(Self::Avx2);
            }
            if has!("avx512f") {
                all.push(Self::Avx512);
            }
        }
        all
    }

    /// Floats in a vector.
    pub fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 16,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 8,
            Self::Portable => 4,
        }
    }

    /// Cuts `columns` into panels of whole vectors, as even as possible. Returns the first column
    /// and the width of each panel; the last panel may reach beyond `columns`.
    pub fn panels(self, columns: usize) -> Vec<(usize, usize)> {
        let vectors = columns.div_ceil(self.lanes());
        let count = vectors.div_ceil(VECTORS);
        let mut start = 0;
        (0..count)
            .map(|i| {
                let width = (vectors * (i + 1) / count - vectors * i / count) * self.lanes();
                start += width;
                (start - width, width)
            })
            .collect()
    }

    /// A buffer with all panels of `columns`, each `[depth, width]`, one after another. `fill` gets
    /// the first column, the width and the elements of each panel, and must write all elements.
    pub fn packed(
        self,
        device: &CpuDevice,
        columns: usize,
        depth: usize,
        fill: impl Fn(usize, usize, &mut [f32]) + Sync + Send,
    ) -> Result<Buffer> {
        let panels = self.panels(columns);
        let len = depth * panels.iter().map(|panel| panel.1).sum::<usize>();
        let mut packed = device.take(len)?;
        let shared = Shared::new(&mut packed);
        tasks(panels.len(), len, |panel| {
            let (start, width) = panels[panel];
            // SAFETY: each panel belongs to one task.
            let panel = unsafe { shared.slice(depth * start..depth * (start + width)) };
            fill(start, width, panel);
        });
        Ok(packed)
    }

    /// Runs a loop compiled for these vectors.
    ///
    /// # Safety
    /// The conditions of the loop hold, and the machine has these vectors.
    pub unsafe fn sweep<S: Sweep>(self, sweep: S) {
        // SAFETY: the caller's; the features were detected.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => sweep_avx512(sweep),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => sweep_avx2(sweep),
                Self::Portable => sweep.run::<[f32; 4]>(),
            }
        }
    }

    /// Computes the block.
    ///
    /// # Safety
    /// Every element in the formula exists: of a, of b with j rounded up to whole vectors, and of
    /// c. Nobody else accesses those of c. The machine has these vectors.
    pub unsafe fn run(self, block: &Block) {
        // SAFETY: the caller's; the features were detected.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => avx512(block),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => avx2(block),
                Self::Portable => rows::<[f32; 4], 4>(block),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(block: &Block) {
    use std::arch::x86_64::__m512;
    // SAFETY: the caller's.
    unsafe {
        match block.rows.len() {
            ..=4 => rows::<__m512, 4>(block),
            _ => rows::<__m512, 8>(block),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(block: &Block) {
    // SAFETY: the caller's.
    unsafe { rows::<std::arch::x86_64::__m256, 4>(block) }
}

/// A loop over vectors of any width.
pub(crate) trait Sweep {
    /// The loop, which must be `#[inline(always)]`.
    ///
    /// # Safety
    /// The conditions of the implementation.
    unsafe fn run<V: Vector>(self);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn sweep_avx512<S: Sweep>(sweep: S) {
    // SAFETY: the caller's.
    unsafe { sweep.run::<std::arch::x86_64::__m512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn sweep_avx2<S: Sweep>(sweep: S) {
    // SAFETY: the caller's.
    unsafe { sweep.run::<std::arch::x86_64::__m256>() }
}

#[inline(always)]
unsafe fn rows<V: Vector, const M: usize>(block: &Block) {
    let (whole, rest) = (block.columns / V::LANES, block.columns % V::LANES);
    let half = rest > 0 && rest <= V::Half::LANES && V::Half::LANES < V::LANES;
    // SAFETY: the caller's.
    unsafe {
        match (whole + usize::from(rest > 0 && !half), half) {
            (0, false) => {}
            (0, true) => blocks::<V, M, 0, true>(block),
            (1, false) => blocks::<V, M, 1, false>(block),
            (1, true) => blocks::<V, M, 1, true>(block),
            (2, false) => blocks::<V, M, 2, false>(block),
            (2, true) => blocks::<V, M, 2, true>(block),
            (3, false) => blocks::<V, M, 3, false>(block),
            _ => unreachable!("a panel has at most {VECTORS} vectors"),
        }
    }
}

/// Computes a block whose columns fill N vectors, and with H another half vector.
#[inline(always)]
unsafe fn blocks<V: Vector, const M: usize, const N: usize, const H: bool>(block: &Block) {
    let left = |j: usize| block.columns.saturating_sub(j * V::LANES);
    for rows in block.rows.chunks(M) {
        // A short last group repeats its last row; the repeated sums are not stored.
        let row = |i: usize| rows[i.min(rows.len() - 1)];
        // SAFETY: the caller's; from a row's last vector, only the columns within c are stored.
        unsafe {
            let mut sums = [[V::splat(0.0); N]; M];
            let mut halves = [V::Half::splat(0.0); M];
            let a: [*const f32; M] = std::array::from_fn(|i| block.a.as_ptr().add(row(i).a));
            if block.add {
                for (i, (sums, half)) in sums.iter_mut().zip(&mut halves).enumerate() {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = load(row(i).c.add(j * V::LANES), left(j));
                    }
                    if H {
                        *half = load(row(i).c.add(N * V::LANES), left(N));
                    }
                }
            }
            for &(a_start, b_start) in block.segments {
                let mut b = block.b.as_ptr().add(b_start);
                let mut k = a_start;
                for _ in 0..block.len {
                    let vectors: [V; N] = std::array::from_fn(|j| V::load(b.add(j * V::LANES)));
                    let last = match H {
                        true => V::Half::load(b.add(N * V::LANES)),
                        false => V::Half::splat(0.0),
                    };
                    for ((sums, half), a) in sums.iter_mut().zip(&mut halves).zip(a) {
                        let x = V::splat(*a.add(k));
                        for (sum, vector) in sums.iter_mut().zip(vectors) {
                            *sum = x.mul_add(vector, *sum);
                        }
                        if H {
                            *half = x.low().mul_add(last, *half);
                        }
                    }
                    k += block.a_step;
                    b = b.wrapping_add(block.b_step);
                }
            }
            for (row, (sums, half)) in rows.iter().zip(sums.into_iter().zip(halves)) {
                for (j, sum) in sums.into_iter().enumerate() {
                    store(sum, row.c.add(j * V::LANES), left(j));
                }
                if H {
                    store(half, row.c.add(N * V::LANES), left(N));
                }
            }
        }
    }
}
