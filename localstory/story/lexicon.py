"""English word lists for reading an idea: who can be a hero, what is a place, how verbs go into the past. Data only."""

from __future__ import annotations

DETERMINERS = frozenset(
    "a an the this that these those his her its their our my your some any every each one two three four five six seven eight nine ten many several few another no".split()
)

# Function words: they end a noun phrase and are nobody's noun.
STOP = frozenset(
    (
        "a an the and or but nor so yet for of in on at to from with without into onto over under through across around about against between among behind before "
        "after during near by off up down out as than then like who whom whose which that where when while why how what if because until since although though "
        "i you he she it we they me him her us them his hers its our ours their theirs my mine your yours himself herself itself themselves myself yourself "
        "this these those there here is are was were be been being am do does did done has have had having will would can could shall should may might must "
        "not no never always often sometimes again also too very quite just only even still already once upon ever together away back along inside outside "
        "named called all both each every some any many more most much few several other another such own same every everyone everybody someone something "
        "anything nothing somebody one's until towards toward past above below beyond within upon beside besides despite except via per story tale about "
        "every"
    ).split()
)

# base: third person, past. Regular ones are made by rule; these are not regular, or worth stating.
_IRREGULAR = """be:is:was become:becomes:became begin:begins:began bend:bends:bent bite:bites:bit blow:blows:blew break:breaks:broke bring:brings:brought
build:builds:built burn:burns:burned buy:buys:bought catch:catches:caught choose:chooses:chose climb:climbs:climbed come:comes:came cut:cuts:cut dig:digs:dug
do:does:did draw:draws:drew dream:dreams:dreamed drink:drinks:drank drive:drives:drove eat:eats:ate fall:falls:fell feed:feeds:fed feel:feels:felt fight:fights:fought
find:finds:found fly:flies:flew forget:forgets:forgot freeze:freezes:froze get:gets:got give:gives:gave go:goes:went grow:grows:grew have:has:had hear:hears:heard
hide:hides:hid hold:holds:held keep:keeps:kept know:knows:knew lead:leads:led learn:learns:learned leave:leaves:left lend:lends:lent let:lets:let light:lights:lit
lose:loses:lost make:makes:made mean:means:meant meet:meets:met pay:pays:paid put:puts:put read:reads:read ride:rides:rode ring:rings:rang rise:rises:rose run:runs:ran
say:says:said see:sees:saw sell:sells:sold send:sends:sent set:sets:set sew:sews:sewed shake:shakes:shook shine:shines:shone show:shows:showed shut:shuts:shut
sing:sings:sang sink:sinks:sank sit:sits:sat sleep:sleeps:slept slide:slides:slid speak:speaks:spoke spend:spends:spent stand:stands:stood steal:steals:stole
stick:sticks:stuck sweep:sweeps:swept swim:swims:swam swing:swings:swung take:takes:took teach:teaches:taught tell:tells:told think:thinks:thought
throw:throws:threw understand:understands:understood wake:wakes:woke wear:wears:wore weave:weaves:wove win:wins:won write:writes:wrote"""

_REGULAR = """answer arrive ask awaken bake balance befriend believe belong borrow bounce brave brew brush bury call care carry carve change chase cheer clean
collect comfort compete complain connect conquer continue cook count crawl create cross cry dance dare decide defeat defend deliver desire destroy discover
disappear dive dress drop drown earn embark enter enjoy escape explore fail fear fetch fill finish fix float flow follow forgive gather glow greet grant guard guess guide happen
hate heal help hope hug hunt imagine inherit invent invite join journey juggle jump kiss knit knock land laugh leap like listen live look love magic march marry mend miss move need
notice offer open order own pack paint pass phone pick plan plant play plead pour practice practise pray prepare pretend protect prove pull push race rain reach
realise realize receive refuse remember repair rescue rest return reveal roam roll row rush sail save scare search seek serve settle share shout skate ski smile sneak solve
spot stare start stay steer step stop study stumble summon surprise survive talk tame tidy tie touch trade train travel trick trip try turn uncover use visit wait walk
wander want warn wash watch water welcome whisper whistle wish wonder work worry wrestle yearn arrange adopt admire"""

_DOUBLING = frozenset("drop grab hug plan skip slip spot step stop tap trap trip wrap".split())


def _regular(base: str) -> tuple[str, str]:
    if base.endswith(("s", "sh", "ch", "x", "z", "o")):
        third = base + "es"
    elif base.endswith("y") and base[-2] not in "aeiou":
        third = base[:-1] + "ies"
    else:
        third = base + "s"
    if base.endswith("e"):
        past = base + "d"
    elif base.endswith("y") and base[-2] not in "aeiou":
        past = base[:-1] + "ied"
    elif base in _DOUBLING:
        past = base + base[-1] + "ed"
    else:
        past = base + "ed"
    return third, past


