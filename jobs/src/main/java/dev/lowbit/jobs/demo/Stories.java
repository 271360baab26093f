package dev.lowbit.jobs.demo;

import static dev.lowbit.jobs.demo.StoryWords.ANIMALS;
import static dev.lowbit.jobs.demo.StoryWords.BOYS;
import static dev.lowbit.jobs.demo.StoryWords.BUILDINGS;
import static dev.lowbit.jobs.demo.StoryWords.COLORS;
import static dev.lowbit.jobs.demo.StoryWords.DRINKS;
import static dev.lowbit.jobs.demo.StoryWords.ELDERS;
import static dev.lowbit.jobs.demo.StoryWords.FEELINGS;
import static dev.lowbit.jobs.demo.StoryWords.FOODS;
import static dev.lowbit.jobs.demo.StoryWords.GIRLS;
import static dev.lowbit.jobs.demo.StoryWords.HOMES;
import static dev.lowbit.jobs.demo.StoryWords.INGREDIENTS;
import static dev.lowbit.jobs.demo.StoryWords.MATERIALS;
import static dev.lowbit.jobs.demo.StoryWords.NATURES;
import static dev.lowbit.jobs.demo.StoryWords.PLACES;
import static dev.lowbit.jobs.demo.StoryWords.SAD;
import static dev.lowbit.jobs.demo.StoryWords.SPOTS;
import static dev.lowbit.jobs.demo.StoryWords.STORMS;
import static dev.lowbit.jobs.demo.StoryWords.TOYS;
import static dev.lowbit.jobs.demo.StoryWords.WEATHERS;

import dev.lowbit.linalg.RandomStream;
import java.util.List;

/**
 * Writes simple children's stories from a seed. Names, pronouns, toys, foods and places come back later in a story, so that a
 * model that reads far enough back predicts them and one that does not cannot.
 */
final class Stories {
    private final RandomStream random;
    private final StringBuilder text = new StringBuilder();
    private final Figure hero;
    private final Figure friend;
    private final String color;
    private final String toy;
    private final String place;

    /** Somebody in a story, with the words that stand for them. */
    private record Figure(String name, String kind, String he, String his, String him) {
        String start() {
            return capital(he);
        }
    }

    private Stories(RandomStream random) {
        this.random = random;
        hero = figure("");
        friend = figure(hero.name);
        color = pick(COLORS);
        toy = pick(TOYS);
        place = pick(PLACES);
    }

    /** Story number {@code index} of a collection, one paragraph without a line end. */
    static String story(long seed, String collection, int index) {
        return new Stories(RandomStream.of(seed, "demo.story." + index, collection)).tell();
    }

    /** Stories from number {@code first} on, an empty line between two, until the text has {@code characters}. */
    static String text(long seed, String collection, int first, int characters) {
        StringBuilder all = new StringBuilder();
        for (int index = first; all.length() < characters; index++) {
            all.append(story(seed, collection, index)).append("\n\n");
        }
        return all.toString();
    }

    private String tell() {
        open();
        switch ((int) (random.nextDouble() * 7)) {
            case 0 -> loseAndFind();
            case 1 -> share();
            case 2 -> helpAnimal();
            case 3 -> build();
            case 4 -> bake();
            case 5 -> swap();
            default -> storm();
        }
        return text.toString().strip();
    }

    private String pick(List<String> words) {
        return words.get((int) (random.nextDouble() * words.size()));
    }

    private String other(List<String> words, String than) {
        String word = pick(words);
        while (word.equals(than)) {
            word = pick(words);
        }
        return word;
    }

    private boolean coin() {
        return random.nextDouble() < 0.5;
    }

    private Figure figure(String not) {
        boolean girl = coin();
        String name = other(girl ? GIRLS : BOYS, not);
        String kind = random.nextDouble() < 0.3 ? pick(ANIMALS) : girl ? "girl" : "boy";
        return girl ? new Figure(name, kind, "she", "her", "her") : new Figure(name, kind, "he", "his", "him");
    }

    /** Adds one of several ways to say a thing. */
    private void say(String... ways) {
        text.append(ways[(int) (random.nextDouble() * ways.length)]).append(' ');
    }

