//! Bad shapes give errors and never panic, even hostile ones.

mod common;

use kinora_tensor::conformance::Reference;
use kinora_tensor::{Binary, Desc, Error, Geometry, NormSpec, Op, Random, Shape, Tensor, Unary};

const HUGE: usize = usize::MAX;
const HALF: usize = 1 << (usize::BITS / 2);

fn geometry(stride: usize, padding: usize) -> Geometry {
    Geometry { stride: [stride; 3], padding: [padding; 3] }
}

fn norm(groups: usize) -> NormSpec {
    NormSpec { groups, epsilon: 1e-5, slope: 1.0 }
}

fn infer(op: &Op, shapes: &[Shape]) -> kinora_tensor::Result<Desc> {
    let descs: Vec<Desc> = shapes.iter().map(Desc::f32).collect();
    op.infer(&descs.iter().collect::<Vec<_>>())
}

/// Operations with shapes that [`Op::infer`] must reject.
fn bad() -> Vec<(Op, Vec<&'static [usize]>)> {
    let mut rows: Vec<(Op, Vec<&'static [usize]>)> = Vec::new();
    for unary in [
        Unary::Exp,
        Unary::Log,
        Unary::Sqrt,
        Unary::Recip,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Softplus,
        Unary::Abs,
        Unary::Sign,
        Unary::LeakyRelu(0.2),
    ] {
        rows.push((Op::Unary(unary), vec![]));
        rows.push((Op::Unary(unary), vec![&[2], &[2]]));
        rows.push((Op::Unary(unary), vec![&[HALF, HALF]]));
    }
    for binary in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::LeakyReluGrad(0.2)] {
        rows.push((Op::Binary(binary), vec![&[2, 3]]));
        rows.push((Op::Binary(binary), vec![&[2, 3], &[2]]));
        rows.push((Op::Binary(binary), vec![&[2, 3], &[4, 3]]));
        rows.push((Op::Binary(binary), vec![&[HALF, 1], &[1, HALF]]));
    }
    let x: &[usize] = &[2, 3, 4, 5, 6];
    let k: &[usize] = &[1, 3, 3, 6, 7];
    let conv_input = |geometry, size| Op::ConvInput { geometry, size };
    let conv_weight = |geometry, kernel| Op::ConvWeight { geometry, kernel };
    let matmul = |transpose_a, transpose_b| Op::MatMul { transpose_a, transpose_b };
    rows.extend::<Vec<(Op, Vec<&'static [usize]>)>>(vec![
        (Op::Affine { mul: 1.0, add: 0.0 }, vec![]),
        (Op::Reshape([5].into()), vec![&[2, 3]]),
        (Op::Reshape([HALF, HALF].into()), vec![&[0]]),
        (Op::Permute(vec![0, 0]), vec![&[2, 3]]),
        (Op::Permute(vec![0]), vec![&[2, 3]]),
        (Op::Permute(vec![0, HUGE]), vec![&[2, 3]]),
        (Op::Permute(vec![0; 100]), vec![&[2, 3]]),
        (Op::Broadcast([2].into()), vec![&[2, 3]]),
        (Op::Broadcast([2, 1].into()), vec![&[2, 3]]),
        (Op::Broadcast([HALF, HALF].into()), vec![&[1]]),
        (Op::Broadcast([HUGE, 0].into()), vec![&[1]]),
        (Op::Slice { axis: 2, start: 0, len: 1 }, vec![&[2, 3]]),
        (Op::Slice { axis: 1, start: 2, len: 2 }, vec![&[2, 3]]),
        (Op::Slice { axis: 1, start: HUGE, len: 2 }, vec![&[2, 3]]),
        (Op::Pad { axis: 2, before: 1, after: 0 }, vec![&[2, 3]]),
        (Op::Pad { axis: 0, before: HUGE, after: HUGE }, vec![&[2, 3]]),
        (Op::Pad { axis: 0, before: HUGE, after: 0 }, vec![&[2, 0]]),
        (Op::Concat { axis: 0 }, vec![]),
        (Op::Concat { axis: 1 }, vec![&[2]]),
        (Op::Concat { axis: 0 }, vec![&[2, 3], &[2, 4]]),
        (Op::Concat { axis: 0 }, vec![&[2, 3], &[2]]),
        (Op::Concat { axis: 0 }, vec![&[HUGE / 16]; 40]),
        (Op::Sum { axes: vec![2] }, vec![&[2, 3]]),
        (Op::Sum { axes: vec![1, 0] }, vec![&[2, 3]]),
        (Op::Sum { axes: vec![0, 0] }, vec![&[2, 3]]),
        (Op::Softmax, vec![&[]]),
        (Op::Gather, vec![&[4], &[2]]),
        (Op::Gather, vec![&[4, 2], &[1; 6]]),
        (Op::Gather, vec![&[4, HALF], &[HALF]]),
        (Op::Scatter { rows: 4 }, vec![&[2], &[3, 5]]),
        (Op::Scatter { rows: 4 }, vec![&[2], &[2]]),
        (Op::Scatter { rows: HUGE }, vec![&[2], &[2, 5]]),
        (matmul(false, false), vec![&[2], &[2]]),
        (matmul(false, false), vec![&[2, 3], &[4, 5]]),
        (matmul(true, false), vec![&[2, 3], &[3, 5]]),
        (matmul(false, true), vec![&[2, 3], &[3, 5]]),
        (matmul(false, false), vec![&[2, 2, 3], &[3, 3, 5]]),
        (matmul(false, false), vec![&[2, 2, 3], &[3, 5]]),
        (matmul(false, false), vec![&[HALF, 1], &[1, HALF]]),
        (Op::Conv(geometry(1, 0)), vec![x, &[1, 3, 3, 5, 7]]),
        (Op::Conv(geometry(1, 0)), vec![&[3, 4, 5, 6], k]),
        (Op::Conv(geometry(1, 0)), vec![x, &[1, 3, 9, 6, 7]]),
        (Op::Conv(geometry(0, 0)), vec![x, k]),
        (Op::Conv(geometry(1, HUGE)), vec![x, k]),
        (Op::Conv(geometry(1, HUGE / 2)), vec![x, k]),
        (Op::Conv(geometry(1, HUGE / 4)), vec![x, k]),
        (Op::Conv(geometry(1, 0)), vec![x, &[0, 3, 3, 6, 7]]),
        (conv_input(geometry(1, 0), [3, 4, 5]), vec![x, k]),
        (conv_input(geometry(1, 0), [3, 6, 8]), vec![x, k]),
        (conv_input(geometry(1, 0), [HUGE; 3]), vec![x, &[1, 3, 3, 7, 6]]),
        (conv_input(geometry(HUGE, 0), [HUGE; 3]), vec![&[1; 5], &[1; 5]]),
        (conv_weight(geometry(1, 0), [1, 3, 3]), vec![x, &[3, 3, 2, 3, 7]]),
        (conv_weight(geometry(1, 0), [1, 3, 3]), vec![x, &[2, 3, 2, 2, 7]]),
        (conv_weight(geometry(1, 0), [1, 9, 3]), vec![x, x]),
        (conv_weight(geometry(1, 0), [HUGE; 3]), vec![x, x]),
        (Op::Upsample { factor: [1, 2, 2] }, vec![&[2, 3, 4, 5]]),
        (Op::Upsample { factor: [1, 0, 2] }, vec![x]),
        (Op::Upsample { factor: [HUGE; 3] }, vec![x]),
        (Op::SumPool { factor: [1, 2, 2] }, vec![x]),
        (Op::SumPool { factor: [1, 0, 1] }, vec![x]),
        (Op::ResizeConv, vec![&[2, 3, 4, 5], &[1, 3, 3, 5, 7], &[7]]),
        (Op::ResizeConv, vec![x, &[1, 3, 3, 7, 7], &[7]]),
        (Op::ResizeConv, vec![x, &[1, 4, 4, 6, 7], &[7]]),
        (Op::ResizeConv, vec![x, &[1, 3, 3, 6, 7], &[1, 7]]),
        (Op::ResizeConv, vec![&[1, 1, HUGE, 1, 6], &[1, 3, 3, 6, 7], &[7]]),
        (Op::Norm(norm(1)), vec![&[2], &[1, 2], &[1, 2]]),
        (Op::Norm(norm(0)), vec![&[2, 4], &[1, 4], &[1, 4]]),
        (Op::Norm(norm(3)), vec![&[2, 4], &[1, 4], &[1, 4]]),
        (Op::Norm(norm(2)), vec![&[2, 4], &[3, 4], &[3, 4]]),
        (Op::Norm(norm(2)), vec![&[2, 4], &[1, 4], &[2, 4]]),
        (Op::Norm(norm(2)), vec![&[2, 4], &[4], &[4]]),
        (Op::NormGrad(norm(2)), vec![&[2, 4], &[1, 4], &[1, 4]]),
        (Op::NormGrad(norm(2)), vec![&[2, 4], &[1, 4], &[1, 4], &[2, 5]]),
        (Op::LstmCell, vec![&[2, 8], &[2, 3]]),
        (Op::LstmCell, vec![&[], &[]]),
        (Op::LstmCell, vec![&[1, 1, 1, 1, 1, 4], &[1; 6]]),
        (Op::LstmCell, vec![&[HUGE / 16], &[HUGE / 16]]),
        (Op::LstmCellGrad, vec![&[2, 8], &[2, 2], &[2, 2]]),
        (Op::GruCell, vec![&[2, 6], &[2, 6], &[2, 3]]),
        (Op::GruCell, vec![&[2, 6], &[1, 6], &[2, 2]]),
        (Op::GruCell, vec![&[], &[], &[]]),
        (Op::GruCellGrad, vec![&[2, 6], &[2, 6], &[2, 2], &[2, 6]]),
    ]);
    rows
}

