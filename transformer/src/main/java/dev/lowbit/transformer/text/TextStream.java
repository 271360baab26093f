package dev.lowbit.transformer.text;

import java.util.Arrays;

/** Turns ids into text as they come. What could still change is held back: the bytes of a character that is not complete. */
public final class TextStream {
    /** Ids that are decoded anew with each further one before older ones are left out. */
    private static final int WINDOW = 64;

    /** Ids that stay, at least. */
    private static final int KEPT = 8;

    /** Most bytes of a character, which is the most tokens one can be spread over. */
    private static final int MOST_PENDING = 4;

    private final Tokenizer tokenizer;
    private int[] window;
    private String written;
    private int pending;

    /** @param before ids in front of the text, whose own text is not given */
    public TextStream(Tokenizer tokenizer, int... before) {
        this.tokenizer = tokenizer;
        this.window = before.clone();
        this.written = tokenizer.decode(window);
    }

    /** The text that is certain now and was not before; may be empty. */
    public String next(int id) {
        window = Arrays.copyOf(window, window.length + 1);
        window[window.length - 1] = id;
        String text = tokenizer.decode(window);
        pending++;
        if (text.endsWith("\uFFFD") && pending < MOST_PENDING) {
            return "";
        }
        return advance(text);
    }

    /** What was held back, incomplete characters as U+FFFD. */
    public String end() {
        return advance(tokenizer.decode(window));
    }

    private String advance(String text) {
        String added = text.substring(Math.min(written.length(), text.length()));
        pending = 0;
        written = text;
        if (window.length > WINDOW) {
            leaveOut(text);
        }
        return added;
    }

    /**
     * Cuts the window where a character begins. A run of tokens of single bytes is text as a whole or not at all, so that one which begins
     * within a character would be lost to its end. Where there is no such place near the end all ids stay, until there is one.
     */
    private void leaveOut(String text) {
        for (int kept = KEPT; kept < KEPT + MOST_PENDING; kept++) {
            int[] last = Arrays.copyOfRange(window, window.length - kept, window.length);
            String end = tokenizer.decode(last);
            if (!end.startsWith("\uFFFD") && text.endsWith(end)) {
                window = last;
                written = end;
                return;
            }
        }
    }
}
