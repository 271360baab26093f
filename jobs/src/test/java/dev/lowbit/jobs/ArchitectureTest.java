package dev.lowbit.jobs;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Holds the arrows of docs/architecture.md: they point down only. */
class ArchitectureTest {
    /** Test classes of quant-core arrive in a jar, which the predefined option does not recognise as tests. */
    private static final ImportOption NO_TEST_JARS = location -> !location.contains("-tests.jar");

    private static final JavaClasses LOWBIT = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(NO_TEST_JARS)
            .importPackages("dev.lowbit");

    private static final String[] METHODS = {
        "dev.lowbit.lqlora..", "dev.lowbit.pvtuning..", "dev.lowbit.sketchtune..", "dev.lowbit.int2lrec.."
    };
    /**
     * ComPEFT lives in the module of a method and is none: it compresses no matrices, so no {@code ServiceLoader} finds it behind {@code Compressor}. It is a
     * form of updates, which jobs read and write by name like the other forms of files; methods, core and transformer do not know it.
     */
    private static final String UPDATES = "dev.lowbit.compeft..";

    private static final String[] CORE = {
        "dev.lowbit.tensor..",
        "dev.lowbit.error..",
        "dev.lowbit.kernel..",
        "dev.lowbit.linalg..",
        "dev.lowbit.codebook..",
        "dev.lowbit.matrix..",
        "dev.lowbit.importance..",
        "dev.lowbit.method..",
        "dev.lowbit.budget..",
        "dev.lowbit.checkpoint..",
        "dev.lowbit.device..",
        "dev.lowbit.store.."
    };

    /** A provider of devices: found by {@code ServiceLoader}, named by nobody. */
    private static final String CUDA = "dev.lowbit.cuda..";

    @Test
    void coreKnowsNoMethodAndNoJob() {
        noClasses()
                .that()
                .resideInAnyPackage(CORE)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(METHODS)
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage(UPDATES, "dev.lowbit.jobs..", "dev.lowbit.transformer..", "dev.lowbit.bench..")
                .check(LOWBIT);
    }

    @Test
    void devicesKnowTheCoreOnlyAndNobodyKnowsThem() {
        noClasses()
                .that()
                .resideInAPackage(CUDA)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(METHODS)
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage(UPDATES, "dev.lowbit.jobs..", "dev.lowbit.transformer..", "dev.lowbit.bench..")
                .check(LOWBIT);
        noClasses()
                .that()
                .resideOutsideOfPackage(CUDA)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(CUDA)
                .check(LOWBIT);
    }

    @Test
    void updatesKnowTheCoreOnly() {
        noClasses()
                .that()
                .resideInAPackage(UPDATES)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(METHODS)
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.lowbit.jobs..", "dev.lowbit.transformer..", "dev.lowbit.bench..")
                .check(LOWBIT);
    }

    @Test
    void methodsKnowNeitherEachOtherNorWhatStandsAbove() {
        for (String method : METHODS) {
            String[] others = java.util.Arrays.stream(METHODS)
                    .filter(m -> !m.equals(method))
                    .toArray(String[]::new);
            noClasses()
                    .that()
                    .resideInAPackage(method)
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(others)
                    .orShould()
                    .dependOnClassesThat()
                    .resideInAnyPackage(UPDATES, "dev.lowbit.jobs..", "dev.lowbit.transformer..", "dev.lowbit.bench..")
                    .allowEmptyShould(true)
                    .check(LOWBIT);
        }
    }

    @Test
    void transformerKnowsNeitherMethodsNorJobs() {
        noClasses()
                .that()
                .resideInAPackage("dev.lowbit.transformer..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(METHODS)
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage(UPDATES, "dev.lowbit.jobs..", "dev.lowbit.bench..")
                .allowEmptyShould(true)
                .check(LOWBIT);
    }

    @Test
    void jobsMeetMethodsOnlyThroughTheCore() {
        noClasses()
                .that()
                .resideInAPackage("dev.lowbit.jobs..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(METHODS)
                .check(LOWBIT);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("dev.lowbit.(*)..").should().beFreeOfCycles().check(LOWBIT);
    }

    @Test
    void coreDependsOnTheJdkFastutilAndJacksonCoreOnly() {
        noClasses()
                .that()
                .resideInAnyPackage(CORE)
                .should()
                .dependOnClassesThat()
                .resideOutsideOfPackages(
                        "dev.lowbit..",
                        "java..",
                        "jdk.incubator.vector..",
                        "it.unimi.dsi.fastutil..",
                        "tools.jackson.core..")
                .check(LOWBIT);
    }

    @Test
    void libraryNeverExitsTheProcess() {
        noClasses()
                .that()
                .resideInAnyPackage(CORE)
                .should()
                .callMethod(System.class, "exit", int.class)
                .check(LOWBIT);
    }
}