    private static String capital(String words) {
        return Character.toUpperCase(words.charAt(0)) + words.substring(1);
    }

    private static String a(String words) {
        return ("aeiou".indexOf(words.charAt(0)) >= 0 ? "an " : "a ") + words;
    }

    private void open() {
        String nature = pick(NATURES);
        say(
                "Once upon a time, there was " + a(nature + " " + hero.kind) + " named " + hero.name + ".",
                "There once was " + a(nature + " " + hero.kind) + " called " + hero.name + ".",
                "In a land far away, " + hero.name + " the " + nature + " " + hero.kind + " was born.");
        String home = pick(HOMES);
        say(
                hero.start() + " lived in " + home + ".",
                hero.start() + " lived in " + home + " with " + hero.his + " " + pick(ELDERS) + ".",
                hero.name + " had " + home + " and many friends.");
        if (coin()) {
            say(
                    hero.name + " was always " + pick(FEELINGS) + ".",
                    "Every day " + hero.he + " dreamed of " + pick(PLACES) + ".",
                    "Most of all, " + hero.name + " liked " + pick(FOODS) + ".");
        }
    }

    private void ownToy() {
        String thing = a(color + " " + toy);
        say(
                hero.name + " had " + thing + ", and " + hero.he + " loved it very much.",
                "On " + hero.his + " birthday, " + hero.name + " got " + thing + ".",
                hero.start() + " found " + thing + " " + pick(SPOTS) + " and kept it.",
                capital(hero.his) + " " + pick(ELDERS) + " made " + thing + " for " + hero.him + ".");
    }

    private void go() {
        String day = "One " + pick(WEATHERS) + " ";
        say(
                day + "day, " + hero.name + " went to " + place + ".",
                day + "morning, " + hero.name + " walked to " + place + " to play.",
                day + "afternoon, " + hero.name + " ran all the way to " + place + ".");
    }

    private void meet() {
        String nature = pick(NATURES);
        say(
                "There " + hero.he + " met " + hero.his + " friend " + friend.name + ", "
                        + a(nature + " " + friend.kind) + ".",
                hero.start() + " saw " + friend.name + " the " + friend.kind + " and waved to " + friend.him + ".",
                capital(a(nature + " " + friend.kind)) + " named " + friend.name + " was there too.",
                "\"Hello, " + hero.name + "!\" called " + friend.name + " the " + friend.kind + ".");
    }

    private void feel(Figure who, List<String> feelings) {
        String feeling = pick(feelings);
        say(
                who.name + " was very " + feeling + ".",
                "This made " + who.name + " " + feeling + ".",
                who.name + " felt " + feeling + " and did not know what to say.");
    }

    private void end(String moral) {
        say(
                moral,
                "From that day on, " + hero.name + " and " + friend.name + " were the best of friends.",
                hero.name + " told the story to " + hero.his + " " + pick(ELDERS) + ", who smiled.");
    }

    private void loseAndFind() {
        String spot = pick(SPOTS);
        String wrong = other(SPOTS, spot);
        String thing = color + " " + toy;
        ownToy();
        go();
        say(
                "But when " + hero.he + " wanted to go home, the " + thing + " was gone.",
                "But after lunch " + hero.he + " could not find the " + toy + ".",
                "Then " + hero.name + " fell over a stone and lost the " + toy + ".");
        feel(hero, SAD);
        say(
                "Then " + friend.name + " the " + friend.kind + " came along.",
                "Just then " + friend.name + ", " + a(pick(NATURES) + " " + friend.kind) + ", came by.");
        say(
                "\"Why are you crying, " + hero.name + "?\" asked " + friend.name + ".",
                "\"What is wrong?\" asked " + friend.name + ".");
        say(
                "\"I lost my " + thing + ",\" said " + hero.name + ". \"Can you help me?\"",
                "\"My " + thing + " is gone,\" said " + hero.name + ".");
        say(
                "They looked " + wrong + ", but the " + toy + " was not there.",
                "First they searched " + wrong + ", but they found only " + pick(MATERIALS) + ".");
        say(
                "Then " + friend.name + " looked " + spot + ", and there was the " + thing + "!",
                "At last " + hero.name + " saw the " + thing + " " + spot + ".");
        say(
                "\"Thank you, " + friend.name + "!\" said " + hero.name + " and hugged " + friend.him + ".",
                hero.name + " thanked " + friend.name + " and gave " + friend.him + " some " + pick(FOODS) + ".");
        end(hero.name + " never lost " + hero.his + " " + toy + " again.");
    }

