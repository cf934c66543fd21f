//! Convolutions, channels last. `winograd` computes the convolutions for which it needs clearly
//! fewer products. Every other convolution copies a tile of the input with its padding to a scratch
//! buffer, in which each tap is an offset; `kernel` sums over the taps.

mod dots;
mod gather;
mod resize;
mod tile;
mod weight;
mod winograd;

pub(crate) use gather::{conv, conv_input};
pub(crate) use resize::resize_conv;
pub(crate) use weight::conv_weight;

#[cfg(test)]
mod tests {
    use kinora_tensor::conformance::Reference;
    use kinora_tensor::{Desc, Geometry, Op, Random, Result, Shape, Tensor};

    use super::*;
    use crate::kernel::Level;
    use crate::{CpuDevice, CpuTensor};

    /// Compares `f` with the reference at every vector width of the machine; the public tests use
    /// only the widest.
    fn check<const N: usize>(
        op: Op,
        shapes: [Shape; N],
        f: impl Fn(Level, [&CpuTensor; N], &Shape, &mut [f32]) -> Result<()>,
    ) {
        let values = shapes.map(|s| Random::new(5, 0).normals(s.elements()));
        let inputs: [_; N] =
            std::array::from_fn(|i| Reference::from_slice(&(), &values[i], shapes[i]).unwrap());
        let want = Reference::apply(&(), op.clone(), &inputs.each_ref()).unwrap();
        let device = CpuDevice::new();
        let inputs: [_; N] =
            std::array::from_fn(|i| CpuTensor::from_slice(&device, &values[i], shapes[i]).unwrap());
        for level in Level::all() {
            let got = CpuTensor::try_filled(&device, Desc::f32(*want.shape()), |out| {
                f(level, inputs.each_ref(), want.shape(), out)
            });
            let pairs = || got.as_ref().unwrap().data().iter().zip(want.values());
            assert!(pairs().all(|(got, _)| got.is_finite()), "{op:?} of {shapes:?}, {level:?}");
            let error = pairs().map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
            let largest = pairs().map(|(_, b)| b.abs()).fold(0.0, f64::max);
            assert!(error < 1e-5 * largest, "{op:?} of {shapes:?}, {level:?}: {error:e}");
        }
    }

    #[test]
    fn winograd_matches_the_reference() {
        let taps = |kernel, stride, padding| (kernel, Geometry { stride, padding });
        let same = taps([1, 3, 3], [1; 3], [0, 1, 1]);
        // Tiles cut by the border; few and many tiles, so that the sums have one or several parts.
        for (x, co, (kernel, geometry)) in [
            ([1, 1, 7, 9, 48], 36, same),
            ([3, 1, 20, 20, 32], 32, same),
            ([2, 1, 16, 16, 33], 40, taps([1, 4, 4], [1, 2, 2], [0, 1, 1])),
            ([2, 4, 12, 16, 36], 33, taps([3, 4, 4], [2, 2, 2], [1, 1, 1])),
            ([1, 3, 6, 10, 33], 50, taps([3, 3, 3], [2, 1, 1], [1, 1, 1])),
            ([1, 1, 24, 20, 32], 32, taps([1, 6, 6], [1, 2, 2], [0, 2, 2])),
        ] {
            let size = [x[1], x[2], x[3]];
            let [t, h, w] = geometry.output(size, kernel).unwrap();
            let [x, g] = [Shape::from(x), [x[0], t, h, w, co].into()];
            let k = Shape::from([kernel[0], kernel[1], kernel[2], x[4], co]);
            let pass = winograd::pass(geometry, &x, kernel, &g).expect("it pays");
            check(Op::Conv(geometry), [x, k], |level, [x, k], _, out| {
                winograd::conv(level, pass, x, k, co, out)
            });
            check(Op::ConvInput { geometry, size }, [g, k], |level, [g, k], shape, out| {
                assert!(winograd::conv_input(level, geometry, g, k, shape, out)?, "it pays");
                Ok(())
            });
            check(Op::ConvWeight { geometry, kernel }, [x, g], |level, [x, g], _, out| {
                winograd::conv_weight(level, pass, x, g, co, out)
            });
        }
    }

    #[test]
    fn upsampled_frames() {
        for (x, co) in [([2, 1, 9, 10, 20], 70), ([1, 2, 3, 65, 3], 5), ([5, 1, 4, 3, 33], 18)] {
            let shapes = [x.into(), [1, 3, 3, x[4], co].into(), [co].into()];
            check(Op::ResizeConv, shapes, |level, [x, k, bias], shape, out| {
                resize_conv(level, x, k, bias, shape, out)
            });
        }
    }

    #[test]
    fn every_width_of_vectors() {
        let taps = |kernel, stride, padding| (kernel, Geometry { stride, padding });
        let same = taps([1, 3, 3], [1; 3], [0, 1, 1]);
        let halved = taps([3, 4, 4], [1, 2, 2], [1, 1, 1]);
        for (x, co, (kernel, geometry)) in [
            ([2, 1, 9, 10, 20], 70, same),
            ([2, 1, 9, 10, 17], 3, same),
            ([2, 1, 9, 10, 2], 9, same),
            ([2, 4, 9, 10, 3], 24, halved),
            ([2, 4, 8, 8, 24], 5, halved),
            // Near the limits of `winograd`.
            ([3, 1, 7, 10, 20], 70, same),
            ([1, 3, 4, 5, 33], 17, taps([3, 3, 3], [2, 1, 1], [1, 1, 1])),
            ([2, 5, 10, 14, 18], 33, halved),
            ([2, 4, 11, 13, 16], 100, taps([3, 4, 4], [2, 2, 2], [1, 1, 1])),
            // Few output channels: `dots`, whose vectors hold input channels.
            ([2, 1, 9, 10, 16], 1, same),
            ([2, 1, 9, 10, 24], 3, same),
            ([2, 4, 9, 10, 32], 2, halved),
            ([2, 4, 9, 10, 4], 32, halved),
        ] {
            let size = [x[1], x[2], x[3]];
            let [t, h, w] = geometry.output(size, kernel).unwrap();
            let [x, g] = [Shape::from(x), [x[0], t, h, w, co].into()];
            let k = Shape::from([kernel[0], kernel[1], kernel[2], x[4], co]);
            check(Op::Conv(geometry), [x, k], |level, [x, k], shape, out| {
                conv(level, geometry, x, k, shape, out)
            });
            check(Op::ConvInput { geometry, size }, [g, k], |level, [g, k], shape, out| {
                conv_input(level, geometry, g, k, shape, out)
            });
            check(Op::ConvWeight { geometry, kernel }, [x, g], |level, [x, g], shape, out| {
                conv_weight(level, geometry, x, g, shape, out)
            });
        }
    }
}
