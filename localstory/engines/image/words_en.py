"""English words for what we can draw. A `?` after a word makes it a weak hint. Phrases are matched before their parts.

To add a language: copy this file, translate the values, never the keys, and add it to `lexicon.LANGUAGES`.
"""

from __future__ import annotations

SETTINGS = {
    "forest": (
        "forest, wood, woods, woodland, grove, thicket, pine trees, tall trees, among the trees, deep in the trees, treetop?, tree?, oak?, mushroom?, clearing?"
    ),
    "jungle": "jungle, rainforest, palm trees, vine, tropical, monkey?, parrot?, tiger?",
    "meadow": "meadow, field, grass, grassland, hill, hilltop, hillside, valley, pasture, clover, prairie, countryside, picnic?, butterfly?, kite?, path?",
    "village": "village, hamlet, cottage, well?, cottages, village square, neighbour?, neighbours?",
    "town": "town, city, street, alley, square, rooftops, rooftop, downtown, pavement, tower block, shop?, bus?, car?, crowd?",
    "market": "market, marketplace, market square, stall, fair, bazaar, market day, seller?, merchant?",
    "castle": "castle, palace, fortress, kingdom?, throne, tower?, knight?, king?, queen?, princess?, prince?, courtyard?",
    "mountains": "mountain, mountains, peak, cliff, summit, mountaintop, mountainside, climb?, climbed?, volcano, high pass",
    "beach": "beach, shore, seashore, seaside, sand?, sandcastle, shell?, crab?, coast, harbour, harbor, dock, tide?, lighthouse?, wave?",
    "sea": "sea, ocean, at sea, open sea, high seas, ship?, sail?, sailed?, boat?, sailor?, captain?, pirate?, waves?",
    "underwater": (
        "underwater, under water, under the water, under the sea, beneath the sea, beneath the waves, below the waves, bottom of the sea, "
        "sea floor, seabed, coral, reef, coral reef, deep blue sea, mermaid?, octopus?"
    ),
    "island": "island, desert island, palm tree?, lagoon",
    "river": "river, stream, brook, creek, riverbank, waterfall, river bank, bridge?, ferry?",
    "lake": "lake, pond, lakeside, swamp, marsh, lily pad, frog?, duck?, swan?",
    "desert": "desert, dune, dunes, oasis, camel?, cactus?, sandy land",
    "snow land": "north pole, south pole, arctic, iceberg, snowfield, glacier, igloo, frozen land, land of ice, penguin?, polar bear?, sled?",
    "cave": "cave, cavern, den, tunnel, mine, dungeon, underground, burrow, crystal?, bat?",
    "garden": "garden, backyard, yard, park, playground, orchard, greenhouse, flower?, flowers?, hedge?, fountain?, rose?, playground",
    "farm": "farm, barn, farmyard, barnyard, stable, cornfield, henhouse, haystack, farmhouse, tractor?, farmer?, cow?, sheep?, hen?, pig?",
    "bedroom": "bedroom, bed, pillow, blanket, bedtime, nursery, tucked?, asleep?, lullaby?, pajamas, attic",
    "kitchen": "kitchen, bakery, oven, stove, cook?, baked?, bake?, soup?, cake?, dinner?, breakfast?, bread?, restaurant, cafe",
    "living room": "living room, fireplace, house?, home?, room, armchair, sofa, hearth, inside the house, hall, indoors, cosy room, window?, door?, hallway",
    "school": "school, classroom, class, blackboard, lesson, teacher?, pupil?, homework?, desk?",
    "library": "library, bookshop, bookcase, bookshelf, shelf?, shelves?, books?, bookstore, study, museum",
    "workshop": (
        "workshop, garage, laboratory, lab, smithy, forge, workbench, shed, inventor?, tool?, tools?, hammer?, invention?, toy shop, "
        "machine?, clockmaker?, toymaker?"
    ),
    "space": "space, outer space, planet, galaxy, spaceship?, rocket?, astronaut?, comet, orbit, asteroid, milky way, spacecraft?, alien?",
    "moon": "on the moon, to the moon, moon's surface, surface of the moon, crater, moon base, lunar",
    "sky": (
        "up in the sky, into the sky, through the sky, across the sky, in the sky?, above the clouds, among the clouds, through the clouds, on a cloud, "
        "into the clouds, hot air balloon?, high above, "
        "flew over?, flying over?, airship?"
    ),
    "road": "road, highway, crossroads, lane, trail, railway, railway track, station, journey?, travelled?, traveled?, train?, cart?, wagon?",
}

