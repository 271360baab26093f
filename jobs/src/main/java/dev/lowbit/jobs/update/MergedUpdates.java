package dev.lowbit.jobs.update;

import dev.lowbit.compeft.CompressedUpdate;
import dev.lowbit.compeft.TernaryTensor;
import dev.lowbit.error.InvalidRequestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** Compressed updates as one, decoded and merged a tensor at a time. */
final class MergedUpdates implements UpdateValues {
    private final int updates;
    private final MergeRule rule;
    private final SortedMap<String, List<TernaryTensor>> tensors = new TreeMap<>();

    /**
     * @param updates at least one
     * @throws InvalidRequestException (impossible) when they have a tensor in different shapes
     */
    MergedUpdates(List<CompressedUpdate> updates, MergeRule rule) {
        this.updates = updates.size();
        this.rule = rule;
        for (CompressedUpdate update : updates) {
            for (TernaryTensor tensor : update.tensors()) {
                List<TernaryTensor> same = tensors.computeIfAbsent(tensor.name(), name -> new ArrayList<>());
                if (!same.isEmpty() && !same.getFirst().shape().equals(tensor.shape())) {
                    throw InvalidRequestException.impossible("tensor " + tensor.name() + " is "
                            + same.getFirst().shape() + " in one update and " + tensor.shape()
                            + " in another; merge updates of one base");
                }
                same.add(tensor);
            }
        }
    }

    @Override
    public Set<String> names() {
        return tensors.keySet();
    }

    @Override
    public List<Long> shape(String name) {
        return tensors.get(name).getFirst().shape();
    }

    @Override
    public MemorySegment values(String name, Arena arena) {
        List<TernaryTensor> same = tensors.get(name);
        MemorySegment floats = arena.allocate(same.getFirst().elements() * Float.BYTES, Float.BYTES);
        rule.merge(same, updates, floats);
        return floats;
    }
}
