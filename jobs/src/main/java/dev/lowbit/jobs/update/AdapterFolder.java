package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.AdapterConfig;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.StrictJson;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.compeft.UpdateTensor;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.MemoryCap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * A folder in the layout of PEFT.
 *
 * @param path the folder
 * @param config its adapter_config.json
 */
public record AdapterFolder(Path path, Map<String, Object> config) {
    /** What the configuration is called. */
    public static final String CONFIG = "adapter_config.json";
    /** What the weights are called. */
    public static final String WEIGHTS = "adapter_model.safetensors";

    private static final String PICKLE = "adapter_model.bin";
    private static final String TARGETS = "target_modules";

    /** Whether a folder has the configuration of an adapter. */
    static boolean isIn(Path path) {
        return Files.isRegularFile(path.resolve(CONFIG));
    }

    /**
     * Reads the configuration.
     *
     * @throws MalformedFileException when it is no JSON object
     * @throws UnsupportedModelException when it is no adapter of LoRA: others do not begin at 0
     */
    static AdapterFolder open(Path path) {
        Path file = path.resolve(CONFIG);
        Limits limits = Limits.defaults();
        AdapterFolder folder = new AdapterFolder(path, StrictJson.readObject(file, limits.maxConfigBytes(), limits));
        Object type = folder.config.get("peft_type");
        if (!"LORA".equals(type)) {
            throw new UnsupportedModelException(
                    file + ": peft_type is " + type + "; adapters of LORA are read, whose factors begin at 0");
        }
        return folder;
    }

    /** Opens the weights. */
    Checkpoint weights() {
        boolean pickled = Files.notExists(path.resolve(WEIGHTS)) && Files.exists(path.resolve(PICKLE));
        // a pickle is refused with what to do about it
        return Checkpoint.open(path.resolve(pickled ? PICKLE : WEIGHTS));
    }

    /**
     * All tensors as an update.
     *
     * @param arena keeps the values, mapped
     * @throws MalformedFileException BAD_ADAPTER when configuration and tensors contradict one another
     */
    FoundUpdate update(MemoryCap cap, Arena arena) {
        try (Checkpoint weights = weights()) {
            List<UpdateTensor> tensors = new ArrayList<>();
            long bytes = 0;
            long values = 0;
            Map<String, List<Long>> shapes = new LinkedHashMap<>();
            for (String name : weights.names()) {
                TensorInfo info = weights.info(name);
                shapes.put(name, info.shape());
                bytes += info.byteSize();
                values += info.elements();
            }
            // factors of fused experts, which are targeted as parameters, are of other shapes and of no target module
            if (!(config.get("target_parameters") instanceof List<?> parameters) || parameters.isEmpty()) {
                LoraModules.check(AdapterConfig.read(path.resolve(CONFIG), Limits.defaults()), shapes);
            }
            cap.require(bytes + FoundUpdate.memoryBytes(values, 0), "this adapter", "use a larger machine");
            for (String name : weights.names()) {
                TensorInfo info = weights.info(name);
                MemorySegment data = weights.map(name, arena);
                UpdateTensor tensor = new UpdateTensor(name, info.type(), info.shape(), data);
                try (Arena passing = Arena.ofConfined()) {
                    StoredFloats.widened(info.file(), name, info.type(), data, passing);
                }
                tensors.add(tensor);
            }
            return new FoundUpdate(tensors, bytes, Optional.empty(), warnings(weights.names()));
        }
    }

    private List<String> warnings(List<String> names) {
        List<String> whole =
                names.stream().filter(name -> !LoraModules.isFactor(name)).toList();
        return whole.isEmpty()
                ? List.of()
                : List.of(
                        path.resolve(WEIGHTS) + ": " + whole.size() + " of " + names.size()
                                + " tensors are no factors of LoRA (" + whole.getFirst()
                                + " is one) and did not begin at 0: they are replaced by signs all the same, and share the scale");
    }

    /** Fields in which another adapter is configured differently; {@code target_modules} is a set, which PEFT writes in any order. */
    Set<String> differences(AdapterFolder other) {
        Map<String, Object> mine = comparable();
        Map<String, Object> others = other.comparable();
        Set<String> fields = new TreeSet<>(mine.keySet());
        fields.addAll(others.keySet());
        fields.removeIf(field -> Objects.equals(mine.get(field), others.get(field)));
        return fields;
    }

    private Map<String, Object> comparable() {
        Map<String, Object> fields = new LinkedHashMap<>(config);
        fields.computeIfPresent(TARGETS, (name, value) -> value instanceof List<?> list ? new HashSet<>(list) : value);
        return fields;
    }
}