TIMES = {
    "night": (
        "night, midnight, moonlight, moonlit, starlight, starry, nighttime, moon?, star?, stars?, bedtime, dark?, darkness?, dream?, "
        "lantern?, asleep?, goodnight, good night, owl?, firefly?, fireflies?, tonight"
    ),
    "evening": "evening, sunset, dusk, twilight, sundown, nightfall, sun set, sun was setting, sun went down, supper?, sun sets, setting sun, sun goes down",
    "dawn": (
        "dawn, sunrise, daybreak, sun rose, sun came up, first light, sun was rising, rising sun, cockcrow, sun rises, sun began to rise, "
        "sun comes up, sun peeked?"
    ),
    "morning": "morning, breakfast?, woke up?, woke?, good morning, rooster?",
    "day": "noon, midday, afternoon, daytime, sunny, sunshine, bright day, lunch?, blue sky, summer day, sun?, sunlight?, bright sun",
}

WEATHERS = {
    "storm": "storm, stormy, thunder, lightning, thunderstorm, hurricane, tempest, thunderclap, thundered",
    "snow": "snow, snowy, snowing, snowflake, blizzard, snowed, snowfall, snowstorm, snowball?, snowman?, sled?, sleigh?",
    "rain": "rain, rainy, raining, raindrop, drizzle, downpour, rained, shower, puddle?, umbrella?, pouring, wet?, soaked?",
    "rainbow": "rainbow",
    "fog": "fog, foggy, mist, misty, haze, hazy, smoke?",
    "wind": "wind, windy, breeze, gust, blew?, blowing?, gale, whirlwind, tornado, kite?",
    "clouds": "cloud, cloudy, overcast, grey sky, gray sky",
    "clear": "sunny, sunshine, clear sky, blue sky, bright sun, sun shone, sun was shining, sun shines, cloudless",
}

SEASONS = {
    "winter": "winter, christmas, snow?, snowy?, ice?, icy?, frost, frozen?, snowman?",
    "autumn": "autumn, in the fall, fall leaves, falling leaves, halloween, pumpkin?, harvest, acorn?, golden leaves, red leaves, dry leaves",
    "spring": "springtime, in spring, in the spring, spring day, spring morning, spring flowers, blossom, blossoms, easter, spring came, spring had come",
    "summer": "summer, summertime, summer day, hot day",
}

MOODS = {
    "scary": (
        "scared, afraid, scary, frightened, fear, terrified, terrible, monster?, ghost?, danger, dangerous, spooky, trembled, shivered?, "
        "scream, screamed, nightmare, horrible, growled, creepy, roared?"
    ),
    "sad": (
        "sad, cried, cry, tears, tear, lonely, alone?, unhappy, sorrow, sorry?, wept, sobbed, missed?, lost?, goodbye, upset, heartbroken, "
        "gloomy, crying, died, tired?, sadly"
    ),
    "angry": "angry, furious, rage, mad, shouted?, angrily",
    "happy": (
        "happy, happily, joy, joyful, laughed, laugh, smiled, smile, cheerful, party, celebrate, celebrated, danced, dance, fun, glad, "
        "delighted, hooray, friend?, friends?, love?, loved?, play?, played?, playing?, proud, thank?, wonderful, giggled, cheered, "
        "hugged, excited?, birthday"
    ),
    "calm": (
        "calm, quiet, quietly, peaceful, peacefully, gentle, gently, soft?, softly, slept, sleepy, rest, rested, still?, silence, silent, "
        "sleep?, sleeping?, asleep?, slowly?"
    ),
    "exciting": (
        "adventure, adventures, excited, exciting, brave, bravely, race, raced, ran?, flew?, chase, chased, fast?, battle, fight, fought, "
        "jumped?, leapt, rescue, treasure?, suddenly, hurried, explore, discover, discovered?"
    ),
    "mysterious": (
        "magic, magical, mysterious, mystery, strange, secret, secrets, enchanted, spell, wonder?, wondered?, whisper?, whispered?, "
        "glowing, glow, glowed, sparkle, shimmering, hidden, curious?, shadow?, shadows?, ancient, unknown"
    ),
}

