"""Server-sent events (WHATWG HTML, section 9.2): only their data."""

import codecs
import re
from typing import AsyncGenerator, AsyncIterator, List

MAX_LINE = 1_048_576
"""Longest line that is kept while its end has not come, characters."""
_LINE_END = re.compile(r"\r\n|\n|\r")


async def event_data(chunks: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """The `data` of each event. Raises ValueError for an endless line."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pending = ""
    data: List[str] = []
    async for chunk in chunks:
        pending += decoder.decode(chunk)
        # a CR at the end may be the first half of CRLF: it waits for what follows
        held = "\r" if pending.endswith("\r") else ""
        *lines, pending = _LINE_END.split(pending[: len(pending) - len(held)])
        pending += held
        if len(pending) > MAX_LINE:
            raise ValueError("a line of the event stream does not end")
        for line in lines:
            if line.startswith("data:"):
                data.append(line[6:] if line.startswith("data: ") else line[5:])
            elif line == "" and data:
                yield "\n".join(data)
                data = []
