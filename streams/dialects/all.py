"""Every dialect by the name that a source's setting calls it."""

from typing import Final

from streams.dialects import brightspace, laurel
from streams.dialects.dialect import Parse

DIALECTS: Final[dict[str, Parse]] = {
    "brightspace": brightspace.parse,
    "laurel": laurel.parse,
}
