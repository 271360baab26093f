package dev.lowbit.transformer.text;

import dev.lowbit.SharedData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The figures in the README of the shared models. */
final class ModelTables {
    private static final Pattern PERPLEXITY = Pattern.compile("(?:ppl )?([0-9.]+)\\W*$");

    private ModelTables() {}

    /** One figure: a model's perplexity under a column. */
    record Figure(Path model, String column, double perplexity) {
        @Override
        public String toString() {
            return model.getFileName() + " " + column;
        }
    }

    static String readme() {
        try {
            return Files.readString(SharedData.folder("models").resolve("README.md"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Every figure of the table whose first column is {@code model} and that has a column beginning so; dashes are left out, and rows whose
     * model is not among the shared ones. There must be such a table.
     */
    static List<Figure> figures(String column) {
        List<String> lines = readme().lines().toList();
        List<Figure> figures = new ArrayList<>();
        boolean found = false;
        for (int i = 0; i < lines.size(); i++) {
            List<String> headings = cells(lines.get(i));
            if (headings.getFirst().equals("model") && headings.stream().anyMatch(h -> h.startsWith(column))) {
                found = true;
                for (int row = i + 2; row < lines.size() && lines.get(row).startsWith("|"); row++) {
                    addRow(headings, cells(lines.get(row)), figures);
                }
            }
        }
        if (!found) {
            throw new IllegalStateException("no table with a column " + column);
        }
        return figures;
    }

    private static void addRow(List<String> headings, List<String> cells, List<Figure> figures) {
        String name = cells.getFirst().replaceAll("\\W*\\(.*|,.*| .*", "");
        Path model = SharedData.folder("models").resolve(name);
        if (!Files.isDirectory(model)) {
            return;
        }
        for (int c = 1; c < cells.size(); c++) {
            Matcher perplexity = PERPLEXITY.matcher(cells.get(c));
            if (perplexity.find()) {
                figures.add(new Figure(model, headings.get(c), Double.parseDouble(perplexity.group(1))));
            }
        }
    }

    /** The figures that a text gives in pairs {@code name value}, separated by commas. */
    static Map<String, Double> pairs(String text) {
        Map<String, Double> pairs = new LinkedHashMap<>();
        Matcher pair = Pattern.compile("(\\w+) ([0-9]+\\.[0-9]+)").matcher(text);
        while (pair.find()) {
            pairs.put(pair.group(1), Double.parseDouble(pair.group(2)));
        }
        return pairs;
    }

    private static List<String> cells(String line) {
        String[] cells = line.replaceAll("^\\|", "").split("\\|");
        return Arrays.stream(cells).map(String::strip).toList();
    }
}