    private void share() {
        ownToy();
        go();
        meet();
        say(
                friend.name + " looked at the " + color + " " + toy + " and sighed.",
                friend.name + " had nothing to play with.");
        say(
                "\"I wish I had " + a(toy) + " too,\" said " + friend.name + ".",
                "\"What a nice " + toy + " you have,\" said " + friend.name + ".");
        feel(friend, SAD);
        say(
                "\"You can play with my " + toy + ",\" said " + hero.name + ". \"It is more fun together.\"",
                hero.name + " thought for a while and gave " + friend.him + " the " + toy + ".");
        say(
                "So " + hero.name + " and " + friend.name + " played with the " + color + " " + toy + " all day.",
                "They took turns with the " + toy + " until the sun went down.");
        end(hero.name + " learned that it is good to share.");
    }

    private void helpAnimal() {
        String animal = pick(ANIMALS);
        String nature = pick(List.of("tiny", "young", "gray", "hungry", "old", "white"));
        String spot = pick(SPOTS);
        go();
        say(
                "Suddenly " + hero.he + " heard a sound. It was " + a(nature + " " + animal) + " that was stuck " + spot
                        + ".",
                "There was " + a(nature + " " + animal) + " " + spot + ", and it could not move.");
        say("\"Please help me,\" said the " + animal + ".", "The " + animal + " cried for help.");
        say(
                hero.name + " called " + hero.his + " friend " + friend.name + ", and together they pulled and pulled.",
                friend.name + " the " + friend.kind + " heard it too, and they pulled together.");
        say("At last the " + animal + " was free.", "It took a long time, but then the " + animal + " was free.");
        say(
                "\"Thank you, " + hero.name + " and " + friend.name + ",\" said the " + nature + " " + animal + ".",
                "The " + nature + " " + animal + " jumped for joy.");
        say(
                "The " + animal + " gave them " + a(color + " " + toy) + " as a present.",
                "Then the " + animal + " showed them where " + a(color + " " + toy) + " was.");
        say(
                "They took the " + color + " " + toy + " home and were proud.",
                "They took turns with the " + color + " " + toy + ".");
        end(hero.name + " was happy that " + hero.he + " had helped the " + animal + ".");
    }

    private void build() {
        String building = pick(BUILDINGS);
        String first = pick(MATERIALS);
        String second = other(MATERIALS, first);
        String bare = building.substring(2);
        go();
        meet();
        say(
                "\"Let us build " + building + ",\" said " + friend.name + ".",
                friend.name + " wanted to build " + building + " with " + hero.name + ".");
        say(
                "They worked with " + first + " and " + second + " until the " + bare + " was almost done.",
                hero.name + " brought " + first + ", and " + friend.name + " brought " + second + ".");
        String storm = pick(STORMS);
        say(
                "But the " + storm + " came, and the " + bare + " fell down.",
                "Then there was a lot of " + storm + ", and it broke the " + bare + ".");
        feel(friend, SAD);
        say(
                "\"We can try again,\" said " + hero.name + ". \"We need more " + second + ".\"",
                "But " + hero.name + " said, \"Do not give up. The " + storm + " will not come back.\"");
        say(
                "So they took the " + first + " and the " + second + " and built a better " + bare + ".",
                "They started again, and the new " + bare + " was even bigger.");
        say(
                "When it was done, they put " + a(color + " " + toy) + " on top of the " + bare + ".",
                "Everybody came to " + place + " to see the " + bare + ".");
        end(hero.name + " learned never to give up.");
    }