#[test]
fn errors_name_the_operation_and_the_shapes() {
    let rows = bad();
    common::assert_every_kind(rows.iter().map(|(op, _)| op));
    for (op, dims) in rows {
        let wanted: Vec<Shape> = dims.iter().map(|&dims| dims.into()).collect();
        let error = infer(&op, &wanted).expect_err(&format!("{op:?} of {dims:?}"));
        let text = error.to_string();
        let Error::Shape { op: name, shapes, reason } = error else { panic!("{error:?}") };
        assert_eq!((name, &shapes), (op.name(), &wanted));
        assert!(
            text.starts_with(&format!("{name} of {wanted:?}: ")) && !reason.is_empty(),
            "{text}"
        );
    }
}

#[test]
fn stacks_along_valid_axes() {
    let x = Reference::from_slice(&(), &[1.0, 2.0], [2]).unwrap();
    assert_eq!(*Reference::stack(&[&x, &x, &x], 1).unwrap().shape(), [2, 3].into());
    let error = Reference::stack(&[&x], 2).unwrap_err().to_string();
    assert_eq!(error, "stack of [[2]]: a new axis 2 is out of range");
}

#[test]
fn data_that_does_not_fill_its_shape() {
    let wrapped = Reference::from_slice(&(), &[], [HALF, HALF]);
    assert_eq!(wrapped, Err(Error::Length { len: 0, shape: [HALF, HALF].into() }));
    let error = Reference::from_slice(&(), &[1.0, 2.0], [3]).unwrap_err();
    assert_eq!(error.to_string(), "2 values do not fill a tensor of [3] (3 elements)");
    for shape in [[HALF, HALF], [HUGE, 1], [HUGE / 4, 1]].map(Shape::from) {
        let drawn = Reference::randn(&(), &mut Random::new(0, 0), shape);
        assert_eq!(drawn, Err(Error::Memory(format!("no room for a tensor of {shape}"))));
        assert!(Reference::full(&(), 0.0, shape).is_err());
    }
}

