package dev.lowbit.pvtuning;

import java.util.Arrays;

/**
 * {@link BeamSearch} over some rows of tiles. All of them have the same number of hypotheses, which follow each other: row a of hypothesis h of
 * tile row r is line (r n + h) go + a. Columns are in the order of the search.
 */
final class BeamTile {
    private final BeamSearch search;
    private final CodewordSearch kernel = CodewordSearch.get();
    private final AdditiveWeights weights;
    private final int from;
    private final int count;
    private final int outGroup;
    private final int inGroup;
    private final int size;
    private final int n;
    private final InputMoment moment;
    private final int blockWidth;
    private final CodewordLanes[] books;

    /** n of the hypotheses. */
    private int hypotheses = 1;

    private double[] losses;
    /** Δ H, rows of {@link #farHypotheses} x I, as it was when the block began. */
    private double[] far;
    /** n of the hypotheses that {@link #far} tells apart: 1 as long as nothing that they decided reaches there. */
    private int farHypotheses = 1;
    /** Δ H on the block, lines x block width. */
    private double[] near;

    private double[] nearNext;
    /** What the block has added to Δ, lines x block width. */
    private double[] change;

    private double[] changeNext;
    /** The hypothesis at the block's begin that each comes from. */
    private int[] origins;

    /** For every visit and hypothesis the one it comes from and the code it chose, for tracing back. */
    private final int[][] parents;

    private final int[][] choices;

    /** H_qq of the group that is visited. */
    private final double[] form;

    private final double[] points;
    private final double[] gains;
    private final double[] candidates;
    private final double[] step;

    BeamTile(BeamSearch search, int from, int count, double[] tileRowLosses) {
        this.search = search;
        this.weights = search.state().weights();
        Tiling tiling = weights.tiling();
        this.from = from;
        this.count = count;
        this.outGroup = tiling.outGroup();
        this.inGroup = tiling.inGroup();
        this.size = tiling.tileSize();
        this.n = tiling.columns();
        this.moment = search.moment();
        this.blockWidth = search.groupsPerBlock() * inGroup;
        this.books = new CodewordLanes[search.books().length];
        for (int m = 0; m < books.length; m++) {
            books[m] = search.books()[m].withOwnOffsets();
        }
        this.losses = Arrays.copyOfRange(tileRowLosses, from, from + count);
        this.form = new double[inGroup * inGroup];
        int lines = count * search.beam() * outGroup;
        this.far = new double[count * outGroup * n];
        for (int line = 0; line < count * outGroup; line++) {
            int row = (from * outGroup + line) * n;
            for (int place = 0; place < n; place++) {
                far[line * n + place] = search.state().product()[row + search.columns()[place]];
            }
        }
        this.near = new double[lines * blockWidth];
        this.change = new double[lines * blockWidth];
        this.nearNext = search.beam() == 1 ? near : new double[lines * blockWidth];
        this.changeNext = search.beam() == 1 ? change : new double[lines * blockWidth];
        int visits = tiling.tileColumns() * books.length;
        this.parents = new int[visits][];
        this.choices = new int[visits][];
        this.points = new double[count * search.beam() * size];
        this.gains = new double[books[0].stride()];
        this.candidates = new double[search.beam()];
        this.step = new double[inGroup];
    }

    /** Writes the best codes of these rows into {@code found}, P x Q x K (modified). */
    void search(int[] found) {
        int groups = weights.tiling().tileColumns();
        int visit = 0;
        for (int block = 0; block < groups; block += search.groupsPerBlock()) {
            int end = Math.min(groups, block + search.groupsPerBlock());
            beginBlock(block * inGroup, (end - block) * inGroup);
            for (int t = block; t < end; t++) {
                for (int m : search.order().codebooks()[t]) {
                    visit(visit++, t, m, block * inGroup, (end - block) * inGroup);
                }
            }
            endBlock(block * inGroup, end * inGroup);
        }
        trace(found);
    }

