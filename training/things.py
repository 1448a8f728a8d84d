"""The things the little model can draw: emoji, name, plural, natural colour, other names.

A preset takes the first N: the curated ones come first, the rest follow in the order of `MORE`, named by Unicode.
Scenes sample from here, captions take the words, glyphs the emoji.
"""

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
    """One drawable thing.

    `natural` is the colour adjective that fits the glyph as it is (None: none does), `paintable` whether colour
    adjectives make sense (a rainbow has no colour of its own).
    """

    name: str
    emoji: str
    plural: str
    natural: str | None = None
    synonyms: tuple[str, ...] = ()
    paintable: bool = True


# name | emoji | natural colour | synonyms | irregular plural
_CURATED = """
apple|🍎|red|
frog|🐸|green|toad
cat|🐱|yellow|kitten,kitty,cat face
dog|🐶||puppy,doggy,dog face
fish|🐠|yellow|tropical fish|fish
heart|❤|red|love heart
star|⭐|yellow|
tree|🌳|green|oak
house|🏠||home,cottage
car|🚗|red|automobile
sun|🌞|yellow|sunshine
moon|🌙|yellow|crescent moon
flower|🌸|pink|blossom
rose|🌹|red|
cake|🎂||birthday cake
pizza|🍕||slice of pizza,pizza slice
banana|🍌|yellow|
strawberry|🍓|red||strawberries
mushroom|🍄|red|toadstool
butterfly|🦋|orange||butterflies
bird|🐦|blue|
owl|🦉||
fox|🦊|orange||foxes
penguin|🐧||
whale|🐳|blue|
octopus|🐙||kraken|octopuses
bee|🐝|yellow|honeybee,bumblebee
turtle|🐢|green|tortoise
ghost|👻|white|spook
robot|🤖||android
rocket|🚀||spaceship
boat|⛵||sailboat,ship,sailing boat
bicycle|🚲||bike
umbrella|☔|blue|parasol
book|📕|red|
gift|🎁||present,gift box
balloon|🎈|red|
bell|🔔|yellow|
key|🔑|yellow|
lemon|🍋|yellow|
cherry|🍒|red||cherries
carrot|🥕|orange|
cactus|🌵|green||cactuses
snowman|⛄|white||snowmen
rainbow|🌈!||
cloud|☁||
guitar|🎸|red|electric guitar
crown|👑|yellow|
pumpkin|🎃|orange|jack o lantern,halloween pumpkin
rabbit|🐰|white|bunny,hare
panda|🐼||panda bear
lion|🦁||
pig|🐷|pink|piglet
unicorn|🦄|white|
crab|🦀|orange|
diamond|💎|blue|gem,jewel
watermelon|🍉|red|melon
pineapple|🍍||
grapes|🍇|purple|bunch of grapes|grapes
pear|🍐|green|
avocado|🥑|green|
corn|🌽|yellow|maize|corn
burger|🍔||hamburger,cheeseburger
donut|🍩||doughnut
ice cream|🍦||ice cream cone
lollipop|🍭||lolly
cheese|🧀|yellow||cheeses
cupcake|🧁||muffin
bread|🍞||loaf of bread,toast|breads
coffee|☕||cup of coffee,tea|coffees
popcorn|🍿|||popcorn
eggplant|🍆|purple|aubergine
fries|🍟||french fries,chips|fries
pretzel|🥨||
leaf|🍁|red|maple leaf|leaves
clover|🍀|green|four leaf clover,shamrock
tulip|🌷|pink|
sunflower|🌻|yellow|
palm|🌴|green|palm tree
fire|🔥|orange|flame
drop|💧|blue|water drop,raindrop
lightning|⚡|yellow|flash,lightning bolt|lightnings
planet|🪐||saturn
elephant|🐘||
snail|🐌||
ladybug|🐞|red|ladybird,beetle
bear|🐻||teddy,grizzly
shark|🦈||
dinosaur|🦕|green|dino,brontosaurus
tent|⛺|orange|
clock|⏰|red|alarm clock
bulb|💡|yellow|light bulb,lamp
lock|🔒|yellow|padlock
magnet|🧲|red|
envelope|✉|white|letter,mail
trophy|🏆|yellow|cup|trophies
football|⚽||soccer ball,ball
hat|🎩|black|top hat
shirt|👕||t shirt,tee
skull|💀|white|
"""

