"""The pictures that projection-avatars learned from: ``python docs/make_avatars.py --out DIR``.

    pip install python-avatars==1.4.1 resvg-py==0.5.0

Busts of 64 pixels in colour, which a computer has drawn out of parts by Pablo Stanley and others
(python-avatars, MIT licence). It writes avatars-train.zip and avatars-test.zip, where each folder
is a class: a way to wear the hair. Each picture depends on the split and on its number alone.
"""

from __future__ import annotations

import argparse
import io
import random
import zipfile
from pathlib import Path

import python_avatars as parts
import resvg_py
from PIL import Image

SIDE = 64
COUNTS = {"train": 20_000, "test": 5_000}
HAIR = {
    "afro": parts.HairType.FRO,
    "bald": parts.HairType.NONE,
    "bob": parts.HairType.BOB,
    "caesar": parts.HairType.CAESAR,
    "curly": parts.HairType.CURLY,
    "dreads": parts.HairType.DREADS,
    "hat": parts.HairType.HAT,
    "long": parts.HairType.STRAIGHT_1,
    "pixie": parts.HairType.PIXIE,
    "waved": parts.HairType.SHORT_WAVED,
}
CLOTHES = (
    parts.ClothingType.BLAZER_SHIRT,
    parts.ClothingType.COLLAR_SWEATER,
    parts.ClothingType.HOODIE,
    parts.ClothingType.OVERALL,
    parts.ClothingType.SHIRT_CREW_NECK,
    parts.ClothingType.SHIRT_V_NECK,
)
FACES = (parts.MouthType.SMILE, parts.MouthType.SERIOUS, parts.MouthType.TWINKLE)
GLASSES = (parts.AccessoryType.NONE, parts.AccessoryType.NONE, parts.AccessoryType.ROUND)
WALLS = ("#f4d9c6", "#cfe3f1", "#d8ecd0", "#f6e7b4", "#e2d6ee", "#f3f3f0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(), help="the folder for the two files")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for split, count in COUNTS.items():
        part = out / f"avatars-{split}.zip.part"
        with zipfile.ZipFile(part, "w") as archive:
            for number in range(count):
                name = list(HAIR)[number % len(HAIR)]
                picture = drawn(name, random.Random(f"{split} {number}"))
                archive.writestr(f"{name}/{number:05}.png", picture)
        part.replace(part.with_suffix(""))


def drawn(hair: str, rng: random.Random) -> bytes:
    """A bust with such hair, everything else by chance, as a PNG file."""
    avatar = parts.Avatar(
        style=parts.AvatarStyle.TRANSPARENT,
        top=HAIR[hair],
        hat_color=rng.choice(list(parts.ClothingColor)),
        hair_color=rng.choice(list(parts.HairColor)),
        skin_color=rng.choice(list(parts.SkinColor)),
        eyes=parts.EyeType.DEFAULT,
        eyebrows=parts.EyebrowType.DEFAULT_NATURAL,
        nose=parts.NoseType.DEFAULT,
        mouth=rng.choice(FACES),
        facial_hair=parts.FacialHairType.NONE,
        accessory=rng.choice(GLASSES),
        clothing=rng.choice(CLOTHES),
        clothing_color=rng.choice(list(parts.ClothingColor)),
    )
    png = resvg_py.svg_to_bytes(svg_string=avatar.render(), height=4 * SIDE)
    large = Image.open(io.BytesIO(bytes(png)))
    bust = large.resize((large.width // 4, SIDE), Image.Resampling.LANCZOS)
    picture = Image.new("RGB", (SIDE, SIDE), rng.choice(WALLS))
    picture.paste(bust, ((SIDE - bust.width) // 2, 0), bust)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    main()