    private void beginBlock(int first, int width) {
        for (int line = 0; line < count * hypotheses * outGroup; line++) {
            int hypothesis = line / outGroup;
            int source = farHypothesis(hypothesis / hypotheses, hypothesis % hypotheses);
            System.arraycopy(far, (source * outGroup + line % outGroup) * n + first, near, line * blockWidth, width);
            Arrays.fill(change, line * blockWidth, line * blockWidth + width, 0);
        }
        origins = new int[count * hypotheses];
        for (int i = 0; i < origins.length; i++) {
            origins[i] = i % hypotheses;
        }
    }

    /** Where in {@link #far} a hypothesis of a row of tiles stands. */
    private int farHypothesis(int r, int hypothesis) {
        return farHypotheses == 1 ? r : r * farHypotheses + hypothesis;
    }

    private void visit(int visit, int t, int m, int first, int width) {
        CodewordLanes book = books[m];
        int q = search.order().groups()[t];
        loadForm(t * inGroup);
        book.setHalfForms(form, inGroup);
        for (int r = 0; r < count; r++) {
            for (int i = 0; i < hypotheses; i++) {
                setPoint(r, r * hypotheses + i, q, m, t * inGroup - first);
            }
        }
        int next = (int) Math.min(search.beam(), (long) hypotheses * weights.entries());
        int[] parent = new int[count * next];
        int[] choice = new int[count * next];
        double[] nextLosses = new double[count * next];
        if (next == 1) {
            kernel.best(points, 0, count, book, choice);
            // no other hypothesis competes, so that losses are not needed
        } else {
            for (int r = 0; r < count; r++) {
                select(r, q, m, book, next, parent, choice, nextLosses);
            }
        }
        for (int r = 0; r < count; r++) {
            for (int i = 0; i < next; i++) {
                int to = r * next + i;
                derive(r * hypotheses + parent[to], to, r, q, m, choice[to], t * inGroup, first, width);
            }
        }
        int[] nextOrigins = new int[count * next];
        for (int i = 0; i < nextOrigins.length; i++) {
            nextOrigins[i] = origins[i / next * hypotheses + parent[i]];
        }
        origins = nextOrigins;
        parents[visit] = parent;
        choices[visit] = choice;
        losses = nextLosses;
        hypotheses = next;
        swap();
    }

    /** H_qq of the group whose columns begin there. */
    private void loadForm(int column) {
        for (int i = 0; i < inGroup; i++) {
            for (int j = 0; j < inGroup; j++) {
                form[i * inGroup + j] = moment.at(column + i, column + j);
            }
        }
    }

    private int old(int r, int q, int m) {
        return weights.codes()[((from + r) * weights.tiling().tileColumns() + q) * books.length + m];
    }

    private double scale(int r, int q) {
        return weights.scales()[weights.scaleAt(from + r, q)];
    }

    /** 2 s², or 0 for a scale so small that no code matters. */
    private double factor(int r, int q) {
        double scale = scale(r, q);
        return Math.abs(scale) < Math.sqrt(Double.MIN_NORMAL) ? 0 : 2 * scale * scale;
    }

    /** v / s = c_old H_qq - (Δ H)_q / s of one hypothesis. */
    private void setPoint(int r, int hypothesis, int q, int m, int offset) {
        double inverse = factor(r, q) == 0 ? 0 : 1 / scale(r, q);
        int old = old(r, q, m);
        for (int i = 0; i < size; i++) {
            int line = hypothesis * outGroup + i / inGroup;
            points[hypothesis * size + i] =
                    books[m].product(i, old) - inverse * near[line * blockWidth + offset + i % inGroup];
        }
    }