PEOPLE = {
    "girl": "girl, young girl, little girl, daughter, sister, granddaughter, schoolgirl, lass, niece",
    "boy": "boy, young boy, little boy, son, brother, grandson, schoolboy, lad, nephew",
    "child": "child, kid, pupil, student, children, toddler",
    "baby": "baby, infant, newborn",
    "woman": "woman, lady, young woman, wife, aunt, bride, nurse, heroine, shopkeeper",
    "man": (
        "man, gentleman, young man, husband, uncle, groom, hero, stranger, traveler, traveller, villager, guard, merchant, hunter, "
        "woodcutter, painter, musician, villagers, people"
    ),
    "mother": "mother, mom, mum, mama, mommy, mummy, mam, parents",
    "father": "father, dad, papa, daddy",
    "old woman": "old woman, old lady, grandmother, grandma, granny, nana, elderly woman, old grandmother",
    "old man": (
        "old man, grandfather, grandpa, granddad, elderly man, hermit, old gentleman, keeper, lighthouse keeper, clockmaker, toymaker, "
        "watchmaker, shoemaker, wise man, old keeper"
    ),
    "king": "king, emperor, sultan",
    "queen": "queen, empress",
    "princess": "princess",
    "prince": "prince",
    "knight": "knight, knights, warrior",
    "wizard": "wizard, magician, sorcerer, mage",
    "witch": "witch, sorceress",
    "sailor": "sailor, seaman, crew",
    "captain": "captain, skipper, admiral",
    "pirate": "pirate, pirates, buccaneer",
    "farmer": "farmer, gardener, shepherd, farmer's wife, scarecrow",
    "fisherman": "fisherman, fishermen, angler",
    "cook": "cook, chef, baker, pastry cook",
    "soldier": "soldier, tin soldier, nutcracker",
    "teacher": "teacher, librarian, schoolteacher, professor",
    "doctor": "doctor, scientist, inventor, vet",
    "fairy": "fairy, pixie, sprite",
    "angel": "angel",
    "elf": "elf, elves, gnome, goblin, imp, leprechaun",
    "dwarf": "dwarf, dwarves",
    "giant": "giant, ogre, troll",
    "clown": "clown, jester, acrobat, juggler",
    "astronaut": "astronaut, spaceman, cosmonaut, space traveller",
    "mermaid": "mermaid",
}

ANIMALS = {
    "fox": "fox, vixen, fox cub",
    "dog": "dog, hound, doggy, sheepdog",
    "puppy": "puppy, pup, little dog",
    "cat": "cat, tomcat, kitty",
    "kitten": "kitten, little cat",
    "rabbit": "rabbit, bunny",
    "hare": "hare",
    "bear": "bear, teddy bear, bear cub, teddy, grizzly",
    "polar bear": "polar bear",
    "panda": "panda",
    "mouse": "mouse, mice",
    "rat": "rat, hamster, guinea pig",
    "wolf": "wolf, wolves, coyote",
    "lion": "lion, lioness, lion cub",
    "tiger": "tiger, leopard, panther, cheetah, jaguar",
    "deer": "deer, stag, fawn, doe, reindeer, moose, elk",
    "horse": "horse, stallion, mare, foal",
    "pony": "pony",
    "donkey": "donkey, mule",
    "unicorn": "unicorn, pegasus",
    "zebra": "zebra",
    "giraffe": "giraffe",
    "cow": "cow, calf, bull, ox, buffalo, oxen, water buffalo",
    "sheep": "sheep, lamb, ram",
    "goat": "goat, llama, alpaca",
    "pig": "pig, piglet, boar",
    "elephant": "elephant, mammoth",
    "squirrel": "squirrel, chipmunk",
    "hedgehog": "hedgehog, porcupine",
    "monkey": "monkey, ape, gorilla, chimpanzee, gibbon",
    "badger": "badger, skunk, mole",
    "beaver": "beaver",
    "otter": "otter, weasel",
    "raccoon": "raccoon",
    "camel": "camel",
    "hippo": "hippo, hippopotamus, rhino, rhinoceros",
    "kangaroo": "kangaroo, koala",
    "bird": "bird, sparrow, nightingale, bluebird, swallow, finch, songbird, birdie, seagull, gull, canary",
    "robin": "robin",
    "owl": "owl, owlet",
    "duck": "duck, drake",
    "duckling": "duckling",
    "goose": "goose, geese",
    "swan": "swan, cygnet",
    "hen": "hen, chicken, turkey",
    "rooster": "rooster, cockerel",
    "chick": "chick, baby bird",
    "crow": "crow, raven, magpie, blackbird",
    "eagle": "eagle, hawk, falcon, phoenix",
    "parrot": "parrot, toucan",
    "penguin": "penguin",
    "peacock": "peacock",
    "flamingo": "flamingo",
    "stork": "stork, heron, crane",
    "dove": "dove, pigeon",
    "dragon": "dragon, dragons, wyvern",
    "dinosaur": "dinosaur, dino, t rex",
    "monster": "monster, beast, creature, yeti, alien, furry creature",
    "ghost": "ghost, spirit, phantom",
    "robot": "robot, android, automaton",
    "snowman": "snowman, snowmen",
    "fish": "fish, goldfish, salmon, carp",
    "whale": "whale",
    "dolphin": "dolphin",
    "shark": "shark",
    "octopus": "octopus, squid, jellyfish",
    "crab": "crab, lobster",
    "seal": "seal, walrus, sea lion",
    "turtle": "turtle, tortoise",
    "frog": "frog, toad, tadpole",
    "snake": "snake, serpent, python, cobra",
    "crocodile": "crocodile, alligator",
    "snail": "snail, slug",
    "butterfly": "butterfly, moth, butterflies, caterpillar, dragonfly",
    "bee": "bee, bumblebee, honeybee, wasp",
    "ladybird": "ladybird, ladybug, beetle",
    "spider": "spider",
    "bat": "bat",
    "ant": "ant, cricket, grasshopper",
    "firefly": "firefly, fireflies, glow worm",
    "worm": "worm, earthworm",
}

