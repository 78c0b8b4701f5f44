"""Reads ``native/include/dreamport/core.h``: an independent witness of its structs and functions."""

from __future__ import annotations

import re
from pathlib import Path

HEADER = Path(__file__).resolve().parent.parent / "native" / "include" / "dreamport" / "core.h"


def structs() -> dict[str, list[str]]:
    """Struct name to its field names, in order. Handles (structs without a body) are left out."""
    found: dict[str, list[str]] = {}
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", text, flags=re.DOTALL):
        fields: list[str] = []
        for declaration in body.split(";"):
            function = re.search(r"\(DP_CALL\s*\*\s*(\w+)\)", declaration)
            if function:
                fields.append(function[1])
            elif declaration.strip():
                fields += [
                    re.findall(r"\w+", re.sub(r"\[.*?\]", "", part))[-1] for part in declaration.split(",")
                ]
        found[name] = fields
    return found


def functions() -> list[str]:
    """Names of all functions of the C ABI."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    return re.findall(r"DP_API[^;(]*?(dp_\w+)\(", text)


def layout_program() -> str:
    """A C99 program that prints ``struct field offset size`` for every field (and the struct itself) as the C
    compiler sees them.
    """
    lines = ["#include <stdio.h>", '#include "dreamport/core.h"', "int main(void) {"]
    for name, fields in structs().items():
        lines.append(f'printf("{name} - 0 %u\\n", (unsigned)sizeof({name}));')
        lines += [
            f'printf("{name} {field} %u %u\\n", (unsigned)offsetof({name}, {field}),'
            f" (unsigned)sizeof((({name}*)0)->{field}));"
            for field in fields
        ]
    return "\n".join([*lines, "return 0;", "}", ""])


def read_layout(text: str) -> dict[tuple[str, str], tuple[int, int]]:
    """What that program printed: ``(struct, field) -> (offset, size)``; an empty field is the struct."""
    rows = [line.split() for line in text.splitlines() if line.strip()]
    return {(name, field.strip("-")): (int(offset), int(size)) for name, field, offset, size in rows}
