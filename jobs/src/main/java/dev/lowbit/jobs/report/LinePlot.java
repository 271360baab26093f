package dev.lowbit.jobs.report;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/**
 * Lines over a linear horizontal and a logarithmic vertical axis, as one SVG image: the same bytes on every machine, with text that stays text.
 *
 * <p>Our own because of what the usual library, XChart, does here: its SVG draws every letter as an outline of a font of the machine, so that bytes
 * depend on what is installed and three points take 84 kB; and it comes with eight jars, a PDF library among them.
 */
public final class LinePlot {
    private static final String[] COLOURS = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
    private static final int WIDTH = 780;
    private static final int HEIGHT = 460;
    private static final int LEFT = 72;
    private static final int RIGHT = 580;
    private static final int TOP = 44;
    private static final int BOTTOM = 404;
    private static final int LEGEND = RIGHT + 16;
    private static final int LEGEND_LINE = 22;

    private final Content content;
    private final PlotAxis across;
    private final PlotAxis up;
    private final HtmlText svg = new HtmlText();
    private int legendY = TOP + 8;

    /** A point; {@code y} is positive, both are finite. */
    public record Point(double x, double y) {}

    /**
     * Points and the line through them.
     *
     * @param points from the left to the right
     * @param colour place in the palette, which begins again at its end
     * @param hollow whether markers are rings, to tell two lines of one colour apart
     */
    public record Series(String name, List<Point> points, int colour, boolean hollow) {
        public Series {
            points = List.copyOf(points);
        }
    }

    /**
     * What is drawn.
     *
     * @param title above the plot
     * @param across what the horizontal axis is
     * @param up what the vertical axis is
     * @param series in the order of the legend
     * @param levelName of the value to compare with
     * @param level that value, positive: a dashed line
     * @param stepsName of the staircase
     * @param steps its corners, from the left, each below the one before: points of the series; may be empty
     */
    public record Content(
            String title,
            String across,
            String up,
            List<Series> series,
            String levelName,
            double level,
            String stepsName,
            List<Point> steps) {
        public Content {
            series = List.copyOf(series);
            steps = List.copyOf(steps);
        }
    }

    private LinePlot(Content content) {
        this.content = content;
        List<Point> points =
                content.series().stream().flatMap(one -> one.points().stream()).toList();
        DoubleStream heights =
                DoubleStream.concat(points.stream().mapToDouble(Point::y), DoubleStream.of(content.level()));
        across = PlotAxis.linear(points.stream().mapToDouble(Point::x).toArray(), LEFT, RIGHT);
        up = PlotAxis.logarithmic(heights.toArray(), BOTTOM, TOP);
    }

    /** The image: a whole XML document. */
    public static String svg(Content content) {
        return new LinePlot(content).draw();
    }

    private String draw() {
        raw(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                        + "font-family=\"sans-serif\" font-size=\"13\" fill=\"#1d2433\">\n",
                WIDTH, HEIGHT, WIDTH, HEIGHT);
        raw("<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH, HEIGHT);
        text((LEFT + RIGHT) / 2.0, TOP - 18, "text-anchor=\"middle\" font-size=\"16\"", content.title());
        axes();
        steps();
        double level = up.place(content.level());
        line(LEFT, level, RIGHT, level, "stroke=\"#1d2433\" stroke-dasharray=\"6 4\"");
        content.series().forEach(this::series);
        legend("stroke=\"#1d2433\" stroke-dasharray=\"6 4\"", content.levelName());
        svg.raw("</svg>\n");
        return svg.toString();
    }

    private void axes() {
        for (BigDecimal tick : across.ticks()) {
            double x = across.place(tick.doubleValue());
            line(x, TOP, x, BOTTOM, "stroke=\"#e3e7ef\"");
            text(x, BOTTOM + 18, "text-anchor=\"middle\"", PlotAxis.label(tick));
        }
        for (BigDecimal tick : up.ticks()) {
            double y = up.place(tick.doubleValue());
            line(LEFT, y, RIGHT, y, "stroke=\"#e3e7ef\"");
            text(LEFT - 8, y + 4.5, "text-anchor=\"end\"", PlotAxis.label(tick));
        }
        raw(
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#5b6579\"/>\n",
                LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP);
        double middle = (TOP + BOTTOM) / 2.0;
        text((LEFT + RIGHT) / 2.0, BOTTOM + 42, "text-anchor=\"middle\"", content.across());
        text(
                20,
                middle,
                String.format(Locale.ROOT, "text-anchor=\"middle\" transform=\"rotate(-90 20 %.1f)\"", middle),
                content.up());
    }

    /** From each corner to the right, then down to the next; the last one goes on to the edge. */
    private void steps() {
        if (content.steps().isEmpty()) {
            return;
        }
        List<double[]> corners = new ArrayList<>();
        for (Point step : content.steps()) {
            double x = across.place(step.x());
            if (!corners.isEmpty()) {
                corners.add(new double[] {x, corners.getLast()[1]});
            }
            corners.add(new double[] {x, up.place(step.y())});
        }
        corners.add(new double[] {RIGHT, corners.getLast()[1]});
        String style = "stroke=\"#b4bac6\" stroke-width=\"5\"";
        polyline(corners, style);
        legend(style, content.stepsName());
    }

    private void series(Series one) {
        String colour = COLOURS[one.colour() % COLOURS.length];
        List<double[]> places = one.points().stream()
                .map(point -> new double[] {across.place(point.x()), up.place(point.y())})
                .toList();
        polyline(places, "stroke=\"" + colour + "\" stroke-width=\"1.5\"");
        for (int i = 0; i < places.size(); i++) {
            Point point = one.points().get(i);
            marker(places.get(i)[0], places.get(i)[1], colour, one.hollow());
            svg.element("title", String.format(Locale.ROOT, "%s: %.4f, %.4f", one.name(), point.x(), point.y()));
            svg.raw("</circle>\n");
        }
        double y = legendY;
        legend("stroke=\"" + colour + "\" stroke-width=\"1.5\"", one.name());
        marker(LEGEND + 12, y, colour, one.hollow());
        svg.raw("</circle>\n");
    }

    /** Begins a circle. */
    private void marker(double x, double y, String colour, boolean hollow) {
        raw(
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\" stroke=\"%s\" stroke-width=\"1.5\">",
                x, y, hollow ? "#fff" : colour, colour);
    }

    private void legend(String style, String name) {
        line(LEGEND, legendY, LEGEND + 24, legendY, style);
        text(LEGEND + 32, legendY + 4.5, "text-anchor=\"start\"", name);
        legendY += LEGEND_LINE;
    }

    private void line(double x1, double y1, double x2, double y2, String style) {
        raw("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2, style);
    }

    private void polyline(List<double[]> places, String style) {
        raw("<polyline fill=\"none\" %s points=\"", style);
        places.forEach(place -> raw("%.1f,%.1f ", place[0], place[1]));
        svg.raw("\"/>\n");
    }

    private void text(double x, double y, String style, String text) {
        raw("<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style);
        svg.text(text);
        svg.raw("</text>\n");
    }

    private void raw(String format, Object... values) {
        svg.raw(String.format(Locale.ROOT, format, values));
    }
}