/// Any operation on any shapes gives an error or a description. If the tensors are small, the
/// outputs of the reference and of the expansion must have that description.
#[test]
fn nothing_panics() {
    let mut random = Random::new(3, 0);
    let mut computed = [0; common::KINDS];
    let known: Vec<(Op, Vec<Shape>)> = kinora_tensor::conformance::cases()
        .into_iter()
        .map(|case| (case.op, case.inputs.iter().map(|input| input.shape).collect()))
        .chain(
            bad().into_iter().map(|(op, dims)| (op, dims.into_iter().map(Shape::from).collect())),
        )
        .collect();
    for _ in 0..200_000 {
        let (op, mut shapes) = known[random.below(known.len())].clone();
        for _ in 0..random.below(3) {
            disturb(&mut shapes, &mut random);
        }
        let Ok(desc) = infer(&op, &shapes) else { continue };
        let elements = shapes.iter().map(Shape::elements).fold(0, usize::saturating_add);
        // The expansion of an empty tensor with a long axis has large intermediate tensors.
        let longest = shapes.iter().flat_map(|shape| shape.iter()).max();
        if elements > 200 || desc.shape.elements() > 1000 || longest > Some(&1000) {
            continue;
        }
        let inputs: Vec<Reference> =
            shapes.iter().map(|shape| Reference::full(&(), 0.5, shape).unwrap()).collect();
        let inputs: Vec<&Reference> = inputs.iter().collect();
        let output = Reference::apply(&(), op.clone(), &inputs).unwrap();
        assert_eq!(*output.desc(), desc);
        if let Some(expanded) = op.expand(&inputs) {
            assert_eq!(*expanded.unwrap().desc(), desc, "{op:?} of {shapes:?}");
        }
        computed[common::kind(&op)] += 1;
    }
    assert!(computed.iter().all(|&n| n > 0), "not all were computed: {computed:?}");
}

/// Changes, removes or adds an axis of one shape, or adds a shape.
fn disturb(shapes: &mut Vec<Shape>, random: &mut Random) {
    let lengths = [0, 1, 1, 2, 3, 4, 8, HALF, HUGE / 16, HUGE / 8, HUGE / 2, HUGE];
    let length = lengths[random.below(lengths.len())];
    if shapes.is_empty() || random.below(20) == 0 {
        shapes.push([length].into());
        return;
    }
    let i = random.below(shapes.len());
    let mut dims = shapes[i].to_vec();
    let axis = random.below(dims.len().max(1));
    match random.below(4) {
        0 if !dims.is_empty() => drop(dims.remove(axis)),
        1 if dims.len() < kinora_tensor::MAX_RANK => dims.insert(axis, length),
        _ if !dims.is_empty() => dims[axis] = length,
        _ => (),
    }
    shapes[i] = dims.into();
}
