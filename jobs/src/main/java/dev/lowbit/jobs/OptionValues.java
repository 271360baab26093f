package dev.lowbit.jobs;

import dev.lowbit.budget.BitBudget;
import dev.lowbit.error.InvalidRequestException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Values of options that need more than a conversion; a bad one is a usage error which names its option. */
final class OptionValues {
    private OptionValues() {}

    /** A positive size in bytes. */
    static long size(CommandSpec command, String option, String text) {
        long bytes;
        try {
            bytes = BitBudget.parseSize(text).bytes();
        } catch (InvalidRequestException e) {
            throw new ParameterException(command.commandLine(), option + ": " + e.getMessage());
        }
        return atLeast(command, option, bytes, 1);
    }

    static long atLeast(CommandSpec command, String option, long value, long least) {
        if (value < least) {
            throw new ParameterException(
                    command.commandLine(), option + " " + value + ": at least " + least + " is needed");
        }
        return value;
    }
}