    /** The {@code next} best of all pairs of a hypothesis and a code, ascending. */
    private void select(
            int r, int q, int m, CodewordLanes book, int next, int[] parent, int[] choice, double[] nextLosses) {
        double factor = factor(r, q);
        int filled = 0;
        int at = r * next;
        for (int i = 0; i < hypotheses; i++) {
            kernel.gains(points, (r * hypotheses + i) * size, book, gains);
            double base = losses[r * hypotheses + i];
            double oldGain = gains[old(r, q, m)];
            int k = 0;
            while (k < weights.entries()) {
                if (filled == next) {
                    double limit = candidates[next - 1];
                    k = kernel.firstBelow(limit, base, factor, oldGain, gains, k, weights.entries());
                    if (k == weights.entries()) {
                        break;
                    }
                }
                double loss = base - factor * (gains[k] - oldGain);
                int to = filled == next ? next - 1 : filled++;
                for (; to > 0 && loss < candidates[to - 1]; to--) {
                    candidates[to] = candidates[to - 1];
                    parent[at + to] = parent[at + to - 1];
                    choice[at + to] = choice[at + to - 1];
                }
                candidates[to] = loss;
                parent[at + to] = i;
                choice[at + to] = k++;
            }
        }
        System.arraycopy(candidates, 0, nextLosses, at, next);
    }

    /** A hypothesis from its parent: s (c_k - c_old) goes into Δ, and times H into Δ H on the rest of the block. */
    private void derive(int parent, int hypothesis, int r, int q, int m, int code, int place, int first, int width) {
        int old = old(r, q, m);
        boolean inPlace = near == nearNext;
        if (inPlace && code == old) {
            return;
        }
        double scale = scale(r, q);
        int offset = place - first;
        for (int a = 0; a < outGroup; a++) {
            int source = (parent * outGroup + a) * blockWidth;
            int target = (hypothesis * outGroup + a) * blockWidth;
            if (!inPlace) {
                System.arraycopy(near, source + offset, nearNext, target + offset, width - offset);
                System.arraycopy(change, source, changeNext, target, offset + inGroup);
                Arrays.fill(changeNext, target + offset + inGroup, target + width, 0);
            }
            if (code == old) {
                continue;
            }
            int fresh = weights.at(m, code) + a * inGroup;
            int stale = weights.at(m, old) + a * inGroup;
            for (int i = 0; i < inGroup; i++) {
                step[i] = scale * (weights.codewords()[fresh + i] - weights.codewords()[stale + i]);
                changeNext[target + offset + i] += step[i];
            }
            moment.add(step, place, nearNext, target + offset, width - offset);
        }
    }

    private void swap() {
        double[] other = near;
        near = nearNext;
        nearNext = other;
        other = change;
        change = changeNext;
        changeNext = other;
    }

    /** Brings Δ H behind the block up to date: that of the origin plus the block's change times H. */
    private void endBlock(int first, int end) {
        if (end == n || !moment.couples()) {
            return;
        }
        if (search.beam() > 1) {
            takeOrigins(end);
        }
        moment.addBehind(change, count * hypotheses * outGroup, blockWidth, first, end, far);
    }

    private void takeOrigins(int end) {
        double[] next = new double[count * hypotheses * outGroup * n];
        for (int i = 0; i < count * hypotheses; i++) {
            int source = farHypothesis(i / hypotheses, origins[i]);
            for (int a = 0; a < outGroup; a++) {
                System.arraycopy(far, (source * outGroup + a) * n + end, next, (i * outGroup + a) * n + end, n - end);
            }
        }
        far = next;
        farHypotheses = hypotheses;
    }

    /** Follows the best hypothesis back; tiles whose scale is nothing keep their codes. */
    private void trace(int[] found) {
        int groups = weights.tiling().tileColumns();
        for (int r = 0; r < count; r++) {
            int hypothesis = 0;
            for (int visit = parents.length - 1; visit >= 0; visit--) {
                int kept = parents[visit].length / count;
                int t = visit / books.length;
                int q = search.order().groups()[t];
                int m = search.order().codebooks()[t][visit % books.length];
                if (factor(r, q) != 0) {
                    found[((from + r) * groups + q) * books.length + m] = choices[visit][r * kept + hypothesis];
                }
                hypothesis = parents[visit][r * kept + hypothesis];
            }
        }
    }
}
