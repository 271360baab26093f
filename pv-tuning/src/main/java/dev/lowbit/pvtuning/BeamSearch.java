package dev.lowbit.pvtuning;

/**
 * The discrete step of AQLM (section 3.2 of its paper): every row of tiles, on its own, visits each in-group q and codebook m once and keeps
 * the assignments of least loss. For Ŵ of a hypothesis with loss l, its D = W - Ŵ + s c_old on the columns of q, v = (D H)_q:
 *
 * <pre>
 *   l(k) = l - 2 s (&lt;c_k, v&gt; - &lt;c_old, v&gt;) + s² (c_k H_qq c_kᵀ - c_old H_qq c_oldᵀ)
 * </pre>
 *
 * <p>summed over the rows of a tile. Of equal losses the lower hypothesis and then the lower code goes first. The present code is a candidate, so the
 * loss of a row of tiles does not rise, but for rounding.
 *
 * <p>Here l(k) is l + 2 s² (g(old) - g(k)) with the gain g(k) = &lt;c_k, v / s&gt; - ½ c_k H_qq c_kᵀ of {@link CodewordLanes}, and Δ H is kept for every
 * hypothesis: at once on a block of columns, on those behind the block by one product when the block is done, as GPTQ does. Rows of tiles are
 * searched in parallel; the codes do not depend on the workers.
 */
final class BeamSearch {
    /** Rows times hypotheses of a task: what Δ H is kept for. */
    private static final int ROWS_PER_TASK = 192;

    /** Columns of a block, about. */
    private static final int BLOCK = 64;

    private final LayerState state;
    private final BeamOrder order;
    private final int beam;
    private final int groupsPerBlock;
    private final int[] columns;
    private final InputMoment moment;
    private final CodewordLanes[] books;

    /**
     * A search.
     *
     * @param state not modified
     * @param beam hypotheses kept, at least 1; as many as there are where there are fewer
     */
    BeamSearch(LayerState state, BeamOrder order, int beam) {
        if (beam < 1) {
            throw new IllegalArgumentException("a beam keeps at least 1 hypothesis, got " + beam);
        }
        this.state = state;
        this.order = order;
        this.beam = beam;
        Tiling tiling = state.weights().tiling();
        this.groupsPerBlock = Math.max(1, BLOCK / tiling.inGroup());
        this.columns = columns(order, tiling);
        this.moment = state.problem().moment().permuted(columns);
        this.books = new CodewordLanes[state.weights().codebooks()];
        for (int m = 0; m < books.length; m++) {
            AdditiveWeights weights = state.weights();
            books[m] = CodewordLanes.of(weights.codewords(), weights.at(m, 0), weights.entries(), tiling.tileSize());
        }
    }

    /** The codes found, P x Q x K. */
    int[] codes() {
        AdditiveWeights weights = state.weights();
        int[] found = weights.codes().clone();
        double[] losses = state.tileRowLosses();
        int tileRows = weights.tiling().tileRows();
        int height = Math.max(1, ROWS_PER_TASK / (beam * weights.tiling().outGroup()));
        state.problem().workers().forEach(Math.ceilDiv(tileRows, height), task -> {
            int from = task * height;
            new BeamTile(this, from, Math.min(height, tileRows - from), losses).search(found);
        });
        return found;
    }

    private static int[] columns(BeamOrder order, Tiling tiling) {
        int width = tiling.inGroup();
        int[] columns = new int[tiling.columns()];
        for (int place = 0; place < columns.length; place++) {
            columns[place] = order.groups()[place / width] * width + place % width;
        }
        return columns;
    }

    LayerState state() {
        return state;
    }

    BeamOrder order() {
        return order;
    }

    int beam() {
        return beam;
    }

    int groupsPerBlock() {
        return groupsPerBlock;
    }

    /** The column of every place in the order of the search. */
    int[] columns() {
        return columns;
    }

    /** H in the order of the search. */
    InputMoment moment() {
        return moment;
    }

    /** The codebooks without offsets. */
    CodewordLanes[] books() {
        return books;
    }
}
