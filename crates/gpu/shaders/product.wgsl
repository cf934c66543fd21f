// The tiled product behind matrix products and convolutions: Y = A B. Every element is summed in
// ascending order of k, whatever the tile. If there are few tiles with long sums, each sum is split
// into pieces: y then holds the results of all pieces, one after another, for `sum.wgsl` to add.
//
// A workgroup computes a tile of ROWS × COLUMNS of one piece. It walks along k in steps of DEPTH,
// and at each step copies a tile of both factors to workgroup memory. A thread computes EACH
// neighbouring rows of four columns.
//
// The file of a family defines A and B as `factor.wgsl` asks, and:
// - `p.sizes`;
// - `extent`: the number of rows of a batch and the length of its sums, at most m and k. It is
//   called before the other functions, and may set private variables for them;
// - `y_row`: the index in y of the first element of a place's row;
// - `SIDE_BY_SIDE`: whether neighbouring workgroups compute the same rows of all batches, or all
//   rows of one batch.

struct Sizes {
    // `batch` products [m, n], each element a sum of k terms.
    m: u32,
    n: u32,
    k: u32,
    batch: u32,
    // The number of pieces of a sum, the length of a piece, and the distance in y from one piece to
    // the next.
    pieces: u32,
    piece: u32,
    piece_stride: u32,
    // Padding: the next parameters begin at a multiple of 16 bytes.
    unused: u32,
}

// The place of a column: x is its index.
fn b_place(column: u32) -> vec4<i32> {
    return vec4(i32(column), 0, 0, 0);
}

fn b_beside(place: vec4<i32>) -> vec4<i32> {
    return place + vec4(1, 0, 0, 0);
}

const THREADS = (ROWS / EACH) * (COLUMNS / 4u);

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = vec2((p.sizes.m + ROWS - 1u) / ROWS, (p.sizes.n + COLUMNS - 1u) / COLUMNS);
    var rest = index_of(group, groups);
    let first_column = rest % tiles.y * COLUMNS;
    rest /= tiles.y;
    let piece = rest % p.sizes.pieces;
    rest /= p.sizes.pieces;
    var batch = 0u;
    if SIDE_BY_SIDE {
        batch = rest % p.sizes.batch;
        rest /= p.sizes.batch;
    }
    let first_row = rest % tiles.x * ROWS;
    rest /= tiles.x;
    if !SIDE_BY_SIDE {
        batch = rest % p.sizes.batch;
        rest /= p.sizes.batch;
    }
    if rest > 0u {
        return;
    }
    let size = extent(batch);
    let start = piece * p.sizes.piece;
    let end = min(size.y, start + p.sizes.piece);
    a_begin(batch, first_row, start, local);
    b_begin(batch, first_column, start, local);
    let row = local / B_QUADS * EACH;
    let column = local % B_QUADS;
    var sums: array<vec4<f32>, EACH>;
    for (var k = start; k < end; k += DEPTH) {
        a_copy(local);
        b_copy(local);
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i++) {
            let of_columns = b_tile[i][column];
            for (var j = 0u; j < EACH; j += 4u) {
                let of_rows = a_tile[i][(row + j) / 4u];
                for (var l = 0u; l < 4u; l++) {
                    sums[j + l] = fma(vec4(of_rows[l]), of_columns, sums[j + l]);
                }
            }
        }
        workgroupBarrier();
    }
    var place = a_place(first_row + row);
    for (var i = 0u; i < EACH; i++) {
        if first_row + row + i < size.x {
            let of_row = piece * p.sizes.piece_stride + y_row(batch, place);
            for (var j = 0u; j < 4u; j++) {
                let to = first_column + column * 4u + j;
                if to < p.sizes.n {
                    y[of_row + to] = sums[i][j];
                }
            }
        }
        place = a_beside(place);
    }
}
