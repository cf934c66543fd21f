// The tiled product behind matrix products and convolutions: Y = A B. A file of a family says what A and
// B are, as `factor.wgsl` asks, and: `extent` how many rows and how long a sum a batch has, p.m and p.k at
// most; p.n and p.batch how many columns and batches there are; `y_row` where in y a row begins. Every
// element is summed in ascending order of k, whatever the tile.
//
// A workgroup computes a tile of ROWS × COLUMNS; it walks along k in steps of DEPTH, of which it copies
// the factors to workgroup memory. A thread computes EACH neighbouring rows of four columns.

const THREADS = (ROWS / EACH) * (COLUMNS / 4u);

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = vec2((p.m + ROWS - 1u) / ROWS, (p.n + COLUMNS - 1u) / COLUMNS);
    let index = index_of(group, groups);
    let batch = index / (tiles.x * tiles.y);
    let first_row = index / tiles.y % tiles.x * ROWS;
    let first_column = index % tiles.y * COLUMNS;
    if batch >= p.batch {
        return;
    }
    let size = extent(batch);
    a_begin(batch, first_row, local);
    b_begin(batch, first_column, local);
    let row = local / B_QUADS * EACH;
    let column = local % B_QUADS;
    var sums: array<vec4<f32>, EACH>;
    for (var first = 0u; first < size.y; first += DEPTH) {
        a_copy(local);
        b_copy(local);
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let of_columns = b_tile[k][column];
            for (var i = 0u; i < EACH; i += 4u) {
                let of_rows = a_tile[k][(row + i) / 4u];
                for (var j = 0u; j < 4u; j++) {
                    sums[i + j] = fma(vec4(of_rows[j]), of_columns, sums[i + j]);
                }
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < EACH; i++) {
        if first_row + row + i < size.x {
            let start = y_row(batch, first_row + row + i);
            for (var j = 0u; j < 4u; j++) {
                let to = first_column + column * 4u + j;
                if to < p.n {
                    y[start + to] = sums[i][j];
                }
            }
        }
    }
}