PROPS = {
    "lantern": "lantern, lamp, streetlamp, street lamp, oil lamp, torch, light bulb, paper lantern",
    "book": "book, storybook, diary, notebook, books",
    "boat": "boat, rowboat, canoe, raft, little boat, sailboat",
    "ship": "ship, sailing ship, pirate ship, vessel",
    "tree": "tree, oak, oak tree, apple tree, willow, big tree, old tree",
    "house": "house, cottage, hut, cabin, home?, inn",
    "door": "door, doorway",
    "key": "key",
    "chest": "chest, treasure chest, treasure, box, wooden box, gift, present, toy box",
    "star": "star, falling star, shooting star",
    "balloon": "balloon, balloons",
    "hot air balloon": "hot air balloon, airship, zeppelin",
    "kite": "kite",
    "cake": "cake, birthday cake, pie, cupcake, muffin",
    "bread": "bread, loaf, bun",
    "egg": "egg",
    "flower": "flower, daisy, tulip, sunflower, blossom, rose, roses, lily, seedling, bouquet",
    "apple": "apple, fruit, pear, peach, cherry, berry, orange fruit, mango",
    "map": "map, treasure map, scroll",
    "letter": "letter, envelope, postcard, note",
    "crown": "crown, tiara",
    "sword": "sword, blade, dagger",
    "drum": "drum",
    "ball": "ball, football, beach ball",
    "basket": "basket, picnic basket, picnic",
    "candle": "candle, candles",
    "clock": "clock, grandfather clock, alarm clock",
    "watch": "pocket watch",
    "bell": "bell, church bell",
    "bridge": "bridge",
    "train": "train, locomotive, steam train, railway engine",
    "car": "car, automobile, taxi, truck, bus",
    "cart": "cart, wagon, carriage, wheelbarrow, sleigh",
    "sled": "sled, sledge",
    "rocket": "rocket, rocket ship, spaceship, spacecraft",
    "umbrella": "umbrella, parasol",
    "hat": "hat, cap, top hat, bonnet",
    "scarf": "scarf, shawl",
    "mirror": "mirror, looking glass",
    "bottle": "bottle, potion, jar, message in a bottle",
    "window": "window",
    "gate": "gate, garden gate, fence?",
    "stone": "stone, rock, boulder, pebble",
    "gem": "gem, jewel, diamond, ruby, crystal, emerald, pearl, magic stone, gold?",
    "nest": "nest",
    "feather": "feather, quill",
    "shell": "shell, seashell, conch",
    "fire": "fire, campfire, bonfire, flames",
    "tent": "tent, camp?",
    "mushroom": "mushroom, toadstool",
    "pumpkin": "pumpkin",
    "lighthouse": "lighthouse, beacon",
    "tower": "tower, bell tower",
    "windmill": "windmill, mill",
    "well": "well?, wishing well",
    "bed": "bed",
    "chair": "chair, armchair, stool, throne",
    "table": "table, desk",
    "cup": "cup, mug, teacup, glass of water, cup of tea, teapot",
    "bowl": "bowl, soup, pot, cauldron, porridge",
    "wand": "wand, magic wand",
    "guitar": "guitar, violin, fiddle, lute, ukulele",
    "flute": "flute, whistle, trumpet, horn",
    "snowflake": "snowflake",
    "ladder": "ladder, stairs?",
    "rope": "rope",
    "anchor": "anchor",
    "flag": "flag, banner",
    "telescope": "telescope, spyglass",
    "bicycle": "bicycle, bike, tricycle",
    "plane": "plane, airplane, aeroplane, aircraft",
    "swing": "swing, playground swing",
    "bucket": "bucket, pail, watering can",
    "broom": "broom, broomstick",
    "teddy": "teddy bear toy, doll, toy, toys",
    "carrot": "carrot, vegetable, turnip, radish",
    "honey": "honey, honey pot, honeypot",
    "fishing rod": "fishing rod, fishing pole",
    "music": "song, music, melody, tune",
    "heart": "heart?",
    "coin": "coin, coins, gold coin, penny",
    "paintbrush": "paintbrush, paint, brush?",
    "leaf": "leaf, leaves",
    "acorn": "acorn, nut, chestnut",
    "lily pad": "lily pad, lily pads, lotus",
    "cactus": "cactus, cacti",
    "pyramid": "pyramid",
    "igloo": "igloo",
    "christmas tree": "christmas tree",
    "sandcastle": "sandcastle, sand castle",
    "hammock": "hammock",
    "fountain": "fountain",
    "statue": "statue",
    "barrel": "barrel",
    "backpack": "backpack, bag, sack, suitcase",
}