# Enough for the larger presets; names come from the Unicode data.
MORE = (
    "🐵🐒🦍🐕🐩🐺🦝🐈🐯🐅🐆🐴🐎🦓🦌🐮🐂🐃🐄🐖🐗🐏🐑🐐🐪🐫🦙🦒🐘🦏🦛🐭🐁🐀🐹🐇🦔🦇🐻🐨🦥🦦🦨🦘🦡🐾🦃🐔🐓🐣🐤🐥🕊🦅🦆🦢🦩🦚🦜🐊🦎🐍🐲🐉🦕🦖🐋🐬🐟"
    "🐡🦈🐚🐌🐛🐜🐞🦗🕷🦂🦟💐🌺🌻🌼🌷🌱🌲🌴🌾🌿🍀🍁🍂🍃🍇🍈🍉🍊🍍🥭🍐🍑🥝🍅🥥🥑🍆🥔🌽🌶🥒🥬🥦🧄🧅🥜🌰🍞🥐🥖🥨🥞🧇🧀🍖🍗🥩🥓🍔🍟🌭🥪🌮🌯🥚🍳🥘"
    "🍲🥗🍿🧈🍱🍘🍙🍚🍛🍜🍝🍠🍢🍣🍤🍥🍡🥟🥠🦞🦐🦑🍦🍧🍨🍩🍪🍰🧁🥧🍫🍬🍭🍮🍯🍼🥛☕🍵🍾🍷🍸🍹🍺🥤🧊🏔🌋🏕🏰🏯🗼🗽⛲🎡🎢🎪🚂🚃🚄🚌🚑🚒🚓🚕🚙🚚🚜🛴🛵🏍"
    "🚨🚥🛑⚓🚤🛳🚢✈🚁🛰🛸⌛⏰🌕🌡🌟🌊⛄🔥💧🎄🎆🎀🎫🏆🏅🥇⚽⚾🏀🏐🏈🏉🎾🎳🏏🏒🏓🏸🥊🎯🎣🤿🎿🛷🎱🔮🎮🎲🧩🧸🎨🧵🧶👓👔👕👖🧣🧤🧥🧦👗👘👙👛👜🎒👞👟🥾👠👡👢"
    "🎩🎓🧢💄💍🎷🎺🎻🥁📱☎🔋💻🖨🎥📷📺📻🔍💡🔦🏮📚📰💰✏🖍📌📎✂🔒🔨🪓🗡🏹🛡🔧🧲🧪🔬🔭💉💊🚪🛏🛋🪑🚽🛁🧹🧺🧻🧼🧽🛒🗿👽👾💀🤡💩👹"
)


def _curated(line: str) -> Thing:
    name, emoji, natural, rest = line.split("|", 3)
    synonyms, _, plural = rest.partition("|")
    return Thing(
        name=name,
        emoji=emoji.rstrip("!"),
        plural=plural or f"{name}s",
        natural=natural or None,
        synonyms=tuple(word for word in synonyms.split(",") if word),
        paintable=not emoji.endswith("!"),
    )


def _unicode_name(emoji: str) -> str:
    words = unicodedata.name(emoji).lower().replace("-", " ")
    for noise in (" face", "face with ", "black ", "white ", "slice of ", " symbol"):
        words = words.replace(noise, "")
    return words.strip()


def _from_unicode(emoji: str) -> Thing:
    name = _unicode_name(emoji)
    return Thing(name=name, emoji=emoji, plural=name if name.endswith("s") else f"{name}s")


def _all_things() -> tuple[Thing, ...]:
    curated = [_curated(line) for line in _CURATED.strip().splitlines()]
    named = {thing.name: thing for thing in curated}
    taken = {word for thing in curated for word in thing.synonyms}
    drawn = {thing.emoji for thing in curated}
    for emoji in MORE:
        thing = _from_unicode(emoji)
        if emoji not in drawn and thing.name not in taken:
            named.setdefault(thing.name, thing)
    return tuple(named.values())


THINGS: tuple[Thing, ...] = _all_things()


def by_name(name: str) -> Thing:
    """Find a thing by its name.

    Raises:
        KeyError: no thing is called that.
    """
    for thing in THINGS:
        if thing.name == name:
            return thing
    raise KeyError(name)
