//! Compiles a loop for the vectors of the machine.

/// Runs `f` compiled for the widest vectors of the machine. Functions that `f` calls must be
/// `#[inline(always)]`.
///
/// The vectors change only the speed, not the result, as long as `f` has no multiply-add: the
/// compiler does not reorder sums.
#[inline(always)]
pub(crate) fn simd<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was just detected.
            return unsafe { avx512(f) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was just detected.
            return unsafe { avx2(f) };
        }
    }
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Iterates over four slices in lockstep. (An index has a bounds check, which prevents
/// vectorisation; zipped iterators have none.)
#[inline(always)]
pub(crate) fn side([a, b, c, d]: [&[f32]; 4]) -> impl Iterator<Item = [f32; 4]> {
    a.iter().zip(b).zip(c).zip(d).map(|(((a, b), c), d)| [*a, *b, *c, *d])
}