POSES = {
    "sleep": "slept, sleep, sleeping, asleep, sleeps, dreamed, dreaming, dreamt, snored, snoring, napping, nap, dozed",
    "fly": "flew, fly, flying, flies, soared, soaring, floated, glided, hovered",
    "swim": "swam, swim, swimming, swims, dived, dive, diving, splashed",
    "run": "ran, run, running, runs, raced, chased, hurried, rushed, fled, dashed, galloped, escaped, racing, chasing",
    "jump": "jumped, jump, jumping, hopped, hopping, leapt, leaped, danced, dancing, dance, bounced, skipped, cheered, celebrated",
    "sit": "sat, sit, sitting, sits, waited, rested, seated, resting, cried, wept",
    "read": "read, reading, reads",
    "wave": "waved, wave hello, waving, greeted, said goodbye, shouted, called, hello, pointed",
    "hold": "held, holding, holds, carried, carrying, carries, picked up, took, brought, gave, lifted, found, opened, offered, lit, raised, showed",
    "walk": (
        "walked, walk, walking, walks, went, strolled, wandered, travelled, traveled, followed, crept, climbed, set off, came, goes, go, "
        "stepped, crossed, marched, tiptoed, journeyed, explored, wandering"
    ),
}

COLOURS = {
    "red": "red, scarlet, crimson",
    "orange": "orange",
    "yellow": "yellow",
    "gold": "golden, gold",
    "green": "green",
    "blue": "blue",
    "light blue": "light blue, sky-blue",
    "purple": "purple, violet",
    "pink": "pink",
    "brown": "brown",
    "black": "black",
    "white": "white",
    "grey": "grey, gray",
    "silver": "silver, silvery",
}

NUMBERS = {
    2: "two, pair of, couple of, both",
    3: "three, some, several, few, many, group of, flock of, lots of, all the",
    4: "four",
    5: "five, six, seven, eight, nine, ten, hundreds of",
}

NOT = (
    "no, not, without, never, neither, nor, none, hardly, isn't, wasn't, weren't, aren't, don't, didn't, doesn't, couldn't, instead of, rather than, no longer"
)
LIKE = "like, as, than"
DETERMINERS = (
    "a, an, the, his, her, its, their, my, our, your, one, two, three, four, this, that, some, every, each, another, little, big, old, "
    "young, small, baby, great, brown, white, black, red, grey, friendly, brave, of"
)
# Drawn only after a determiner or an adjective: they are verbs or other words too ("could not bear", "the sun rose").
VERBS_TOO = (
    "bear, duck, fly, bat, rose, fish, train, ring, seal, crane, swallow, star, cook, guard, ram, mole, ape, box, ball, drum, brush, "
    "swing, note, present, book, bark, well, ship, chest, horn, light, tear, park, nut, toy, rest, class, play, robin, mine, fair, "
    "ape, moth, shed, study, slug"
)

SHE = "she, her, hers, herself"
HE = "he, him, his, himself"
IT = "it, its, itself"
THEY = "they, them, their, both, together, friends"
HELD = "held, holding, holds, carried, carrying, carries, with his, with her, in his hand, in her hand, picked up, brought, lifted, took"
