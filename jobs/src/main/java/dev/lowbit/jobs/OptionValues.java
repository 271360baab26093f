package dev.lowbit.jobs;

import dev.lowbit.budget.BitBudget;
import dev.lowbit.error.InvalidRequestException;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;

/** Values of options that need more than a conversion; a bad one is a usage error which names its option. */
public final class OptionValues {
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

    /** A regular expression. */
    static Pattern pattern(String text) {
        try {
            return Pattern.compile(text);
        } catch (PatternSyntaxException e) {
            throw new TypeConversionException("'" + text + "' is no regular expression: " + e.getDescription());
        }
    }

    public static long atLeast(CommandSpec command, String option, long value, long least) {
        if (value < least) {
            throw new ParameterException(
                    command.commandLine(), option + " " + value + ": at least " + least + " is needed");
        }
        return value;
    }
}
