// Loads the tile of one factor of a product to workgroup memory: SIDE rows (of A) or columns (of B)
// by DEPTH values of k. The source includes this file twice above `product.wgsl`, for A and for B,
// with the name of the factor in place of FACTOR.
//
// The file of a family defines for each factor:
// - `place`: a row or column as packed coordinates; `beside`: the place of the next row or column;
// - `outer`: the part of the address fixed by the row or column; `at`: the memory index of the
//   element at an `outer` and an `inner`, or -1 if that element is 0.
// It defines for both factors together:
// - `inner_of`: a k as packed coordinates; `next`: the coordinates of k + DEPTH.
//
// The tile consists of units, as `product.wgsl` reads them: four neighbours along the side at one
// k. If FOURS, elements come in fours in memory, and a thread loads four at once. Along the side,
// four elements are a unit. Along k, a thread loads four times four elements and transposes them to
// four units.

const FACTOR_QUADS = FACTOR_SIDE / 4u;
// One more than needed, so that transposed units go to different memory banks.
const FACTOR_STRIDE = FACTOR_QUADS + 1u;
const FACTOR_DEEP = select(1u, 4u, FACTOR_FOURS && !FACTOR_ALONG_SIDE);
const FACTOR_UNITS = FACTOR_QUADS * DEPTH / FACTOR_DEEP;
const FACTOR_LOADS = (FACTOR_UNITS + THREADS - 1u) / THREADS;
// Neighbouring threads load neighbouring elements.
const FACTOR_ALONG = select(DEPTH / FACTOR_DEEP, FACTOR_QUADS, FACTOR_ALONG_SIDE);

var<workgroup> factor_tile: array<array<vec4<f32>, FACTOR_STRIDE>, DEPTH>;
var<private> factor_outers: array<vec4<i32>, FACTOR_LOADS * 4u>;
var<private> factor_inners: array<vec4<i32>, FACTOR_LOADS>;

fn factor_one(outer: vec4<i32>, inner: vec4<i32>) -> f32 {
    let at = factor_at(outer, inner);
    return select(0.0, factor[u32(max(at, 0)) / 4u][u32(max(at, 0)) % 4u], at >= 0);
}

fn factor_four(outer: vec4<i32>, inner: vec4<i32>) -> vec4<f32> {
    let at = factor_at(outer, inner);
    return select(vec4(0.0), factor[u32(max(at, 0)) / 4u], at >= 0);
}

// The position of a thread's i-th unit in the tile: quad along the side, and k.
fn factor_unit(local: u32, i: u32) -> vec2<u32> {
    let unit = local + i * THREADS;
    let place = vec2(unit / FACTOR_ALONG, unit % FACTOR_ALONG);
    return select(place, place.yx, FACTOR_ALONG_SIDE) * vec2(1u, FACTOR_DEEP);
}

fn factor_begin(batch: u32, first: u32, k: u32, local: u32) {
    for (var i = 0u; i < FACTOR_LOADS; i++) {
        let unit = factor_unit(local, i);
        var place = factor_place(first + unit.x * 4u);
        for (var j = 0u; j < 4u; j++) {
            factor_outers[4u * i + j] = factor_outer(batch, place);
            place = factor_beside(place);
        }
        factor_inners[i] = inner_of(k + unit.y);
    }
}

fn factor_copy(local: u32) {
    for (var i = 0u; i < FACTOR_LOADS; i++) {
        let unit = factor_unit(local, i);
        let inner = factor_inners[i];
        if FACTOR_UNITS % THREADS == 0u || local + i * THREADS < FACTOR_UNITS {
            if FACTOR_FOURS && FACTOR_ALONG_SIDE {
                factor_tile[unit.y][unit.x] = factor_four(factor_outers[4u * i], inner);
            } else if FACTOR_FOURS {
                let turned = transpose(mat4x4(
                    factor_four(factor_outers[4u * i], inner),
                    factor_four(factor_outers[4u * i + 1u], inner),
                    factor_four(factor_outers[4u * i + 2u], inner),
                    factor_four(factor_outers[4u * i + 3u], inner),
                ));
                for (var j = 0u; j < 4u; j++) {
                    factor_tile[unit.y + j][unit.x] = turned[j];
                }
            } else {
                factor_tile[unit.y][unit.x] = vec4(
                    factor_one(factor_outers[4u * i], inner),
                    factor_one(factor_outers[4u * i + 1u], inner),
                    factor_one(factor_outers[4u * i + 2u], inner),
                    factor_one(factor_outers[4u * i + 3u], inner),
                );
            }
        }
        factor_inners[i] = next(inner);
    }
}
