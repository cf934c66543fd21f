//! Functions without branches, so that the compiler can vectorise loops over them; it cannot
//! vectorise calls of libm. Method and coefficients: Moshier, Cephes (expf.c, tanhf.c).

/// eˣ with a relative error of 2e-7. Subnormal results are exact to a few of their steps.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5 · 2²³ rounds to a whole number; the low bits of the sum hold it.
    const ROUND: f32 = 12_582_912.0;
    // Beyond these bounds the result is 0 or ∞. NaN passes both comparisons unchanged.
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_6e-1;
    let p = p * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    // 2ⁿ as two factors, because n may exceed the exponent range of one float.
    let n = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
    y * power(half) * power(n.wrapping_sub(half))
}

/// 1 / (1 + e⁻ˣ)
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    // The exponential of -|x| cannot overflow.
    let e = exp(-x.abs());
    (if x > 0.0 { 1.0 } else { e }) / (1.0 + e)
}

/// tanh x
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let p = -5.704_988_7e-3;
    let p = p * z + 2.063_909e-2;
    let p = p * z - 5.373_971_6e-2;
    let p = p * z + 1.333_144_2e-1;
    let p = p * z - 3.333_328e-1;
    let small = p * z * a + a;
    let large = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    (if a < 0.625 { small } else { large }).copysign(x)
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e⁻|ˣ|)
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    let e = exp(-x.abs());
    // ln(1 + e) = 2 artanh(s), computed by its series; s is at most 1/3.
    let s = e / (2.0 + e);
    let z = s * s;
    let p = 1.0 / 15.0;
    let p = p * z + 1.0 / 13.0;
    let p = p * z + 1.0 / 11.0;
    let p = p * z + 1.0 / 9.0;
    let p = p * z + 1.0 / 7.0;
    let p = p * z + 1.0 / 5.0;
    let p = p * z + 1.0 / 3.0;
    // The second term keeps a NaN.
    (if x > 0.0 { x } else { 0.0 }) + 2.0 * (p * z * s + s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, f: fn(f32) -> f32, exact: fn(f64) -> f64) {
        let mut worst = (0.0, 0.0);
        // Every 997th float of all bit patterns, and both zeros.
        for bits in (0..=u32::MAX).step_by(997).chain([0, 1 << 31]) {
            let x = f32::from_bits(bits);
            let (got, want) = (f(x), exact(f64::from(x)));
            if want.is_nan() {
                assert!(got.is_nan(), "{name}({x}) = {got}");
                continue;
            }
            if want > f64::from(f32::MAX) {
                assert!(got == f32::INFINITY || want < 3.41e38 && got > 3.4e38, "{name}({x})");
                continue;
            }
            let error = (f64::from(got) - want).abs() / want.abs().max(1.2e-38);
            if error > worst.0 {
                worst = (error, x);
            }
        }
        println!("{name}: {:.2e} at {:e}", worst.0, worst.1);
        assert!(worst.0 < 2.5e-7, "{name}: {worst:?}");
    }

    #[test]
    fn against_f64() {
        check("exp", exp, f64::exp);
        check("tanh", tanh, f64::tanh);
        check("sigmoid", sigmoid, |x| 1.0 / (1.0 + (-x).exp()));
        check("softplus", softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p());
    }

    #[test]
    fn ends() {
        let inf = f32::INFINITY;
        assert_eq!((exp(-inf), exp(0.0), exp(inf)), (0.0, 1.0, inf));
        assert_eq!((tanh(-inf), tanh(0.0), tanh(inf)), (-1.0, 0.0, 1.0));
        assert_eq!((sigmoid(-inf), sigmoid(0.0), sigmoid(inf)), (0.0, 0.5, 1.0));
        assert_eq!((softplus(-inf), softplus(inf)), (0.0, inf));
        assert!(tanh(-0.0).is_sign_negative());
        for f in [exp, tanh, sigmoid, softplus] {
            assert!(f(f32::NAN).is_nan());
        }
    }
}