PAST_OF: dict[str, str] = {
    "is": "was",
    "are": "were",
    "am": "was",
    "has": "had",
    "does": "did",
    "can": "could",
    "will": "would",
    "seek": "sought",
    "seeks": "sought",
}
"""Present forms, third person and base, -> past."""
BASE_OF: dict[str, str] = {}
"""Any form -> base."""

for _entry in _IRREGULAR.split():
    _base, _third, _past = _entry.split(":")
    for _form in (_base, _third):
        PAST_OF.setdefault(_form, _past)
    for _form in (_base, _third, _past):
        BASE_OF.setdefault(_form, _base)
for _base in _REGULAR.split():
    _third, _past = _regular(_base)
    for _form in (_base, _third):
        PAST_OF.setdefault(_form, _past)
    for _form in (_base, _third, _past):
        BASE_OF.setdefault(_form, _base)

THIRD_PERSON = frozenset(form for form in PAST_OF if form.endswith("s"))
PAST_FORMS = frozenset(PAST_OF.values())
VERBS = frozenset(BASE_OF) | frozenset(PAST_OF) | frozenset("been done gone lost made stuck torn worn".split())

SHE = frozenset(
    "girl woman lady princess queen mother mom mum grandmother grandma granny sister daughter aunt witch fairy mermaid waitress actress ballerina heroine goddess nun hen cow".split()
)
HE = frozenset(
    "boy man gentleman prince king father dad grandfather grandpa brother son uncle wizard sailor knight fisherman hero monk rooster bull giant snowman".split()
)

PEOPLE = (
    SHE
    | HE
    | frozenset(
        "child children kid kids baby friend friends twin twins person people sailor pirate farmer baker teacher doctor nurse artist painter musician singer "
        "dancer gardener shepherd hunter inventor scientist explorer astronaut detective captain chef cook tailor shoemaker blacksmith carpenter clown magician "
        "librarian student neighbour neighbor stranger traveller traveler traveler keeper guard soldier hero heroine villager orphan emperor fisher miller postman "
        "pilot driver builder clockmaker watchmaker potter weaver poet writer storyteller acrobat".split()
    )
)

ANIMALS = frozenset(
    "fox dog puppy cat kitten rabbit bunny hare bear cub mouse mice rat bird sparrow robin owl crow raven duck duckling goose swan hen rooster chicken chick turkey "
    "parrot penguin eagle hawk pigeon dove peacock flamingo fish goldfish whale dolphin shark seal otter octopus squid crab lobster jellyfish starfish turtle tortoise "
    "frog toad lizard gecko snake crocodile horse pony donkey foal cow calf bull buffalo sheep lamb goat kid pig piglet elephant lion lioness tiger leopard monkey "
    "ape gorilla giraffe zebra hippo rhino camel llama kangaroo koala panda wolf wolves deer fawn moose squirrel hedgehog beaver badger mole bat butterfly "
    "caterpillar bee bumblebee ant spider snail worm ladybug ladybird firefly cricket grasshopper dragonfly beetle hamster raccoon skunk sloth animal animals creature".split()
)

CREATURES = frozenset(
    "dragon unicorn ghost monster robot robots snowman giant dwarf elf gnome goblin troll ogre fairy mermaid phoenix griffin yeti alien wizard witch genie spirit "
    "angel scarecrow doll teddy toy puppet dinosaur golem vampire werewolf zombie pixie sprite android machine".split()
)

ANIMATE = PEOPLE | ANIMALS | CREATURES

PLACES = frozenset(
    "forest wood woods jungle meadow field valley hill mountain mountains village town city street road path castle palace tower farm garden park house home cottage "
    "cabin hut kitchen room bedroom attic cellar school classroom library museum theatre theater market shop bakery station harbour harbor port beach sea ocean "
    "lake river stream waterfall pond swamp island desert cave cavern mine volcano sky cloud clouds moon star stars space planet world kingdom land country north "
    "pole snow ice bridge lighthouse ship boat train hospital church temple zoo circus playground yard orchard vineyard well bay coast cliff canyon tree treehouse "
    "underworld underwater seabed reef igloo tent camp workshop factory".split()
)

THINGS_ALIVE_WHEN_ALONE = frozenset(
    "cloud star moon sun tree teapot clock car train boat kite balloon pencil shoe sock book lamp lantern spoon snowflake raindrop leaf".split()
)
"""Things that can carry a story by themselves when an idea has nobody else ("a cloud who is afraid of heights")."""

NAMES: dict[str, tuple[str, ...]] = {
    "she": ("Lina", "Mara", "Nell", "Tilly", "Rosa", "Ada", "Ivy", "Hana", "Wren", "Pia"),
    "he": ("Tom", "Ben", "Otto", "Finn", "Leo", "Sam", "Milo", "Hugo", "Nico", "Theo"),
}
"""Names for heroes that have none, by pronoun: short, easy to say for an English voice."""
