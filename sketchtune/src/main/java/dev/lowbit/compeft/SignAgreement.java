package dev.lowbit.compeft;

/**
 * How the signs of several updates meet, in numbers of entries.
 *
 * @param untouched zero in all updates
 * @param single not zero in exactly one
 * @param agreed not zero in several, all with the same sign
 * @param opposed positive in one and negative in another
 */
public record SignAgreement(long untouched, long single, long agreed, long opposed) {
    SignAgreement plus(SignAgreement other) {
        return new SignAgreement(
                untouched + other.untouched, single + other.single, agreed + other.agreed, opposed + other.opposed);
    }
}
