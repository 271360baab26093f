package dev.lowbit.jobs;

import dev.lowbit.checkpoint.Temporaries;
import dev.lowbit.jobs.commands.BenchCommand;
import dev.lowbit.jobs.commands.CalibrateCommand;
import dev.lowbit.jobs.commands.CompareCommand;
import dev.lowbit.jobs.commands.CompressCommand;
import dev.lowbit.jobs.commands.DemoCommand;
import dev.lowbit.jobs.commands.DoctorCommand;
import dev.lowbit.jobs.commands.EvaluateCommand;
import dev.lowbit.jobs.commands.ExportCommand;
import dev.lowbit.jobs.commands.GenerateCommand;
import dev.lowbit.jobs.commands.ImportCommand;
import dev.lowbit.jobs.commands.InspectCommand;
import dev.lowbit.jobs.commands.PlanCommand;
import dev.lowbit.jobs.commands.TuneCommand;
import dev.lowbit.jobs.commands.VerifyCommand;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** The {@code lowbit} command: the table of its subcommands, and how a failure becomes one line and an exit code. */
@Command(
        name = "lowbit",
        description = "Compresses the weights of language models to 1-4 bits and proves how good the result is.",
        versionProvider = Version.class,
        synopsisSubcommandLabel = "COMMAND",
        footer = {"", "lowbit COMMAND --help explains a command."})
public final class Main implements Callable<Integer> {
    /** To add a command: one class, one line here. */
    private static final List<Function<Console, Callable<Integer>>> COMMANDS = List.of(
            DemoCommand::new,
            CalibrateCommand::new,
            CompressCommand::new,
            PlanCommand::new,
            EvaluateCommand::new,
            GenerateCommand::new,
            InspectCommand::new,
            VerifyCommand::new,
            ExportCommand::new,
            ImportCommand::new,
            TuneCommand::new,
            CompareCommand::new,
            BenchCommand::new,
            DoctorCommand::new);

    @Spec
    private CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "Explain this command and exit.")
    private boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Print version, JDK and SIMD width and exit.")
    private boolean version;

    @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Print the stack of a failure.")
    private boolean debug;

    private Main() {}

    /** Runs the command and exits the process with its code. */
    public static void main(String[] args) {
        Stderr.restore();
        PrintStream out = stream(FileDescriptor.out);
        PrintStream err = stream(FileDescriptor.err);
        Console console = new Console(out, err, Stderr.isTerminal());
        Thread hook = new Thread(() -> reportInterrupt(console), "lowbit-interrupted");
        Runtime.getRuntime().addShutdownHook(hook);
        int code = run(args, console);
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the process is already going down because of a signal, which decides the exit code
            return;
        }
        System.exit(code);
    }

    /**
     * Runs the command in this process.
     *
     * @param out receives results
     * @param err receives progress, notes and errors
     * @return the exit code, see {@link ExitCodes}
     */
    public static int run(String[] args, PrintStream out, PrintStream err) {
        return run(args, new Console(out, err, false));
    }

    private static int run(String[] args, Console console) {
        Main main = new Main();
        CommandLine commandLine = commandLine(main, console);
        commandLine
                .setOut(writer(console.out()))
                .setErr(writer(console.err()))
                .setColorScheme(CommandLine.Help.defaultColorScheme(Ansi.OFF))
                .setUsageHelpWidth(100)
                .setExpandAtFiles(false)
                .setParameterExceptionHandler((e, arguments) -> main.usageFailure(e, console))
                .setExecutionExceptionHandler((e, source, parsed) -> main.failure(e, console));
        int code;
        try {
            code = commandLine.execute(args);
        } catch (Error e) {
            code = main.failure(e, console);
        }
        if (console.out().checkError() && code == ExitCodes.OK) {
            console.err().println("lowbit: standard output could not be written");
            code = ExitCodes.IO;
        }
        console.err().flush();
        return code;
    }

    /** The whole tree of commands, for running and for checking the documentation. */
    static CommandLine commandLine(Console console) {
        return commandLine(new Main(), console);
    }

    private static CommandLine commandLine(Main main, Console console) {
        CommandLine commandLine = new CommandLine(main);
        for (Function<Console, Callable<Integer>> command : COMMANDS) {
            commandLine.addSubcommand(command.apply(console));
        }
        return commandLine.registerConverter(Pattern.class, OptionValues::pattern);
    }

    @Override
    public Integer call() {
        throw new ParameterException(spec.commandLine(), "a command is needed");
    }

    private int usageFailure(ParameterException e, Console console) {
        if (e.getCause() != null && ExitCodes.of(e.getCause()) != ExitCodes.BUG) {
            return failure(e.getCause(), console);
        }
        String command = e.getCommandLine().getCommandSpec().qualifiedName();
        List<String> suggestions = e instanceof UnmatchedArgumentException u ? u.getSuggestions() : List.of();
        String hint = suggestions.isEmpty() ? "" : ", did you mean " + String.join(" or ", suggestions) + "?";
        console.err()
                .println(command + ": " + FailureMessage.oneLine(e.getMessage()) + hint + "; see " + command
                        + " --help.");
        printStack(e, console);
        return ExitCodes.USAGE;
    }

    private int failure(Throwable failure, Console console) {
        if (console.isInterrupted()) {
            return ExitCodes.INTERRUPTED;
        }
        console.err().println("lowbit: " + FailureMessage.of(failure));
        printStack(failure, console);
        return ExitCodes.of(failure);
    }

    private void printStack(Throwable failure, Console console) {
        if (debug) {
            failure.printStackTrace(console.err());
        }
    }

    private static void reportInterrupt(Console console) {
        console.interrupted();
        console.err().println();
        console.err()
                .println("lowbit: interrupted"
                        + (console.interruptHint().isEmpty() ? "" : "; " + console.interruptHint()));
        console.err().flush();
        // whatever a job can go on with is in its work directory; the rest would lie there hidden
        Temporaries.abandon();
        // the same code for every signal
        Runtime.getRuntime().halt(ExitCodes.INTERRUPTED);
    }

    /** UTF-8 whatever the locale, because JSON is. */
    private static PrintStream stream(FileDescriptor descriptor) {
        return new PrintStream(
                new BufferedOutputStream(new FileOutputStream(descriptor)), true, StandardCharsets.UTF_8);
    }

    private static PrintWriter writer(PrintStream stream) {
        return new PrintWriter(stream, true, StandardCharsets.UTF_8);
    }
}
