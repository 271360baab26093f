package dev.lowbit.jobs.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.jobs.report.LinePlot.Content;
import dev.lowbit.jobs.report.LinePlot.Point;
import dev.lowbit.jobs.report.LinePlot.Series;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class LinePlotTest {
    private static final Series ONE = new Series("one", List.of(new Point(2, 40), new Point(3, 8)), 0, false);
    private static final Series OTHER = new Series("<&\">", List.of(new Point(2.5, 9)), 7, true);

    private static Content content(List<Series> series, List<Point> steps) {
        return new Content("a <model>", "bits", "perplexity", series, "float", 5, "front", steps);
    }

    private static Document parsed(Content content) throws Exception {
        return DocumentBuilderFactory.newDefaultNSInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(LinePlot.svg(content))));
    }

    private static List<Element> elements(Document svg, String name) {
        NodeList nodes = svg.getElementsByTagNameNS("http://www.w3.org/2000/svg", name);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            elements.add((Element) nodes.item(i));
        }
        return elements;
    }

    private static double number(Element element, String attribute) {
        return Double.parseDouble(element.getAttribute(attribute));
    }

    /** Markers with a title; those of the legend have none. */
    private static List<Element> points(Document svg) {
        return elements(svg, "circle").stream()
                .filter(circle -> circle.getFirstChild() instanceof Element)
                .toList();
    }

    /** The rectangle of the axes, behind the background. */
    private static Element frame(Document svg) {
        return elements(svg, "rect").get(1);
    }

    private static void requireInside(Document svg) {
        Element frame = frame(svg);
        double left = number(frame, "x");
        double top = number(frame, "y");
        for (Element point : points(svg)) {
            assertThat(number(point, "cx")).isBetween(left, left + number(frame, "width"));
            assertThat(number(point, "cy")).isBetween(top, top + number(frame, "height"));
        }
    }

    @Test
    void drawsEveryPointInsideOfTheAxes() throws Exception {
        Document svg = parsed(content(List.of(ONE, OTHER), List.of(new Point(2, 40), new Point(2.5, 9))));
        assertThat(points(svg)).hasSize(3);
        requireInside(svg);
        assertThat(elements(svg, "polyline"))
                .as("a line each, and the staircase")
                .hasSize(3);
        assertThat(elements(svg, "line").stream().filter(line -> line.hasAttribute("stroke-dasharray")))
                .as("the level and its legend")
                .hasSize(2);
        assertThat(elements(svg, "text").stream().map(Element::getTextContent))
                .contains("a <model>", "bits", "perplexity", "one", "<&\">", "float", "front", "5", "10", "20");
        assertThat(points(svg).get(2).getTextContent().strip()).isEqualTo("<&\">: 2.5000, 9.0000");
    }

    /** Equal ratios are equally high, and larger values stand higher. */
    @Test
    void theVerticalAxisIsLogarithmic() throws Exception {
        List<Point> powers = List.of(new Point(1, 1), new Point(2, 10), new Point(3, 100));
        List<Element> circles = points(parsed(content(List.of(new Series("s", powers, 0, false)), List.of())));
        double first = number(circles.get(0), "cy") - number(circles.get(1), "cy");
        double second = number(circles.get(1), "cy") - number(circles.get(2), "cy");
        assertThat(first).isPositive().isCloseTo(second, within(0.11));
    }

    @ParameterizedTest
    @CsvSource({"3, 5", "3, 5.001", "1, 1e9", "1e-3, 0.2", "4, 1e300"})
    void anyRangeHasItsTicks(double x, double y) throws Exception {
        Document svg = parsed(content(List.of(new Series("s", List.of(new Point(x, y)), 0, false)), List.of()));
        requireInside(svg);
        assertThat(elements(svg, "line")).as("ticks").hasSizeBetween(8, 340);
    }

    @Test
    void nothingToDrawIsAnEmptyPlot() throws Exception {
        assertThat(points(parsed(content(List.of(), List.of())))).isEmpty();
    }

    @Test
    void theSameInEveryLocale() {
        Content content = content(List.of(ONE, OTHER), List.of());
        String expected = LinePlot.svg(content);
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
            assertThat(LinePlot.svg(content)).isEqualTo(expected);
        } finally {
            Locale.setDefault(before);
        }
    }
}
