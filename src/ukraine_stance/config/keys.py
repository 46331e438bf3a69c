"""Which keys there are, and which of them a misspelt one was meant to be."""

import difflib

from ukraine_stance.config.faults import printable
from ukraine_stance.config.schema import AnyLayout

TOP = ""  # the section name of the keys that stand outside all sections

_SURELY = 0.8
_PERHAPS = 0.6


def keys_of(layout: AnyLayout, section: str, family: str | None = None) -> tuple[str, ...]:
    """Keys of a section; those of `model` depend on the family, None means those of all families."""
    if section == TOP:
        return tuple(layout.schema.model_fields)
    if section == "model":
        families = [layout.families[family]] if family else list(layout.families.values())
        return tuple(dict.fromkeys(key for model in families for key in model.model_fields))
    model = layout.sections[section]
    return tuple(model.model_fields) if model else ()


def near_key(layout: AnyLayout, section: str, key: str, family: str | None = None) -> str | None:
    """The key of the section itself that an unknown one was meant to be; None where it fits elsewhere better."""
    if "." in key:
        return None
    own = keys_of(layout, section, family)
    fits_elsewhere = any(key in keys_of(layout, other) for other in (TOP, *layout.sections))
    return _nearest(key, own, _SURELY if fits_elsewhere else _PERHAPS)


def meant(layout: AnyLayout, section: str, key: str, family: str | None = None) -> str:
    """Remedy for an unknown key: a key of this section that resembles it, else where it belongs, else what there is."""
    if "." in key:
        return "write the section on a line of its own and its keys below it, indented"
    near = near_key(layout, section, key, family)
    if near:
        return f"did you mean '{near}'?"
    of_other_family = _nearest(key, keys_of(layout, "model"), _SURELY) if section == "model" else None
    if of_other_family:
        return f"'{of_other_family}' belongs to the family {_owner_of(layout, of_other_family)}, not to {family}"
    others = [other for other in (TOP, *layout.sections) if other != section]
    elsewhere = {name: other for other in others for name in keys_of(layout, other)}
    other = _nearest(key, tuple(elsewhere), _SURELY)
    if other is None:
        return f"the keys here are {', '.join(keys_of(layout, section, family))}"
    if elsewhere[other] == TOP:
        return f"did you mean '{other}' at the top level, outside all sections?"
    return f"did you mean '{elsewhere[other]}.{other}'?"


def nearest_family(layout: AnyLayout, value: str) -> str | None:
    """The family that a misspelt one was meant to be."""
    return _nearest(value, tuple(layout.families), _PERHAPS)


def _owner_of(layout: AnyLayout, key: str) -> str:
    return next(family for family, model in layout.families.items() if key in model.model_fields)


def _nearest(word: str, known: tuple[str, ...], cutoff: float) -> str | None:
    # Cut: difflib's cost grows with the square of the length.
    plain = printable(word).lower().replace("-", "_")
    return next(iter(difflib.get_close_matches(plain, known, n=1, cutoff=cutoff)), None)
