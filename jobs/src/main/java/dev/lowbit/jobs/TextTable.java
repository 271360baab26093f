package dev.lowbit.jobs;

import dev.lowbit.checkpoint.OneLine;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A table in plain text: texts to the left, numbers to the right, columns as wide as their widest cell. */
public final class TextTable {
    private final List<String> headings;
    private final List<List<String>> rows = new ArrayList<>();

    /** @param headings of the columns; one that begins with {@code >} is of numbers */
    public TextTable(String... headings) {
        this.headings = List.of(headings);
    }

    /** Adds a row with one cell for every column; a cell may be text from a file, whose control characters are shown escaped. */
    public void row(String... cells) {
        if (cells.length != headings.size()) {
            throw new IllegalArgumentException(cells.length + " cells for " + headings.size() + " columns");
        }
        rows.add(Arrays.stream(cells).map(OneLine::of).toList());
    }

    /** Prints headings and rows. */
    public void print(PrintStream out) {
        List<String> titles = headings.stream()
                .map(h -> h.startsWith(">") ? h.substring(1) : h)
                .toList();
        int[] widths = new int[titles.size()];
        for (int column = 0; column < widths.length; column++) {
            widths[column] = titles.get(column).length();
            for (List<String> row : rows) {
                widths[column] = Math.max(widths[column], row.get(column).length());
            }
        }
        out.println(line(titles, widths));
        rows.forEach(row -> out.println(line(row, widths)));
    }

    private String line(List<String> cells, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int column = 0; column < widths.length; column++) {
            String padding = " ".repeat(widths[column] - cells.get(column).length());
            line.append(column == 0 ? "" : "  ")
                    .append(
                            headings.get(column).startsWith(">")
                                    ? padding + cells.get(column)
                                    : cells.get(column) + padding);
        }
        return line.toString().stripTrailing();
    }
}
