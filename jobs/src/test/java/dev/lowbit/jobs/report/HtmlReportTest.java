package dev.lowbit.jobs.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.jobs.compress.JobResult;
import dev.lowbit.jobs.compress.MatrixResult;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HtmlReportTest {
    @TempDir
    private Path folder;

    /** Well-formed as XML (apart from the document type), so no tag is left open and no name breaks out of its text. */
    @Test
    void namesFromFilesAreEscaped() throws Exception {
        String hostile = "a\"><script>alert('x')</script>&.weight";
        MatrixResult matrix = new MatrixResult(
                hostile, 2, 3, "lq-lora", "nf3-g64-f16", 0, 9, 12.0, OptionalDouble.of(0.5), OptionalDouble.of(0.25));
        JobResult result = new JobResult(
                "lq-lora",
                6,
                12.0,
                11.0,
                9,
                9,
                Optional.empty(),
                100,
                OptionalDouble.of(0.5),
                OptionalDouble.of(0.25),
                OptionalDouble.of(0.125),
                Optional.of("hessian"),
                1,
                1,
                0,
                1.5,
                OptionalLong.of(1 << 20),
                List.of(),
                List.of("odd <file>"),
                List.of(matrix));
        Path file = folder.resolve("r.html");
        HtmlReport.write(file, result, "<model>", 2);
        String page = Files.readString(file);
        assertThat(page).doesNotContain("<script>").contains("&lt;script&gt;").contains("odd &lt;file&gt;");
        String xml = page.replace("<!DOCTYPE html>", "").replace("<meta charset=\"utf-8\">", "");
        var parser = javax.xml.parsers.DocumentBuilderFactory.newInstance().newDocumentBuilder();
        assertThat(parser.parse(new org.xml.sax.InputSource(new StringReader(xml)))
                        .getElementsByTagName("svg")
                        .getLength())
                .isEqualTo(3);
    }

    @Test
    void compressWritesItAndVerifyAcceptsItInTheOutput() throws Exception {
        Path model = SampleModels.llama(folder.resolve("model"));
        Path out = folder.resolve("out");
        Path report = out.resolve("report.html");
        Lowbit run =
                Lowbit.run("compress", model, "--out", out, "--bits", 5, "--rank", 2, "--report", report, "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(Files.readString(report))
                .contains("model.layers.1.mlp.down_proj.weight")
                .doesNotContain("http://", "https://", "<script", "src=");
        assertThat(Lowbit.run("verify", out).code()).isZero();
        Lowbit refused = Lowbit.run(
                "compress", model, "--out", folder.resolve("o2"), "--bits", 5, "--report", folder.resolve("o2/x.html"));
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("only report.html");
    }
}
