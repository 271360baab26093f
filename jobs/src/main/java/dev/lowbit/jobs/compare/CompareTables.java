package dev.lowbit.jobs.compare;

import dev.lowbit.jobs.TextTable;
import dev.lowbit.jobs.compare.CompareResult.Model;
import dev.lowbit.jobs.compare.CompareResult.Row;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/** A comparison as tables: plain text and Markdown to read, with rounded figures; CSV to go on with, with all digits. */
public final class CompareTables {
    private static final String[] HEADINGS = {
        "method", ">asked", ">bits", ">perplexity", ">KL to float", ">top-1", "tuned", "Pareto", "remark"
    };

    private static final String CSV_HEADINGS =
            "model,method,askedBits,tuned,bytes,bitsPerWeight,tokens,perplexity,perplexityStdErr,klDivergence,"
                    + "klDivergenceStdErr,top1Agreement,pareto,impossible";

    private CompareTables() {}

    /** Prints one table for each model. */
    public static void print(PrintStream out, CompareResult result) {
        for (Model model : result.models()) {
            out.println(model.name());
            TextTable table = new TextTable(HEADINGS);
            cells(model).forEach(table::row);
            table.print(out);
            out.println();
        }
    }

    static String markdown(CompareResult result) {
        StringBuilder text = new StringBuilder();
        for (Model model : result.models()) {
            text.append("## ").append(escaped(model.name())).append("\n\n");
            text.append("![perplexity over bits](<").append(model.name()).append(".svg>)\n\n|");
            StringBuilder rule = new StringBuilder("|");
            for (String heading : HEADINGS) {
                boolean isNumber = heading.startsWith(">");
                text.append(' ')
                        .append(isNumber ? heading.substring(1) : heading)
                        .append(" |");
                rule.append(isNumber ? "--:|" : "---|");
            }
            text.append('\n').append(rule).append('\n');
            for (String[] cells : cells(model)) {
                text.append('|');
                for (String cell : cells) {
                    text.append(' ').append(escaped(cell)).append(" |");
                }
                text.append('\n');
            }
            text.append('\n');
        }
        return text.toString();
    }

    private static String escaped(String text) {
        return text.replace("|", "\\|");
    }

    private static List<String[]> cells(Model model) {
        List<String[]> all = new ArrayList<>();
        all.add(cells("float", "", model.figures(), "", "", ""));
        for (Row row : model.results()) {
            all.add(cells(
                    row.method(),
                    Cell.number(row.askedBits()),
                    row.figures(),
                    row.tuned() ? "yes" : "no",
                    row.pareto() ? "yes" : "no",
                    row.impossible().orElse("")));
        }
        return all;
    }

    private static String[] cells(
            String method, String asked, Figures figures, String tuned, String pareto, String remark) {
        return new String[] {
            method,
            asked,
            rounded("%.4f", figures.bitsPerWeight()),
            rounded("%.4f", figures.perplexity()),
            rounded("%.4f", figures.klDivergence()),
            rounded(
                    "%.1f %%",
                    figures.top1Agreement().isPresent()
                            ? OptionalDouble.of(100 * figures.top1Agreement().getAsDouble())
                            : OptionalDouble.empty()),
            tuned,
            pareto,
            remark
        };
    }

    private static String rounded(String format, OptionalDouble value) {
        return value.isPresent() ? String.format(Locale.ROOT, format, value.getAsDouble()) : "";
    }

    /** Lines as RFC 4180 has them, but for the ends, which are those of Unix. */
    static String csv(CompareResult result) {
        StringBuilder text = new StringBuilder(CSV_HEADINGS).append('\n');
        for (Model model : result.models()) {
            line(text, model.name(), "float", "", "", model.figures(), "", "");
            for (Row row : model.results()) {
                line(
                        text,
                        model.name(),
                        row.method(),
                        Cell.number(row.askedBits()),
                        Boolean.toString(row.tuned()),
                        row.figures(),
                        Boolean.toString(row.pareto()),
                        row.impossible().orElse(""));
            }
        }
        return text.toString();
    }

    private static void line(
            StringBuilder text,
            String model,
            String method,
            String asked,
            String tuned,
            Figures figures,
            String pareto,
            String impossible) {
        List<String> fields = List.of(
                model,
                method,
                asked,
                tuned,
                exact(figures.bytes()),
                exact(figures.bitsPerWeight()),
                exact(figures.tokens()),
                exact(figures.perplexity()),
                exact(figures.perplexityStdErr()),
                exact(figures.klDivergence()),
                exact(figures.klDivergenceStdErr()),
                exact(figures.top1Agreement()),
                pareto,
                impossible);
        text.append(fields.stream().map(CompareTables::quoted).collect(Collectors.joining(",")))
                .append('\n');
    }

    private static String quoted(String field) {
        return field.matches("[^\",\r\n]*") ? field : '"' + field.replace("\"", "\"\"") + '"';
    }

    private static String exact(OptionalDouble value) {
        return value.isPresent() ? Double.toString(value.getAsDouble()) : "";
    }

    private static String exact(OptionalLong value) {
        return value.isPresent() ? Long.toString(value.getAsLong()) : "";
    }
}
