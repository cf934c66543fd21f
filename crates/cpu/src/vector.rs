//! Vectors of floats of several widths.

/// Calls `f` with the offset and the number of lanes of each vector of `len` floats. The last
/// vector may have fewer lanes.
#[inline(always)]
pub(crate) fn lanes<V: Vector>(len: usize, mut f: impl FnMut(usize, usize)) {
    for at in (0..len).step_by(V::LANES) {
        f(at, V::LANES.min(len - at));
    }
}

/// Loads the first `count` lanes, or all lanes if `count` is larger.
///
/// # Safety
/// `from` points to that many floats. The caller is compiled for the vectors.
#[inline(always)]
pub(crate) unsafe fn load<V: Vector>(from: *const f32, count: usize) -> V {
    // SAFETY: the caller's.
    unsafe { if count >= V::LANES { V::load(from) } else { V::load_first(from, count) } }
}

/// Stores the first `count` lanes, or all lanes if `count` is larger.
///
/// # Safety
/// `to` points to that many floats, and nobody else accesses them. The caller is compiled for the
/// vectors.
#[inline(always)]
pub(crate) unsafe fn store<V: Vector>(x: V, to: *mut f32, count: usize) {
    // SAFETY: the caller's.
    unsafe { if count >= V::LANES { x.store(to) } else { x.store_first(to, count) } }
}

/// A vector of floats. Callers must be compiled for its instructions.
pub(crate) trait Vector: Copy {
    const LANES: usize;
    /// The vectors with half as many lanes, or `Self` if a half is of no use.
    type Half: Vector;
    unsafe fn low(self) -> Self::Half;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The first `count` < [`Self::LANES`] lanes, then zeros.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;
    unsafe fn store_first(self, to: *mut f32, count: usize);
    /// self · a + b
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    unsafe fn add(self, a: Self) -> Self;
    unsafe fn sub(self, a: Self) -> Self;
    /// The sum of all lanes.
    unsafe fn sum(self) -> f32;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// A mask with all bits set in the first `count` lanes.
    #[inline(always)]
    unsafe fn first(count: usize) -> __m256i {
        // SAFETY: the caller is compiled for the feature.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes)
        }
    }

    impl super::Vector for __m512 {
        const LANES: usize = 16;
        type Half = __m256;
        #[inline(always)]
        unsafe fn low(self) -> __m256 {
            // SAFETY: the caller is compiled for the feature, here and in all methods below.
            unsafe { _mm512_castps512_ps256(self) }
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_maskz_loadu_ps((1 << count) - 1, from) }
        }
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, count: usize) {
            // SAFETY: as above.
            unsafe { _mm512_mask_storeu_ps(to, (1 << count) - 1, self) }
        }
        #[inline(always)]
        unsafe fn mul_add(self, a: Self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_fmadd_ps(self, a, b) }
        }
        #[inline(always)]
        unsafe fn add(self, a: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_add_ps(self, a) }
        }
        #[inline(always)]
        unsafe fn sub(self, a: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_sub_ps(self, a) }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: as above.
            unsafe { _mm512_reduce_add_ps(self) }
        }
    }

    impl super::Vector for __m256 {
        const LANES: usize = 8;
        type Half = Self;
        #[inline(always)]
        unsafe fn low(self) -> Self {
            self
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { _mm256_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_maskload_ps(from, first(count)) }
        }
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, count: usize) {
            // SAFETY: as above.
            unsafe { _mm256_maskstore_ps(to, first(count), self) }
        }
        #[inline(always)]
        unsafe fn mul_add(self, a: Self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_fmadd_ps(self, a, b) }
        }
        #[inline(always)]
        unsafe fn add(self, a: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_add_ps(self, a) }
        }
        #[inline(always)]
        unsafe fn sub(self, a: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_sub_ps(self, a) }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: as above.
            unsafe {
                let x = _mm_add_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps(self, 1));
                let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
                _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)))
            }
        }
    }
}

impl Vector for [f32; 4] {
    const LANES: usize = 4;
    type Half = Self;
    #[inline(always)]
    unsafe fn low(self) -> Self {
        self
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's; an array of floats has the alignment of a float.
        unsafe { *from.cast() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { *to.cast() = self }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut x = [0.0; 4];
        for (i, x) in x[..count].iter_mut().enumerate() {
            // SAFETY: as above.
            *x = unsafe { *from.add(i) };
        }
        x
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        for (i, x) in self[..count].iter().enumerate() {
            // SAFETY: as above.
            unsafe { *to.add(i) = *x };
        }
    }
    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|i| self[i] * a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn add(self, a: Self) -> Self {
        std::array::from_fn(|i| self[i] + a[i])
    }
    #[inline(always)]
    unsafe fn sub(self, a: Self) -> Self {
        std::array::from_fn(|i| self[i] - a[i])
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        self.iter().sum()
    }
}
