package dev.lowbit.cuda.check;

import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** The result of a check, as it grows. */
final class Report {
    private final String device;
    private final String started;
    private final Map<String, Double> failures = new LinkedHashMap<>();
    private final Map<String, List<Map<String, Object>>> measured = new LinkedHashMap<>();
    private int compared;
    private double worst;
    private String worstCase = "";
    private String deviceFailure;

    /** @param started date and time */
    Report(String device, String started) {
        this.device = device;
        this.started = started;
    }

    /** @param error in units of its bound */
    void compared(String name, double error) {
        compared++;
        if (!(error <= 1)) {
            failures.put(name, error);
        } else if (error >= worst) {
            worst = error;
            worstCase = name;
        }
    }

    int compared() {
        return compared;
    }

    /** What was wrong, with its error in units of its bound. */
    Map<String, Double> failures() {
        return failures;
    }

    /** @param rows numbers and strings by name */
    void add(String part, List<Map<String, Object>> rows) {
        measured.put(part, new ArrayList<>(rows));
    }

    List<Map<String, Object>> measured(String part) {
        return measured.get(part);
    }

    void deviceFailed(String message) {
        deviceFailure = message;
    }

    /** Whether the device failed before all was done. */
    boolean endedEarly() {
        return deviceFailure != null;
    }

    String json() {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = new JsonFactory().createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeStringProperty("device", device);
            json.writeStringProperty("started", started);
            json.writeStringProperty("java", System.getProperty("java.vm.version"));
            if (deviceFailure != null) {
                json.writeStringProperty("deviceFailure", deviceFailure);
            }
            json.writeName("parity");
            json.writeStartObject();
            json.writeNumberProperty("comparisons", compared);
            json.writeNumberProperty("wrong", failures.size());
            json.writeNumberProperty("largestErrorInBounds", worst);
            json.writeStringProperty("largestErrorOf", worstCase);
            json.writeName("failures");
            json.writeStartObject();
            failures.forEach((name, error) -> write(json, name, error));
            json.writeEndObject();
            json.writeEndObject();
            measured.forEach((part, rows) -> {
                json.writeName(part);
                json.writeStartArray();
                for (Map<String, Object> row : rows) {
                    json.writeRaw("\n");
                    json.writeStartObject();
                    row.forEach((name, value) -> write(json, name, value));
                    json.writeEndObject();
                }
                json.writeEndArray();
            });
            json.writeEndObject();
        }
        return text + "\n";
    }

    private static void write(JsonGenerator json, String name, Object value) {
        switch (value) {
            case String string -> json.writeStringProperty(name, string);
            case Integer number -> json.writeNumberProperty(name, number);
            case Long number -> json.writeNumberProperty(name, number);
            // JSON has no infinity.
            case Double number when Double.isFinite(number) -> json.writeNumberProperty(name, number);
            case Double number -> json.writeStringProperty(name, number.toString());
            default -> throw new IllegalArgumentException(name + " is a " + value.getClass());
        }
    }
}