    private void bake() {
        String food = pick(FOODS);
        String elder = pick(ELDERS);
        String first = pick(INGREDIENTS);
        String second = other(INGREDIENTS, first);
        say(
                "It was the birthday of " + hero.his + " " + elder + ".",
                "The " + elder + " of " + hero.name + " was sick in bed.");
        say(
                hero.name + " wanted to make " + food + " for " + hero.his + " " + elder + ".",
                "\"I will make " + food + " for my " + elder + ",\" said " + hero.name + ".");
        say(
                hero.start() + " had " + first + ", but " + hero.he + " had no " + second + ".",
                "In the kitchen " + hero.he + " found " + first + ", but no " + second + ".");
        say(
                "So " + hero.he + " went to " + friend.name + " the " + friend.kind + ".",
                "So " + hero.he + " walked to " + place + " to ask " + friend.name + ".");
        say(
                "\"Do you have " + second + "?\" asked " + hero.name + ". \"I want to make " + food + ".\"",
                "\"I need " + second + " for my " + food + ",\" said " + hero.name + ".");
        say(
                "\"Yes, take all the " + second + " you need,\" said " + friend.name + ".",
                friend.name + " gave " + hero.him + " a " + pick(COLORS) + " bag with " + second + ".");
        say(
                "They mixed the " + first + " and the " + second + " and waited.",
                "At home, " + hero.name + " put " + first + " and " + second + " in a big pot.");
        say("The " + food + " smelled wonderful.", "Soon the whole house smelled of " + food + ".");
        say(
                "\"This is the best " + food + " ever,\" said " + hero.his + " " + elder + " and smiled.",
                "The " + elder + " ate all the " + food + " and was happy.");
        end("They all ate the " + food + " together, and " + hero.name + " was happy.");
    }

    private void swap() {
        String otherColor = other(COLORS, color);
        String otherToy = other(TOYS, toy);
        ownToy();
        go();
        meet();
        say(
                friend.name + " had " + a(otherColor + " " + otherToy) + ".",
                "In " + friend.his + " bag was " + a(otherColor + " " + otherToy) + ".");
        say(
                "\"I like your " + toy + ",\" said " + friend.name + ". \"Do you want my " + otherToy + "?\"",
                "\"Let us swap,\" said " + friend.name + ". \"My " + otherToy + " for your " + toy + ".\"");
        say(
                "So " + hero.name + " gave " + friend.name + " the " + color + " " + toy + " and took the " + otherColor
                        + " " + otherToy + ".",
                hero.name + " said yes, and went home with the " + otherColor + " " + otherToy + ".");
        say(
                "But at night " + hero.name + " missed " + hero.his + " " + toy + ".",
                "But the " + otherToy + " was not as good as the " + toy + ".");
        feel(hero, SAD);
        say(
                "The next day " + hero.he + " went to " + friend.name + ". \"Can I have my " + color + " " + toy
                        + " back?\" asked " + hero.name + ".",
                "So " + hero.he + " went back to " + place + " with the " + otherColor + " " + otherToy + ".");
        say(
                "\"Of course,\" said " + friend.name + ". \"I missed my " + otherColor + " " + otherToy + " too.\"",
                friend.name + " laughed and gave " + hero.him + " the " + color + " " + toy + ".");
        end("Then they played with the " + toy + " and the " + otherToy + ".");
    }

    private void storm() {
        String elder = pick(ELDERS);
        String storm = pick(STORMS);
        String drink = pick(DRINKS);
        ownToy();
        go();
        meet();
        say(
                "They played with the " + toy + " near " + place + " and laughed a lot.",
                hero.name + " showed " + friend.him + " the " + color + " " + toy + ".");
        say(
                "Then the sky became dark, and the " + storm + " came.",
                "But in the evening the " + storm + " was so loud that they had to stop.");
        say(
                "\"I am afraid of the " + storm + ",\" said " + friend.name + ".",
                friend.name + " hid " + pick(SPOTS) + " because of the " + storm + ".");
        say(
                "\"Hold my hand, " + friend.name + ",\" said " + hero.name + ". \"We will run home.\"",
                hero.name + " took " + friend.name + " by the hand, and they ran home.");
        say(
                "At home, " + hero.his + " " + elder + " gave them " + drink + ".",
                "The " + elder + " of " + hero.name + " was waiting with " + drink + ".");
        say(
                "They drank the " + drink + " and listened to the " + storm + ".",
                "The " + drink + " was good, and soon the " + storm + " was over.");
        end(hero.name + " held the " + color + " " + toy + " and fell asleep.");
    }
}
